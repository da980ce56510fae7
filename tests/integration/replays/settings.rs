//! What can be chosen about replays, and what cannot.

use serde_json::{Value, json};

use super::*;

fn shown(gate: &Gate) -> (String, Value) {
    let text = gate.run(&["endpoint", "show", ID]).succeeded();
    let line = text.lines().find_map(|line| line.strip_prefix("replays"));
    let json = gate.run(&["endpoint", "show", ID, "--json"]).succeeded();
    let json: Value = serde_json::from_str(&json).unwrap();
    (line.unwrap().trim().to_owned(), json["replay"].clone())
}

#[test]
fn show_says_what_becomes_of_a_delivery_that_comes_again() {
    let both = "the same signature is refused inside its window; the same signed id is";
    for (preset, options, line, json) in [
        (
            "zoom",
            &[][..],
            "the same signature is refused inside its window".to_owned(),
            Value::Null,
        ),
        (
            "mailgun",
            &[],
            "the same signature is acknowledged inside its window; the same signed id is \
             acknowledged for 24h"
                .to_owned(),
            Value::Null,
        ),
        (
            "mailgun",
            &["--duplicates", "reject"],
            format!("{both} refused for 24h"),
            json!({"duplicates": "reject"}),
        ),
        (
            "standard-webhooks",
            &[],
            format!("{both} acknowledged for 24h"),
            Value::Null,
        ),
        (
            "standard-webhooks",
            &["--duplicates", "reject", "--remember", "90m"],
            format!("{both} refused for 1h 30m"),
            json!({"duplicates": "reject", "remember_ms": 5_400_000}),
        ),
        (
            "standard-webhooks",
            &["--duplicates", "forward"],
            "the same signature is refused inside its window; the same id is forwarded".to_owned(),
            json!({"duplicates": "forward"}),
        ),
        (
            "github",
            &[],
            "the same id is forwarded".to_owned(),
            Value::Null,
        ),
        (
            "github",
            &["--duplicates", "acknowledge"],
            "the same id is acknowledged for 24h".to_owned(),
            json!({"duplicates": "acknowledge"}),
        ),
        (
            "github",
            &["--replay-key", "signature", "--remember", "72h"],
            "the same signature is refused for 72h".to_owned(),
            json!({"key": "signature", "remember_ms": 259_200_000}),
        ),
        (
            "github",
            &["--replay-key", "none"],
            "not detected".to_owned(),
            json!({"key": "none"}),
        ),
        ("line", &[], "not detected".to_owned(), Value::Null),
    ] {
        let gate = gate(preset, &Backend::refusing(), options);
        assert_eq!(shown(&gate), (line, json), "{preset} {options:?}");
    }
    let gate = Gate::before(&Backend::refusing()).endpoint("secret");
    assert_eq!(shown(&gate).0, "not detected");
}

#[test]
fn update_changes_one_of_them_and_clear_takes_all_back() {
    let options = ["--duplicates", "acknowledge", "--remember", "48h"];
    let gate = gate("github", &Backend::refusing(), &options);
    let update = |options: &[&str]| {
        let words = [&["endpoint", "update", ID][..], options].concat();
        gate.run(&words).succeeded()
    };
    let output = update(&["--duplicates", "reject"]);
    assert_eq!(output, format!("~ {ID}: update (replay)"));
    assert_eq!(
        shown(&gate).1,
        json!({"duplicates": "reject", "remember_ms": 172_800_000})
    );
    assert_eq!(
        update(&["--duplicates", "reject"]),
        format!("= {ID}: unchanged")
    );
    update(&["--clear", "replay", "--duplicates", "forward"]);
    assert_eq!(shown(&gate).1, json!({"duplicates": "forward"}));
    update(&["--clear", "replay"]);
    assert_eq!(shown(&gate).1, Value::Null);
}

