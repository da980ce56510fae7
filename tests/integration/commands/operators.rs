//! `portcullis operator` and `portcullis console` as people and scripts use them.

use super::*;

const TOKEN: [&str; 3] = ["operator", "token", "create"];

/// The id in a token.
fn id_of(token: &str) -> &str {
    &token[4..20]
}

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// The newest lines of the audit log, the oldest of them first: action, subject and detail.
fn audit(gate: &Gate, limit: &str) -> Vec<[String; 3]> {
    let lines = json(gate, &["audit", "list", "--limit", limit]);
    let lines = lines.as_array().unwrap().iter().rev();
    lines
        .map(|line| ["action", "subject", "detail"].map(|key| line[key].as_str().unwrap().into()))
        .collect()
}

#[test]
fn an_operator_token_is_printed_once_listed_without_its_value_and_revoked() {
    let gate = Gate::before(&Backend::refusing());
    let options = ["--label", "deploy", "--role", "operator@acme/shop"];
    let created = gate.run(&[&TOKEN[..], &options, &["--role", "viewer"]].concat());
    assert_eq!(created.code, Some(0), "{created:?}");
    let token = created.stdout.trim_end().to_owned();
    assert_eq!(created.stdout.lines().count(), 1, "only the token");
    assert!(token.starts_with("pop_") && token.len() == 93, "{token}");
    let id = id_of(&token);
    let note =
        format!("operator token {id} for deploy with operator@acme/shop viewer, valid until 20");
    assert!(created.stderr.contains(&note), "{}", created.stderr);
    assert!(!created.stderr.contains(&token[21..]), "{}", created.stderr);

    let options = ["--label", "ci", "--role", "viewer", "--expires", "12h"];
    let short = json(&gate, &[&TOKEN[..], &options].concat());
    assert!(short["token"].as_str().unwrap().starts_with("pop_"));
    let lifetime = time(&short["expires_at"]).duration_since(time(&short["created_at"]));
    assert_eq!(lifetime.as_hours(), 12);

    let list = ["operator", "token", "list"];
    let listed = json(&gate, &list);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let deploy = &listed[1];
    assert_eq!(
        keys(deploy),
        [
            "created_at",
            "expires_at",
            "grants",
            "id",
            "label",
            "last_used_at",
            "revoked_at",
            "state",
        ]
    );
    assert_eq!(
        (&deploy["id"], &deploy["label"]),
        (&id.into(), &"deploy".into())
    );
    assert_eq!(
        deploy["grants"],
        serde_json::json!(["operator@acme/shop", "viewer"])
    );
    assert_eq!(
        (
            &deploy["state"],
            &deploy["last_used_at"],
            &deploy["revoked_at"]
        ),
        (&"active".into(), &Value::Null, &Value::Null)
    );
    let lifetime = time(&deploy["expires_at"]).duration_since(time(&deploy["created_at"]));
    assert_eq!(lifetime.as_hours(), 90 * 24, "the default");
    let table = gate.run(&list).succeeded();
    assert!(
        table.starts_with("ID ") && table.contains("deploy"),
        "{table}"
    );
    assert!(!table.contains(&token[21..85]), "{table}");

    let revoke = ["operator", "token", "revoke", id];
    assert_eq!(
        gate.run(&revoke).succeeded(),
        format!("operator token {id}: revoked")
    );
    assert_eq!(json(&gate, &revoke)["revoked"], false);
    assert_eq!(json(&gate, &list)[1]["state"], "revoked");

    let lines = audit(&gate, "3");
    let short_id = short["id"].as_str().unwrap();
    assert_eq!(&lines[0][..2], ["operator_token_created", id]);
    let detail = "deploy, operator@acme/shop viewer, until 20";
    assert!(lines[0][2].starts_with(detail), "{lines:?}");
    assert_eq!(&lines[1][..2], ["operator_token_created", short_id]);
    let revoked = [
        "operator_token_revoked",
        id,
        "deploy, operator@acme/shop viewer",
    ];
    assert_eq!(lines[2], revoked);
    gate.run(&["audit", "verify"]).succeeded();
}

