//! The key and the ciphertexts: what is not as it was left is not used, and never made anew.

use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use super::*;

#[test]
fn many_deliveries_at_once_cost_one_call_of_the_key_service() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    let secret = gate.secret(ID);
    let gate = gate.start();
    let calls = || gate.metric("portcullis_key_service_calls_total");
    assert_eq!(calls(), 0);

    let (gate, secret) = (&gate, secret.as_str());
    let senders = 64;
    let together = Barrier::new(senders);
    let admitted = std::thread::scope(|scope| {
        let sending: Vec<_> = (0..senders)
            .map(|_| {
                scope.spawn(|| {
                    let request = Request::post(PATH)
                        .header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
                        .body("{}");
                    let mut connection = Connection::to(gate.http());
                    together.wait();
                    connection.write(&request.bytes()).answer().status
                })
            })
            .collect();
        let statuses = sending.into_iter().map(|thread| thread.join().unwrap());
        statuses.filter(|status| *status == 202).count()
    });
    assert_eq!(admitted, senders);
    assert_eq!(calls(), 1);
    let lookups = |result: &str| {
        gate.metric(&format!(
            "portcullis_secret_cache_requests_total{{result=\"{result}\"}}"
        ))
    };
    assert_eq!(lookups("hit") + lookups("miss"), 64);
    assert_eq!(
        gate.metric("portcullis_endpoint_lookups_total{result=\"miss\"}"),
        1
    );

    // A hot one costs none; a rotated one costs one more.
    for _ in 0..20 {
        assert_eq!(signed_with(gate, secret), 202);
    }
    assert_eq!(calls(), 1);
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    in_force(|| signed_with(gate, secret) == 401);
    // What is forgotten is forgotten twice, in two rounds.
    assert!((2..=3).contains(&calls()), "{}", calls());
    assert!(!gate.metrics().lines().any(|line| {
        line.starts_with("portcullis_key_service_failures_total") && !line.ends_with(" 0")
    }));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o644, 0o660, 0o666, 0o601, 0o777] {
        let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
        let key = gate.folder().join("portcullis.key");
        std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        for output in [
            gate.serve_that_ends().failed_with(5),
            gate.run(&["secret", "reveal", ID]).failed_with(5),
            gate.run(&["check"]).failed_with(3),
        ] {
            assert!(output.contains(key.to_str().unwrap()), "{output}");
            assert!(output.contains(&format!("{mode:04o}")), "{output}");
            assert!(output.contains("chmod 600"), "{output}");
        }
        // What is advised helps.
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        gate.start();
    }
}

#[test]
fn a_key_that_is_lost_is_never_made_anew_for_a_store_that_needs_it() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let key = gate.folder().join("portcullis.key");
    let kept = gate.folder().join("a copy of the key");
    std::fs::rename(&key, &kept).unwrap();
    for (words, code) in [
        (&["secret", "reveal", ID][..], 5),
        (&["secret", "rotate", "--yes", ID], 5),
        (&["check"], 3),
    ] {
        let ran = gate.run(words);
        assert!(!key.exists(), "{words:?} has made a new key");
        let output = ran.failed_with(code);
        assert!(
            output.contains(key.to_str().unwrap()),
            "{words:?}: {output}"
        );
    }
    gate.run(&["endpoint", "list"]);
    assert!(!key.exists(), "to look has made a new key");
    let output = gate.serve_that_ends().failed_with(5);
    assert!(output.contains("there is no key file"), "{output}");
    assert!(!key.exists());
    // With its key back, all is well.
    std::fs::rename(&kept, &key).unwrap();
    assert_eq!(gate.secret(ID).len(), 64);
}

#[test]
fn another_key_admits_nobody_and_refuses_nobody_for_good() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    let secret = gate.secret(ID);
    let other = Gate::before(&backend).endpoint("hmac");
    std::fs::copy(
        other.folder().join("portcullis.key"),
        gate.folder().join("portcullis.key"),
    )
    .unwrap();
    let output = gate.run(&["secret", "reveal", ID]).failed_with(5);
    assert!(output.contains("encrypted with key"), "{output}");
    let gate = gate.start();
    for value in [&secret, "", &other.secret(ID)] {
        assert_eq!(signed_with(&gate, value), 503);
    }
    backend.was_not_contacted();
    assert!(gate.metric("portcullis_key_service_failures_total{kind=\"other_key\"}") >= 1);
}

