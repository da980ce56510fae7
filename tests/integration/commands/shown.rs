//! What people and scripts see of endpoints.

use super::*;

fn coloured(gate: &Gate, words: &[&str]) -> String {
    let mut command = portcullis();
    command
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .arg("--config")
        .arg(gate.config())
        .args(words);
    CommandOutput::of(command, b"").succeeded()
}

const RED: &str = "\u{1b}[31m";
const NONE: &str = r#"
[[endpoints]]
id = "workflows/open"
organisation = "acme"
workspace = "main"
auth = { mode = "none" }

[[endpoints]]
id = "workflows/closed"
organisation = "acme"
workspace = "main"

[[endpoints]]
id = "workflows/signed"
organisation = "acme"
workspace = "main"
auth = { mode = "hmac" }
"#;

fn with_everything() -> Gate {
    Gate::before(&Backend::refusing())
        .with("auth", "allow_unauthenticated = true")
        .apply(NONE)
}

#[test]
fn an_endpoint_without_a_proof_is_red_wherever_endpoints_are_listed() {
    let gate = with_everything();
    for words in [
        &["endpoint", "list"][..],
        &["endpoint", "show", "workflows/open"],
    ] {
        let output = coloured(&gate, words);
        let none = output.find("none").unwrap();
        assert!(output[..none].ends_with(RED), "{output:?}");
        // Colours are for terminals, and never where somebody said no.
        let plain = gate.run(words).succeeded();
        assert!(
            plain.contains("none") && !plain.contains('\u{1b}'),
            "{plain:?}"
        );
    }
    let list = coloured(&gate, &["endpoint", "list"]);
    assert_eq!(list.matches(RED).count(), 1, "{list:?}");
    assert!(
        gate.run(&["endpoint", "show", "workflows/open"])
            .succeeded()
            .contains("every delivery is admitted")
    );
}

#[test]
fn colours_are_for_terminals() {
    let gate = Gate::before(&Backend::refusing());
    let config = gate.config();
    for words in [
        &["endpoint", "list"][..],
        &["endpoint", "show", "nope"],
        &["serve"],
    ] {
        let mut command = Command::new("timeout");
        command
            .args(["1", env!("CARGO_BIN_EXE_portcullis"), "--config"])
            .arg(&config)
            .args(words)
            .env_remove("NO_COLOR");
        let ran = CommandOutput::of(command, b"");
        assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
}

#[test]
fn show_says_whether_deliveries_can_be_proven_at_all() {
    let gate = with_everything();
    let show = |id: &str| gate.run(&["endpoint", "show", id]).succeeded();
    let bound = |id: &str| json(&gate, &["endpoint", "show", id])["secret_bound"].clone();
    assert!(show("workflows/signed").contains("workflows/signed#webhook (bound since 2"));
    assert_eq!(bound("workflows/signed"), true);
    assert!(show("workflows/closed").contains("missing: every delivery is refused"));
    assert_eq!(bound("workflows/closed"), Value::Null);

    sqlite(&gate, "DELETE FROM secret_versions");
    assert!(show("workflows/signed").contains("not bound: every delivery is refused"));
    assert_eq!(bound("workflows/signed"), false);
    let output = coloured(&gate, &["endpoint", "show", "workflows/signed"]);
    assert!(output.contains(&format!("{RED}(not bound")), "{output:?}");
}

#[test]
fn a_list_is_in_order_and_can_be_narrowed() {
    let gate = with_everything();
    let ids = |words: &[&str]| -> Vec<String> {
        let list = json(&gate, words);
        let list = list.as_array().unwrap().iter();
        list.map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        ids(&["endpoint", "list"]),
        ["workflows/closed", "workflows/open", "workflows/signed"]
    );
    assert_eq!(
        ids(&["endpoint", "list", "workflows/s"]),
        ["workflows/signed"]
    );
    // No character of a prefix means anything else than itself.
    for prefix in ["workflows/%", "workflows/_pen", "WORKFLOWS", "flows"] {
        assert_eq!(ids(&["endpoint", "list", prefix]), [""; 0], "{prefix}");
    }
    let text = gate.run(&["endpoint", "list"]).succeeded();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    for (line, words) in lines[1..].iter().zip([
        ["workflows/closed", "missing"],
        ["workflows/open", "none"],
        ["workflows/signed", "hmac"],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
}

#[test]
fn the_keys_of_every_json_are_those_that_scripts_know() {
    let gate = Gate::before(&Backend::refusing());
    let shown = [
        "auth",
        "enabled",
        "id",
        "organisation",
        "secret",
        "secret_bound",
        "secret_bound_since",
        "target",
        "upstream",
        "url",
        "workspace",
    ];
    let words = [
        "endpoint",
        "create",
        ID,
        "--organisation",
        "acme",
        "--workspace",
        "main",
    ];
    assert_eq!(keys(&json(&gate, &words)), shown);
    let show = json(&gate, &["endpoint", "show", ID]);
    assert_eq!(keys(&show), shown);
    assert_eq!(show["secret"], "workflows/pr-bot#webhook");

    let list = json(&gate, &["endpoint", "list"]);
    assert_eq!(
        keys(&list[0]),
        [
            "auth",
            "enabled",
            "id",
            "organisation",
            "target",
            "upstream",
            "workspace"
        ]
    );

    let revealed = json(&gate, &["secret", "reveal", ID]);
    assert_eq!(
        keys(&revealed),
        ["created_at", "secret", "value", "version"]
    );
    assert_eq!(revealed["version"], 1);
    let rotated = json(
        &gate,
        &["secret", "rotate", "--yes", ID, "--overlap", "90m"],
    );
    assert_eq!(
        keys(&rotated),
        ["action", "overlap_seconds", "secret", "version"]
    );
    assert_eq!(rotated["overlap_seconds"], 5400);
    assert_eq!(rotated["version"], 2);
    assert!(
        !rotated
            .to_string()
            .contains(revealed["value"].as_str().unwrap())
    );

    let set = gate
        .run_with_input(&["secret", "set", ID, "--json"], b"x")
        .succeeded();
    let set: Value = serde_json::from_str(&set).unwrap();
    assert_eq!(keys(&set), keys(&rotated));
    assert_eq!(
        (&set["action"], &set["version"]),
        (&"set".into(), &3.into())
    );

    let path = gate.file("more.toml", NONE.replace("none", "bearer"));
    let applied = json(&gate, &["apply", "-f", path.to_str().unwrap()]);
    assert_eq!(keys(&applied[0]), ["action", "endpoint", "secret_created"]);
    assert_eq!(applied[0]["action"], "create");
    assert_eq!(applied[0]["secret_created"], "workflows/open#webhook");
    let path = gate.file("more.toml", NONE.replace("none", "api-key"));
    let applied = json(&gate, &["apply", "-f", path.to_str().unwrap()]);
    assert_eq!(
        applied[0],
        serde_json::json!({"endpoint": "workflows/open", "action": "update", "changed": ["auth"]})
    );
    assert_eq!(
        applied[1],
        serde_json::json!({"endpoint": "workflows/closed", "action": "unchanged"})
    );
}