#[test]
fn what_would_have_no_effect_is_refused_and_says_why() {
    for (mode, options, message) in [
        (
            "hmac",
            &["--remember", "999h"][..],
            "from \"1s\" to \"720h\"",
        ),
        ("hmac", &["--remember", "1ms"], "from \"1s\" to \"720h\""),
        (
            "secret",
            &["--replay-key", "signature"],
            "mode `secret` has no signature",
        ),
        ("secret", &["--replay-key", "id"], "mode `secret` has no id"),
        (
            "secret",
            &["--duplicates", "reject"],
            "mode `secret` has no id",
        ),
        ("secret", &["--remember", "1h"], "`remember` has no effect"),
        (
            "none",
            &["--replay-key", "none"],
            "mode `none` proves nothing",
        ),
        (
            "hmac",
            &["--replay-key", "signature", "--duplicates", "reject"],
            "`duplicates` applies to ids, which `key = \"signature\"` ignores",
        ),
        (
            "provider --preset zoom",
            &["--duplicates", "forward"],
            "the preset `zoom` has no id",
        ),
        (
            "provider --preset zoom",
            &["--remember", "1h"],
            "`remember` has no effect",
        ),
        (
            "hmac",
            &["--remember", "48h"],
            "add `duplicates = \"acknowledge\"`",
        ),
        (
            "provider --preset github",
            &["--replay-key", "id"],
            "has a sender that never retries",
        ),
    ] {
        let gate = Gate::before(&Backend::refusing()).with("auth", "allow_unauthenticated = true");
        let owner = ["--organisation", "acme", "--workspace", "main", "--mode"];
        let mode: Vec<&str> = mode.split(' ').collect();
        let words = [&["endpoint", "create", ID][..], &owner, &mode, options].concat();
        let output = gate.run(&words).failed_with(3);
        assert!(output.contains(message), "{options:?}: {output}");
        assert!(output.contains("replay: "), "{options:?}: {output}");
    }
    // Words that there are not.
    let gate = gate("github", &Backend::refusing(), &[]);
    for (option, value, message) in [
        (
            "--duplicates",
            "drop",
            "expected `acknowledge`, `reject` or `forward`",
        ),
        (
            "--replay-key",
            "body",
            "expected `auto`, `id`, `signature` or `none`",
        ),
        ("--remember", "2", "expected a time with its unit"),
    ] {
        let words = ["endpoint", "update", ID, option, value];
        let output = gate.run(&words).failed_with(2);
        assert!(output.contains(message), "{output}");
    }
}

#[test]
fn every_mistake_of_a_declaration_has_its_place() {
    let gate = Gate::before(&Backend::refusing());
    let declaration = "[[endpoints]]\nid = \"workflows/a\"\norganisation = \"o\"\nworkspace = \"w\"\n\
        auth = { mode = \"hmac\" }\n\
        replay = { duplicates = \"drop\", key = \"body\", remember = 5, colour = \"red\" }\n\
        [[endpoints]]\nid = \"workflows/b\"\norganisation = \"o\"\nworkspace = \"w\"\n\
        auth = { mode = \"secret\" }\nreplay = { key = \"id\" }\n";
    let path = gate.file("endpoints.toml", declaration);
    let output = gate
        .run(&["apply", "-f", path.to_str().unwrap()])
        .failed_with(3);
    let lines: Vec<&str> = output.lines().collect();
    let expected = [
        (6, "replay.duplicates: expected `acknowledge`"),
        (6, "replay.key: expected `auto`"),
        (
            6,
            "replay.remember: expected a string with its unit, such as \"24h\"",
        ),
        (6, "replay.colour: unknown key"),
        (12, "replay: mode `secret` has no id"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (output, (line, message)) in lines.iter().zip(expected) {
        assert!(
            output.contains(&format!("endpoints.toml:{line}:")),
            "{output}"
        );
        assert!(output.contains(message), "{output}");
    }
}

#[test]
fn a_declaration_says_the_same_as_the_command_line() {
    let gate = Gate::before(&Backend::refusing()).apply(
        "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"o\"\nworkspace = \"w\"\n\
         auth = { mode = \"hmac\" }\n\
         replay = { duplicates = \"reject\", key = \"id\", remember = \"48h\" }\n",
    );
    let expected = json!({"duplicates": "reject", "key": "id", "remember_ms": 172_800_000});
    assert_eq!(shown(&gate).1, expected);
}

#[test]
fn the_settings_of_the_server_have_bounds_that_are_told() {
    for (lines, key, message) in [
        (
            "capacity = 999",
            "ledger.capacity",
            "from 1000 to 100000000",
        ),
        (
            "remember = \"721h\"",
            "ledger.remember",
            "from \"1s\" to \"720h\"",
        ),
        (
            "remember = \"10ms\"",
            "ledger.remember",
            "from \"1s\" to \"720h\"",
        ),
        ("remember = 24", "ledger.remember", "a string with its unit"),
        (
            "claim_timeout = \"8s\"",
            "ledger.claim_timeout",
            "longer than the longest `total_timeout`",
        ),
        ("forget = true", "ledger.forget", "unknown key"),
    ] {
        let gate = Gate::before(&Backend::refusing()).with("ledger", lines);
        let output = gate.run(&["check"]).failed_with(3);
        assert!(output.contains(&format!("{key}: ")), "{output}");
        assert!(output.contains(message), "{output}");
        assert_eq!(output.lines().count(), 1, "{output}");
        let place = gate.config();
        let text = std::fs::read_to_string(place).unwrap();
        let line = text.lines().position(|line| line == lines).unwrap() + 1;
        assert!(
            output.contains(&format!("portcullis.toml:{line}:")),
            "{output}"
        );
    }
    let gate = Gate::before(&Backend::refusing())
        .with("upstreams.default", "total_timeout = \"8s\"")
        .with("ledger", "claim_timeout = \"9s\"");
    gate.run(&["check"]).succeeded();
}