/// Puts a ciphertext where it does not belong, while the gate runs, and tells everybody to look.
fn plant(gate: &Gate, ciphertext_of: &str, at: &str) {
    sqlite(
        gate,
        &format!(
            "UPDATE secret_versions SET ciphertext = \
             (SELECT ciphertext FROM secret_versions WHERE {ciphertext_of}) WHERE {at}; \
             INSERT INTO changes (kind, name) VALUES ('secret', '{ID}#webhook')"
        ),
    );
}

#[test]
fn a_ciphertext_of_another_endpoint_admits_nobody() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint("hmac")
        .endpoint_with("workflows/mine", &["--mode", "hmac"])
        .start();
    let (own, planted) = (gate.secret(ID), gate.secret("workflows/mine"));
    assert_eq!(signed_with(&gate, &own), 202);
    let so_far = backend.received().len();
    plant(
        &gate,
        "scope = 'workflows/mine'",
        "scope = 'workflows/pr-bot'",
    );
    in_force(|| signed_with(&gate, &own) != 202);
    let reached = backend.received().len();
    assert!(reached >= so_far);
    for secret in [own.as_str(), &planted, "", "guess"] {
        assert_eq!(signed_with(&gate, secret), 503);
    }
    assert_eq!(backend.received().len(), reached);
    let refused = || {
        gate.log(1)
            .pop()
            .filter(|it| it["reason"] == "secret_undecryptable")
    };
    in_force(|| refused().is_some());
    let line = refused().unwrap();
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("the ciphertext does not decrypt")
    );
    gate.run(&["secret", "reveal", ID]).failed_with(5);
}

#[test]
fn a_ciphertext_of_an_older_version_admits_nobody() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let retired = gate.secret(ID);
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    in_force(|| signed_with(&gate, &retired) == 401);
    let reached = backend.received().len();
    // Whoever can write to the store, and knows a secret that was retired, wants it back.
    plant(&gate, "version = 1", "version = 2");
    in_force(|| signed_with(&gate, &retired) == 503);
    assert_eq!(backend.received().len(), reached);
}

#[test]
fn a_ciphertext_that_was_damaged_admits_nobody() {
    let backend = Backend::accepting();
    for damage in [
        "ciphertext = x''",
        "ciphertext = x'00'",
        "ciphertext = zeroblob(71)",
        "ciphertext = substr(ciphertext, 1, length(ciphertext) - 1)",
        "service = 'none'",
        "key_id = ''",
        "version = version + 1",
    ] {
        let gate = Gate::before(&backend).endpoint("hmac");
        let secret = gate.secret(ID);
        sqlite(&gate, &format!("UPDATE secret_versions SET {damage}"));
        let gate = gate.start();
        for value in [secret.as_str(), ""] {
            assert_eq!(signed_with(&gate, value), 503, "{damage}");
        }
    }
    backend.was_not_contacted();
}

#[test]
fn an_endpoint_whose_secret_is_gone_admits_nobody() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    let secret = gate.secret(ID);
    sqlite(&gate, "DELETE FROM secret_versions");
    let gate = gate.start();
    for value in [secret.as_str(), ""] {
        let request = Request::post(PATH)
            .header("X-Hub-Signature-256", &github_signature(value, b"{}"))
            .body("{}");
        let answer = send(gate.http(), &request);
        assert_eq!((answer.status, answer.reason()), (401, "secret_unbound"));
    }
    backend.was_not_contacted();
    // It may be bound while the gate runs.
    gate.run_with_input(&["secret", "set", ID], b"bound at last")
        .succeeded();
    in_force(|| signed_with(&gate, "bound at last") == 202);
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    sqlite(
        &gate,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    );
    let store = gate.folder().join("portcullis.db");
    let before = std::fs::read(&store).unwrap();
    for output in [
        gate.serve_that_ends().failed_with(5),
        gate.run(&["endpoint", "list"]).failed_with(5),
        gate.run(&["check"]).failed_with(3),
    ] {
        assert!(output.contains(store.to_str().unwrap()), "{output}");
        assert!(
            output.contains("schema 9999") && output.contains("newer Portcullis"),
            "{output}"
        );
    }
    assert_eq!(std::fs::read(&store).unwrap(), before);
}

