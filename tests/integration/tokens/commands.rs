//! `portcullis token` as people and scripts use it.

use serde_json::Value;

use super::*;

fn json(gate: &Gate, words: &[&str]) -> Value {
    let output = gate.run(&[words, &["--json"]].concat()).succeeded();
    serde_json::from_str(&output).unwrap()
}

#[test]
fn a_token_is_printed_once_listed_without_its_value_and_revoked() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    // The only organisation that has the workspace owns it.
    let made = gate.run(&[
        "token",
        "create",
        "--workspace",
        "main",
        "--label",
        "laptop of ann",
    ]);
    let (token, note) = (made.stdout.trim_end().to_owned(), made.stderr.clone());
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(
        made.stdout.lines().count(),
        1,
        "nothing but the token: {made:?}"
    );
    assert!(token.starts_with("pwt_") && token.len() == 93, "{token}");
    let id = id_of(&token);
    assert!(
        note.contains(&format!(
            "token {id} for workspace main of acme, valid until 20"
        )),
        "{note}"
    );
    assert!(!note.contains(&token[21..]), "{note}");

    let short = json(
        &gate,
        &["token", "create", "--workspace", "main", "--expires", "12h"],
    );
    let times = |key: &str| {
        short[key]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    let lasts = times("expires_at").duration_since(times("created_at"));
    assert_eq!(lasts.as_hours(), 12);
    assert!(short["token"].as_str().unwrap().starts_with("pwt_"));

    let listed = json(&gate, &["token", "list", "--workspace", "main"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let first = &listed[0];
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "created_at",
            "expires_at",
            "id",
            "label",
            "last_used_at",
            "organisation",
            "revoked_at",
            "state",
            "workspace"
        ]
    );
    assert_eq!(
        (&first["id"], &first["label"]),
        (&id.into(), &"laptop of ann".into())
    );
    assert_eq!(
        (&first["state"], &first["last_used_at"]),
        (&"active".into(), &Value::Null)
    );
    let days = |at: &str| {
        first[at]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    let lasts = days("expires_at").duration_since(days("created_at"));
    assert_eq!(lasts.as_hours(), 90 * 24, "if nothing is said");
    assert_eq!(
        json(&gate, &["token", "list", "--workspace", "other"]),
        Value::Array(vec![])
    );
    let table = gate.run(&["token", "list"]).succeeded();
    assert!(
        table.starts_with("ID ") && table.contains("laptop of ann"),
        "{table}"
    );
    assert!(!table.contains(&token[21..85]), "{table}");

    assert_eq!(
        gate.run(&["token", "revoke", id]).succeeded(),
        format!("token {id}: revoked")
    );
    let again = json(&gate, &["token", "revoke", id]);
    assert_eq!(again["revoked"], false);
    let listed = json(&gate, &["token", "list"]);
    assert_eq!(listed[0]["state"], "revoked");

    let audit = json(&gate, &["audit", "list", "--limit", "3"]);
    let lines = audit.as_array().unwrap().iter().rev();
    let output: Vec<(&str, &str, &str)> = lines
        .map(|line| {
            let word = |key: &str| line[key].as_str().unwrap();
            (word("action"), word("subject"), word("detail"))
        })
        .collect();
    let short_id = short["id"].as_str().unwrap();
    assert_eq!((output[0].0, output[0].1), ("token_created", id));
    assert!(
        output[0].2.starts_with("workspace main of acme, until "),
        "{output:?}"
    );
    assert!(output[0].2.ends_with(", laptop of ann"), "{output:?}");
    assert_eq!((output[1].0, output[1].1), ("token_created", short_id));
    assert_eq!(output[2], ("token_revoked", id, "workspace main of acme"));
}

#[test]
fn what_cannot_be_is_refused_with_what_would_be_right() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let named = ["token", "create", "--workspace", "main"];
    for (lifetime, right) in [
        ("never", false),
        ("0s", false),
        ("59s", false),
        ("-1d", false),
        ("366d", false),
        ("2y", false),
        ("90", false),
        ("", false),
        ("1m", true),
        ("365d", true),
        ("2w", true),
    ] {
        let ran = gate.run(&[&named[..], &[&format!("--expires={lifetime}")]].concat());
        assert_eq!(
            ran.code,
            Some(if right { 0 } else { 2 }),
            "{lifetime}: {ran:?}"
        );
        assert_eq!(
            ran.stderr.contains("from 1m to 365d"),
            !right,
            "{lifetime}: {ran:?}"
        );
    }
    let long = "x".repeat(129);
    for label in [long.as_str(), "two\nlines", "\u{1b}[31m"] {
        let ran = gate.run(&[&named[..], &["--label", label]].concat());
        assert!(ran.failed_with(2).contains("a label of one line"));
    }
    for (code, words) in [
        (2, &["token", "create"][..]),
        (2, &["token", "create", "--workspace", ""]),
        (2, &["token", "create", "--workspace", "no such"]),
        (2, &["token", "create", "--workspace", "nobodys"]),
        (2, &["token", "revoke", "pwt_1"]),
        (2, &["token", "revoke", "0123456789ABCDEF"]),
        (4, &["token", "revoke", "0123456789abcdef"]),
    ] {
        let ran = gate.run(words);
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{words:?}");
    }
    // Two organisations with a workspace of that name.
    let words = [
        "endpoint",
        "create",
        "workflows/x",
        "--organisation",
        "umbrella",
    ];
    gate.run(&[&words[..], &["--workspace", "main"]].concat())
        .succeeded();
    let output = gate.run(&named).failed_with(2);
    assert!(output.contains("`acme`, `umbrella`"), "{output}");
}

#[test]
fn what_has_ended_is_forgotten_after_as_long_as_it_had_lived() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let [old, young, alive] = [(); 3].map(|()| gate.token("main"));
    let now = jiff::Timestamp::now().as_millisecond();
    let ended = |token: &str, created: i64, expires: i64| {
        let (created, expires) = (now - created, now - expires);
        let set = format!("SET created_ms = {created}, expires_ms = {expires}");
        sqlite(
            &gate,
            &format!("UPDATE tokens {set} WHERE id = '{}'", id_of(token)),
        );
    };
    ended(&old, 180_000, 100_000);
    ended(&young, 180_000, 60_000);
    let made = gate.token("main");
    let listed = json(&gate, &["token", "list"]);
    let mut ids: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    let mut kept = [id_of(&young), id_of(&alive), id_of(&made)];
    kept.sort_unstable();
    assert_eq!(ids, kept);
    gate.run(&["token", "revoke", id_of(&old)]).failed_with(4);
}
