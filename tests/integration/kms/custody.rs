//! What KMS encrypts, and who can open it.

use super::*;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

/// The rows of the store: service, key and ciphertext of the first version of a secret.
fn row(gate: &Gate, id: &str) -> (String, String, Vec<u8>) {
    use sqlx::Connection as _;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let url = format!("sqlite://{}", gate.folder().join("portcullis.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let row = sqlx::query_as(
            "SELECT service, key_id, ciphertext FROM secret_versions WHERE scope = ?1 AND version = 1",
        )
        .bind(id)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        row
    })
}

#[test]
fn a_secret_that_kms_has_encrypted_proves_a_delivery() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac").start();
    assert_eq!(signed(&gate, ID, &gate.secret(ID)), admitted());
    assert_eq!(signed(&gate, ID, "a guess"), mismatch());
    let (service, key, ciphertext) = row(&gate, ID);
    assert_eq!((service.as_str(), key.as_str()), ("aws", kms.key.as_str()));

    // Whoever has the key, and knows what it is for, can open it without this program; nobody else can.
    let open = |version: &str| {
        json!({
            "CiphertextBlob": BASE64_STANDARD.encode(&ciphertext[1..]),
            "EncryptionContext": {
                "portcullis:purpose": "secret",
                "portcullis:scope": ID,
                "portcullis:slot": "webhook",
                "portcullis:version": version,
            },
        })
    };
    let opened = kms.moto.ask("Decrypt", &open("1"));
    let value = BASE64_STANDARD
        .decode(opened["Plaintext"].as_str().unwrap())
        .unwrap();
    assert_eq!(value, gate.secret(ID).into_bytes());
    // There is no key in a file that nobody asked for.
    assert!(
        !gate.files().contains(&"portcullis.key".to_owned()),
        "{:?}",
        gate.files()
    );
}

#[test]
fn a_ciphertext_that_was_moved_to_another_row_admits_nobody() {
    for data_keys in ["none", "shared"] {
        let (kms, backend) = (Kms::start(), Backend::accepting());
        let gate = kms
            .gate(&backend, "")
            .with("secrets.aws", &format!("data_keys = \"{data_keys}\""))
            .apply(&declared(&[ID, OTHER]));
        let (own, moved) = (gate.secret(ID), gate.secret(OTHER));
        sqlite(
            &gate,
            "UPDATE secret_versions SET ciphertext = (SELECT ciphertext FROM secret_versions \
             WHERE scope = 'workflows/other') WHERE scope = 'workflows/pr-bot'",
        );
        let gate = gate.start();
        for secret in [own.as_str(), &moved, "a guess"] {
            assert_eq!(signed(&gate, ID, secret), undecryptable(), "{data_keys}");
        }
        assert_eq!(signed(&gate, OTHER, &moved), admitted());
        eventually("it is logged", || {
            count_lines(&gate, "a secret cannot be decrypted") >= 1
        });
        assert_eq!(count_lines(&gate, "a secret cannot be decrypted"), 1);
        gate.run(&["secret", "reveal", ID]).failed_with(5);
    }
}

#[test]
fn ciphertexts_that_are_none_are_refused_and_nothing_breaks() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let mut gate = kms.gate(&backend, "").endpoint("hmac");
    let secret = gate.secret(ID);
    let (_, _, whole) = row(&gate, ID);
    let blob = hex::encode(&whole[1..]);
    for ciphertext in [
        String::new(),
        "00".to_owned(),
        "01".to_owned(),
        "02".to_owned(),
        "0200".to_owned(),
        "020000".to_owned(),
        "02ffff".to_owned(),
        "020001ff".to_owned(),
        format!("03{blob}"),
        format!("01{}", &blob[2..]),
        format!("01{}", &blob[..blob.len() - 2]),
        format!("02{:04x}{blob}", whole.len() - 1),
    ] {
        sqlite(
            &gate,
            &format!("UPDATE secret_versions SET ciphertext = x'{ciphertext}'"),
        );
        gate.restart();
        assert_eq!(signed(&gate, ID, &secret), undecryptable(), "{ciphertext}");
    }
}

#[test]
fn an_alias_names_a_key_and_the_key_may_change_behind_it() {
    let (mut kms, backend) = (Kms::start(), Backend::accepting());
    let first = kms.key.clone();
    kms.moto.alias("alias/portcullis", &first);
    kms.key = "alias/portcullis".to_owned();
    let gate = kms.gate(&backend, "").endpoint("hmac");
    assert_eq!(row(&gate, ID).1, first);
    let second = kms.moto.key();
    kms.moto.ask(
        "UpdateAlias",
        &json!({"AliasName": "alias/portcullis", "TargetKeyId": second}),
    );
    let gate = gate.endpoint_with(OTHER, &["--mode", "hmac"]).start();
    assert_eq!(row(&gate, OTHER).1, second);
    for id in [ID, OTHER] {
        assert_eq!(signed(&gate, id, &gate.secret(id)), admitted());
    }
    let output = gate.run(&["secret", "rewrap"]).succeeded();
    assert!(
        output.starts_with("1 versions of secrets moved"),
        "{output}"
    );
    assert_eq!(row(&gate, ID).1, second);
}

#[test]
fn neither_a_secret_nor_a_credential_is_written_anywhere() {
    for data_keys in ["none", "shared"] {
        let (kms, backend) = (Kms::start(), Backend::accepting());
        let gate = kms
            .gate(&backend, "cache_time_to_live = \"1s\"")
            .with("secrets.aws", &format!("data_keys = \"{data_keys}\""))
            .with("log", "level = \"trace\"")
            .environment("AWS_SESSION_TOKEN", "a-session-token")
            .endpoint("hmac")
            .start();
        let secret = gate.secret(ID);
        assert_eq!(signed(&gate, ID, &secret), admitted());
        for fault in [
            Fault::DENIED,
            Fault::INTERNAL,
            Fault::Garbage,
            // What AWS quotes, if a signature is wrong.
            Fault::Error(
                400,
                "InvalidSignatureException",
                "The Canonical String should have been x-amz-security-token:a-session-token",
            ),
        ] {
            kms.proxy.set(fault);
            // The lifetime of the secret in memory ends.
            let_pass(Duration::from_millis(1100));
            signed(&gate, ID, &secret);
            let _ = gate.run(&["secret", "reveal", ID]).failed_with(5);
        }
        let output = gate.run(&["check", "--running"]).failed_with(3);
        let written = gate.everything_written() + &gate.metrics() + &output;
        for value in [
            &secret,
            &BASE64_STANDARD.encode(&secret),
            SECRET_KEY,
            "a-session-token",
        ] {
            let found = written.lines().find(|line| line.contains(value));
            assert_eq!(found, None, "{value}");
        }
    }
}

/// Endpoints with the mode `hmac`, all in one declaration.
pub(super) fn declared(ids: &[&str]) -> String {
    let endpoint = |id: &&str| {
        format!(
            "[[endpoints]]\nid = \"{id}\"\norganisation = \"o\"\nworkspace = \"w\"\n\
             auth = {{ mode = \"hmac\" }}\n"
        )
    };
    ids.iter().map(endpoint).collect()
}