#[test]
fn an_operator_command_with_a_mistake_names_it_and_changes_nothing() {
    let gate = Gate::before(&Backend::refusing());
    let create = |options: &[&str]| gate.run(&[&TOKEN[..], options].concat());
    let long = "x".repeat(129);
    for (options, expected) in [
        (&["--label", "x"][..], "--role"),
        (&["--role", "viewer"], "--label"),
        (
            &["--label", "", "--role", "viewer"],
            "the name of the operator is empty",
        ),
        (
            &["--label", &long, "--role", "viewer"],
            "a label of one line",
        ),
        (&["--label", "x", "--role", "root"], "`root` is not a role"),
        (
            &["--label", "x", "--role", "viewer@"],
            "`viewer@` is not a role",
        ),
        (
            &["--label", "x", "--role", "viewer", "--expires", "2y"],
            "from 1m to 365d",
        ),
    ] {
        let told = create(options).failed_with(2);
        assert!(told.contains(expected), "{options:?}: {told}");
    }
    for (code, words) in [
        (2, &["operator", "token", "revoke", "pop_1"][..]),
        (4, &["operator", "token", "revoke", "0123456789abcdef"]),
        (2, &["operator", "sign-out", ""]),
        (2, &["console", "login"]),
        (2, &["console", "login", "--url", "console.example.com"]),
        (
            2,
            &["console", "login", "--url", "https://console.example.com/a"],
        ),
        (
            2,
            &[
                "console",
                "login",
                "--url",
                "https://u:p@console.example.com",
            ],
        ),
        (
            2,
            &["console", "login", "--url", "ftp://console.example.com"],
        ),
    ] {
        let ran = gate.run(words);
        assert_eq!(
            (ran.code, &*ran.stdout),
            (Some(code), ""),
            "{words:?}: {ran:?}"
        );
    }
    assert_eq!(
        json(&gate, &["operator", "token", "list"]),
        serde_json::json!([])
    );
    assert_eq!(audit(&gate, "1").len(), 0);
}

#[test]
fn a_login_link_is_the_only_output_and_a_sign_out_deletes_it() {
    let gate = Gate::before(&Backend::refusing());
    let login = ["console", "login", "--url", "http://127.0.0.1:9443/"];
    let ran = gate.run(&login);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let link = ran.stdout.trim_end();
    let secret = link.strip_prefix("http://127.0.0.1:9443/sign-in#").unwrap();
    assert_eq!(secret.len(), 64, "{link}");
    let note = "with admin revealer; it works once, within 5 minutes";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
    let options = [
        "--subject",
        "ana",
        "--role",
        "viewer@acme",
        "--role",
        "operator@acme/shop",
    ];
    let other = gate.run(&[&login[..], &options].concat()).succeeded();
    assert_ne!(other, link);

    let lines = audit(&gate, "2");
    assert_eq!(lines[0][0], "login_link_created");
    assert!(
        lines[0][2].starts_with("admin revealer, until 20"),
        "{lines:?}"
    );
    assert_eq!(&lines[1][..2], ["login_link_created", "ana"]);
    let detail = "viewer@acme operator@acme/shop, until 20";
    assert!(lines[1][2].starts_with(detail), "{lines:?}");
    let exported = gate.run(&["audit", "export"]).succeeded();
    assert!(!exported.contains(secret), "{exported}");

    let sign_out = ["operator", "sign-out", "ana"];
    let ended = json(&gate, &sign_out);
    assert_eq!(
        ended,
        serde_json::json!({"subject": "ana", "sessions": 0, "links": 1})
    );
    assert_eq!(
        gate.run(&sign_out).succeeded(),
        "ana: sessions ended: 0, login links deleted: 0"
    );
    let lines = audit(&gate, "1");
    assert_eq!(
        lines[0],
        ["signed_out", "ana", "all sessions and login links"]
    );
}
