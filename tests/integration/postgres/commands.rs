//! The command line on a database, and the way from a file to it.

use super::*;

#[test]
fn every_command_works_on_a_database_as_on_a_file() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).on(&database).apply(
        "[[endpoints]]\nid = \"workflows/a\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         aliases = [\"/hooks/a\"]\n[endpoints.auth]\nmode = \"provider\"\npreset = \"zoom\"\n\
         [[endpoints]]\nid = \"workflows/b\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         [endpoints.auth]\nmode = \"hmac\"\n",
    );
    assert!(
        gate.run(&["endpoint", "list"])
            .succeeded()
            .contains("workflows/b")
    );
    gate.run(&["endpoint", "show", "workflows/a"]).succeeded();
    gate.run(&["endpoint", "update", "workflows/b", "--label", "a=b"])
        .succeeded();
    gate.run_with_input(&["secret", "set", "workflows/a"], b"issued-by-zoom-123")
        .succeeded();
    gate.run(&[
        "secret",
        "rotate",
        "--yes",
        "workflows/b",
        "--overlap",
        "1h",
    ])
    .succeeded();
    assert_eq!(gate.secret("workflows/a"), "issued-by-zoom-123");
    gate.run(&["sign", "workflows/b", "--body", "{}"]);
    // One that is judged by the same secret, with a handshake that signs: refused.
    let shared = gate.run(&[
        "endpoint",
        "create",
        "workflows/c",
        "--organisation",
        "acme",
        "--workspace",
        "main",
        "--mode",
        "hmac",
        "--secret",
        "workflows/b#webhook",
        "--handshake",
        "zoom",
    ]);
    assert_ne!(shared.code, Some(0), "{shared:?}");
    gate.run(&["check"]).succeeded();
    gate.run(&["endpoint", "delete", "--yes", "workflows/b"])
        .succeeded();
    let audit = gate.run(&["audit", "list"]).succeeded();
    for word in [
        "endpoint_created",
        "secret_rotated",
        "secret_set",
        "secret_retired",
    ] {
        assert!(audit.contains(word), "{audit}");
    }
    assert!(!gate.files().contains(&"portcullis.db".to_owned()));
}

#[test]
fn a_gate_moves_from_a_file_to_a_database_with_three_lines_changed() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    let secret = gate.secret(ID);
    let audit = gate.run(&["audit", "list"]).succeeded();
    let list = gate.run(&["endpoint", "list"]).succeeded();

    let file = gate.folder().join("portcullis.db");
    let file = file.to_str().unwrap();
    let gate = gate.on(&database);
    let output = gate
        .run(&["store", "copy", "--from", file, "--json"])
        .succeeded();
    let output: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(output["rows"]["endpoints"], 1, "{output}");
    assert_eq!(output["rows"]["secret_versions"], 2, "{output}");
    assert!(!output.to_string().contains("p@ss"));
    assert_eq!(gate.run(&["audit", "list"]).succeeded(), audit);
    assert_eq!(gate.run(&["endpoint", "list"]).succeeded(), list);
    let gate = gate.start();
    assert_eq!(signed_with(&gate, &secret), 202);

    // A second time there is something there.
    let output = gate.run(&["store", "copy", "--from", file]).failed_with(1);
    assert!(
        output.contains("not empty") && output.contains(&database.url()),
        "{output}"
    );
    // And back, by configurations: into a file that is not there yet.
    let back = gate.file(
        "back.toml",
        "[store]\npath = \"back.db\"\n[upstreams.default]\naddresses = [\"127.0.0.1:1\"]\n",
    );
    let output = gate.run(&[
        "store",
        "copy",
        "--from",
        gate.config().to_str().unwrap(),
        "--to",
        back.to_str().unwrap(),
    ]);
    let output = output.succeeded();
    assert!(
        output.contains("back.db") && output.contains("secret_versions"),
        "{output}"
    );
}

#[test]
fn a_copy_from_nowhere_makes_no_file() {
    let database = Postgres::start();
    let gate = Gate::before(&Backend::refusing()).on(&database);
    let files = gate.files();
    gate.run(&["store", "copy", "--from", "nowhere.db"])
        .failed_with(3);
    let empty = gate.file(
        "empty.toml",
        "[store]\npath = \"nowhere.db\"\n[upstreams.default]\naddresses = [\"127.0.0.1:1\"]\n",
    );
    gate.run(&["store", "copy", "--from", empty.to_str().unwrap()])
        .failed_with(4);
    std::fs::remove_file(empty).unwrap();
    assert_eq!(gate.files(), files);
    gate.run(&["store", "copy"]).failed_with(2);
}

#[test]
fn a_backup_of_a_database_is_a_store_file_with_its_rows() {
    let database = Postgres::start();
    let gate = Gate::before(&Backend::refusing())
        .on(&database)
        .endpoint("hmac");
    let file = gate.folder().join("backup.db");
    let output = gate
        .run(&["store", "backup", file.to_str().unwrap()])
        .succeeded();
    assert!(
        output.contains("Captured deliveries are not in it"),
        "{output}"
    );
    let other = Gate::before(&Backend::refusing());
    let path = file.to_str().unwrap();
    other.run(&["store", "copy", "--from", path]).succeeded();
    let key = |gate: &Gate| gate.folder().join("portcullis.key");
    std::fs::copy(key(&gate), key(&other)).unwrap();
    let listed = other.run(&["endpoint", "list"]).succeeded();
    assert!(listed.contains(ID), "{listed}");
}
