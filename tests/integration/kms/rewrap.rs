//! Moving secrets to another key or key service, while they are in use.

use super::*;

fn services(gate: &Gate) -> Vec<(String, i64)> {
    use sqlx::Connection as _;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let url = format!("sqlite://{}", gate.folder().join("portcullis.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let rows = sqlx::query_as(
            "SELECT service, count(*) FROM secret_versions GROUP BY service ORDER BY service",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        rows
    })
}

fn ids() -> Vec<String> {
    (0..20)
        .map(|number| format!("workflows/w{number}"))
        .collect()
}

/// A gate whose twenty secrets the local key has encrypted, one of them with an overlap.
fn local(backend: &Backend) -> Gate {
    let ids = ids();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = Gate::before(backend).apply(&super::custody::declared(&ids));
    gate.run(&[
        "secret",
        "rotate",
        "--yes",
        "workflows/w7",
        "--overlap",
        "1h",
    ])
    .succeeded();
    gate.run(&["secret", "rotate", "--yes", "workflows/w8"])
        .succeeded();
    gate
}

fn of(service: &str, versions: i64) -> (String, i64) {
    (service.to_owned(), versions)
}

#[test]
fn all_secrets_move_from_the_local_key_to_kms_and_back_while_they_are_in_use() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .known_to(local(&backend))
        .with("secrets", "cache_time_to_live = \"1s\"");
    let values: Vec<(String, String)> = ids()
        .into_iter()
        .map(|id| (id.clone(), gate.secret(&id)))
        .collect();
    let mut gate = gate.with_only(
        "secrets",
        "key_service = \"aws\"\ncache_time_to_live = \"1s\"",
    );
    gate.restart();
    let all_are_admitted = |gate: &Gate| {
        for (id, value) in &values {
            let answer = send(gate.http(), &delivery(id, value));
            assert!(matches!(answer.status, 200 | 202), "{id}: {}", answer.head);
        }
    };
    all_are_admitted(&gate);
    assert_eq!(
        kms.proxy.calls().len(),
        0,
        "the local key opens what it has encrypted"
    );

    let output = gate.run(&["secret", "rewrap", "--dry-run"]).succeeded();
    assert_eq!(
        output,
        "22 versions of secrets to move to the key service `aws`, 0 already there"
    );
    assert_eq!(services(&gate), [of("local", 22)]);

    let output = std::thread::scope(|scope| {
        let moving = scope.spawn(|| gate.run(&["secret", "rewrap", "--json"]).succeeded());
        while !moving.is_finished() {
            all_are_admitted(&gate);
        }
        moving.join().unwrap()
    });
    let output: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(
        (&output["moved"], &output["already"]),
        (&22.into(), &0.into())
    );
    assert_eq!(services(&gate), [of("aws", 22)]);
    let output = gate.run(&["secret", "rewrap"]).succeeded();
    assert_eq!(
        output,
        "0 versions of secrets moved to the key service `aws`, 22 already there"
    );
    let audit = gate.run(&["audit", "list", "--limit", "100"]).succeeded();
    assert_eq!(audit.matches("secret_resealed").count(), 22, "{audit}");
    assert!(audit.contains(&kms.key), "{audit}");

    // Nobody needs the local key any more.
    std::fs::rename(
        gate.folder().join("portcullis.key"),
        gate.folder().join("old"),
    )
    .unwrap();
    gate.restart();
    all_are_admitted(&gate);
    for (id, value) in &values {
        assert_eq!(gate.secret(id), *value);
    }

    // And back.
    std::fs::rename(
        gate.folder().join("old"),
        gate.folder().join("portcullis.key"),
    )
    .unwrap();
    let mut gate = gate.with_only("secrets", "key_service = \"local\"");
    gate.run(&["secret", "rewrap"]).succeeded();
    assert_eq!(services(&gate), [of("local", 22)]);
    drop(kms);
    gate.restart();
    all_are_admitted(&gate);
}

#[test]
fn what_was_interrupted_goes_on_where_it_was() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .known_to(local(&backend))
        .with("secrets", "key_service = \"aws\"");
    let gate = gate.with("secrets.aws", "max_calls_in_flight = 1");
    // Each is read back before it takes the place of what it was made from.
    kms.proxy.set(Fault::InternalAfter("Decrypt", 8));
    let output = gate.run(&["secret", "rewrap"]).failed_with(5);
    assert!(
        output.contains("run the command again to resume"),
        "{output}"
    );
    let moved = services(&gate);
    assert!(moved.len() == 2 && moved[0].1 >= 3, "{moved:?}");
    kms.proxy.set(Fault::None);
    let output = gate.run(&["secret", "rewrap"]).succeeded();
    assert!(
        output.ends_with(&format!("{} already there", moved[0].1)),
        "{output}"
    );
    assert_eq!(services(&gate), [of("aws", 22)]);
}

#[test]
fn one_that_does_not_open_keeps_no_other_from_being_moved() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .known_to(local(&backend))
        .with("secrets", "key_service = \"aws\"");
    sqlite(
        &gate,
        "UPDATE secret_versions SET ciphertext = x'00' WHERE scope = 'workflows/w3'",
    );
    let output = gate.run(&["secret", "rewrap"]).failed_with(5);
    assert!(
        output.contains("1 that cannot be decrypted:\nworkflows/w3#webhook, version 1: "),
        "{output}"
    );
    assert_eq!(services(&gate), [of("aws", 21), of("local", 1)]);
}

#[test]
fn secrets_move_from_kms_itself_to_data_keys_and_to_another_key() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let ids = ids();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = kms
        .gate(&backend, "")
        .apply(&super::custody::declared(&ids));
    let value = gate.secret(ids[0]);
    let gate = gate.with("secrets.aws", "data_keys = \"shared\"");
    let output = gate.run(&["secret", "rewrap"]).succeeded();
    assert!(output.starts_with("20 versions"), "{output}");
    assert_eq!(kms.proxy.count("GenerateDataKey"), 1);

    let other = kms.moto.key();
    let text = std::fs::read_to_string(gate.config()).unwrap();
    std::fs::write(gate.config(), text.replace(&kms.key, &other)).unwrap();
    let output = gate.run(&["secret", "rewrap"]).succeeded();
    assert!(output.starts_with("20 versions"), "{output}");
    assert_eq!(kms.proxy.count("GenerateDataKey"), 2);
    assert_eq!(gate.secret(ids[0]), value);
    let audit = gate.run(&["audit", "list", "--limit", "1000"]).succeeded();
    assert!(
        audit.contains(&format!("from aws {} to aws {other}", kms.key)),
        "{audit}"
    );
}

#[test]
fn no_key_is_made_by_the_way_for_secrets_that_kms_holds() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac");
    let key = gate.folder().join("portcullis.key");
    assert!(!key.exists());
    let gate = gate.with_only("secrets", "key_service = \"local\"");
    let output = gate.run(&["secret", "rewrap"]);
    assert_ne!(output.code, Some(0));
    assert!(
        output.stderr.contains("portcullis.key"),
        "{}",
        output.stderr
    );
    assert!(!key.exists());
    // Whoever wants to move puts one there, the same at every gate.
    std::fs::write(&key, format!("portcullis-key-1 {}\n", base64_key())).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    gate.run(&["secret", "rewrap"]).succeeded();
    assert_eq!(services(&gate), [of("local", 1)]);
}

fn base64_key() -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode([7; 32])
}