#[test]
fn the_audit_log_cannot_be_rewritten_through_the_store() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let before = gate.run(&["audit", "list"]).succeeded();
    for statement in ["DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"] {
        let refused = std::panic::catch_unwind(|| sqlite(&gate, statement));
        assert!(refused.is_err(), "{statement}");
    }
    assert_eq!(gate.run(&["audit", "list"]).succeeded(), before);
}

#[test]
fn a_store_that_is_replaced_under_a_running_gate_admits_nobody_and_says_so() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    let secret = gate.secret(ID);
    let mut gate = gate.start();
    assert_eq!(signed_with(&gate, &secret), 202);
    let store = gate.folder().join("portcullis.db");
    let copy = gate.folder().join("copy.db");
    sqlite(&gate, &format!("VACUUM INTO '{}'", copy.display()));
    // As docs/operate/backup.md says: a copy that others can read would be refused.
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::rename(&store, gate.folder().join("old.db")).unwrap();
    for log in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(gate.folder().join(format!("portcullis.db{log}")));
    }
    std::fs::rename(&copy, &store).unwrap();
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    // What was revoked in the new one must not be admitted out of the old one.
    in_force(|| signed_with(&gate, &secret) == 503);
    let ready = send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("replaced"), "{}", ready.text());
    // An endpoint that only the new one may have is not said to be missing.
    let other = Request::post("/webhooks/ai/workflows/nope");
    assert_eq!(send(gate.http(), &other).status, 503);
    // After a restart the new one counts.
    gate.restart();
    assert_eq!(signed_with(&gate, &secret), 401);
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn a_gate_whose_log_was_removed_admits_nobody_and_undoes_no_rotation() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let old = gate.secret(ID);
    assert_eq!(signed_with(&gate, &old), 202);
    for file in ["portcullis.db-wal", "portcullis.db-shm"] {
        std::fs::remove_file(gate.folder().join(file)).unwrap();
    }
    // It is written to files that the gate does not have open.
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    in_force(|| signed_with(&gate, &old) == 503);
    let ready = send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("replaced"), "{}", ready.text());
    assert_eq!(gate.metric("portcullis_store_up"), 0);
    // At its end it writes nothing of what it had into the store.
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
    gate.run(&["audit", "verify"]).succeeded();
    gate.restart();
    assert_eq!(signed_with(&gate, &old), 401);
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn a_gate_that_lost_one_file_of_its_log_admits_nobody() {
    let backend = Backend::accepting();
    for file in ["portcullis.db-wal", "portcullis.db-shm"] {
        let gate = Gate::before(&backend).endpoint("hmac").start();
        let secret = gate.secret(ID);
        assert_eq!(signed_with(&gate, &secret), 202);
        let path = gate.folder().join(file);
        std::fs::rename(&path, gate.folder().join("away")).unwrap();
        // Another file in its place is not the one that was opened.
        std::fs::write(&path, "").unwrap();
        in_force(|| signed_with(&gate, &secret) == 503);
        std::fs::rename(gate.folder().join("away"), &path).unwrap();
        in_force(|| signed_with(&gate, &secret) == 202);
    }
}

#[test]
fn a_backup_that_is_written_into_the_same_file_counts() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    let first = gate.secret(ID);
    // The backup has a rotation of its own, and as many changes as the gate has seen, and more.
    let (store, backup) = (
        gate.folder().join("portcullis.db"),
        gate.folder().join("backup.db"),
    );
    let original = gate.folder().join("original.db");
    std::fs::copy(&store, &original).unwrap();
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let second = gate.secret(ID);
    gate.run(&["endpoint", "update", ID, "--label", "a=b"])
        .succeeded();
    gate.run(&["endpoint", "update", ID, "--label", "a=c"])
        .succeeded();
    std::fs::copy(&store, &backup).unwrap();
    std::fs::copy(&original, &store).unwrap();
    let gate = gate.start();
    gate.run(&["endpoint", "update", ID, "--label", "other=history"])
        .succeeded();
    assert_eq!(signed_with(&gate, &first), 202);

    sqlite(
        &gate,
        &format!(
            "ATTACH '{}' AS backup; \
         DELETE FROM secret_versions; INSERT INTO secret_versions SELECT * FROM backup.secret_versions; \
         DELETE FROM changes; INSERT INTO changes SELECT * FROM backup.changes;",
            backup.display()
        ),
    );
    in_force(|| signed_with(&gate, &first) == 401);
    assert_eq!(signed_with(&gate, &second), 202);
}
