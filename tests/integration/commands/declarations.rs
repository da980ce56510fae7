//! What else `apply` can be asked for, and the way back: exit codes for scripts, pruning, validation without a store,
//! export.

use super::*;

/// Two endpoints of a team.
const TEAM: &str = r#"
[[endpoints]]
id = "workflows/pr-bot"
organisation = "acme"
workspace = "main"
auth = { mode = "hmac" }
labels = { team = "build" }

[[endpoints]]
id = "workflows/nightly"
organisation = "acme"
workspace = "main"
auth = { mode = "secret" }
aliases = ["/hooks/nightly"]
labels = { team = "build" }
"#;

/// The first of them alone.
const FIRST: &str = r#"
[[endpoints]]
id = "workflows/pr-bot"
organisation = "acme"
workspace = "main"
auth = { mode = "hmac" }
labels = { team = "build" }
"#;

/// Everything that the declaration of an endpoint can say.
const EVERYTHING: &str = r#"
[[endpoints]]
id = "workflows/full"
organisation = "acme"
workspace = "main"
upstream = "default"
path = "/internal/{workflow}"
methods = ["POST"]
aliases = ["/hooks/full"]
event_name = "order"
events = ["created", "paid"]
key_field = ["data", "object", "id"]
key_missing = "reject"
concurrency = { per_key = 2, wait = "1500ms" }
labels = { team = "build", tier = "1" }
limits = { max_body = "1 MiB", max_multipart = "512 KiB", body_timeout = "2500ms", raw_mime_fields = ["email"] }
replay = { duplicates = "reject", key = "id", remember = "48h", ledger_down = "local" }
capture = { last = 7, for = "30m" }
forward_credentials = true
enabled = false

[endpoints.auth]
mode = "provider"
preset = "github"
secret = "shared#key"

[endpoints.contract]
inputs = [
  { name = "orderId", type = "text", required = true, min_length = 3 },
  { name = "amount", type = "number", min = 0.5, max = 10 },
]

[[endpoints]]
id = "workflows/words"
organisation = "acme"
workspace = "main"

[endpoints.auth]
mode = "signature"
algorithm = "hmac-sha256"
signature_header = "X-Tickets-Signature"
signature_prefix = "v1="

[[endpoints]]
id = "workflows/token"
organisation = "acme"
workspace = "main"
methods = ["PUT", "POST"]
auth = { mode = "api-key", header = "X-Key" }

[[endpoints]]
id = "flows/orders/draft/hook"
organisation = "acme"
workspace = "shop"
draft_auth = "both"
concurrency = { per_key = 1 }
key_field = "number"
auth = { mode = "hmac-sha256", header = "X-Shop-Signature" }
contract = { schema = { type = "object", required = ["a"] } }
"#;

fn apply(gate: &Gate, declaration: &str, options: &[&str]) -> CommandOutput {
    let path = gate.file("team.toml", declaration);
    gate.run(&[&["apply", "-f", path.to_str().unwrap()], options].concat())
}

fn ids(gate: &Gate) -> Vec<String> {
    let listed = json(gate, &["endpoint", "list"]);
    let ids = listed.as_array().unwrap().iter();
    ids.map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_dry_run_says_by_its_exit_code_whether_something_would_change() {
    let gate = Gate::before(&Backend::refusing()).endpoint_with("workflows/mine", &[]);
    let options = ["--dry-run", "--exit-code"];
    let would = apply(&gate, TEAM, &options);
    assert_eq!(would.code, Some(6), "{would:?}");
    assert!(
        would.stdout.contains("+ workflows/pr-bot: create"),
        "{would:?}"
    );
    assert_eq!(would.stderr, "");
    assert_eq!(ids(&gate), ["workflows/mine"]);
    apply(&gate, TEAM, &[]).succeeded();
    apply(&gate, TEAM, &options).succeeded();
    assert_eq!(
        apply(
            &gate,
            FIRST,
            &["--dry-run", "--exit-code", "--prune", "team=build"]
        )
        .code,
        Some(6)
    );
    apply(&gate, TEAM, &["--exit-code"]).failed_with(2);

    let flow = "flow = \"orders\"\norganisation = \"acme\"\nworkspace = \"shop\"\n\
                [[interfaces.webhook]]\nid = \"hook\"\n";
    assert_eq!(apply(&gate, flow, &options).code, Some(6));
    apply(&gate, flow, &[]).succeeded();
    apply(&gate, flow, &options).succeeded();
}

#[test]
fn pruning_deletes_what_has_the_label_and_is_not_declared_after_a_confirmation() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint_with("workflows/mine", &["--label", "team=other"])
        .apply(TEAM);
    let prune = ["--prune", "team=build"];
    let output = apply(&gate, FIRST, &[&prune[..], &["--dry-run"]].concat()).succeeded();
    assert!(output.contains("- workflows/nightly: delete"), "{output}");
    let output = apply(&gate, FIRST, &prune).failed_with(2);
    for part in [
        "deletes endpoints that the file does not declare: workflows/nightly",
        "404",
        "--yes",
    ] {
        assert!(output.contains(part), "{output}");
    }
    let all = ["workflows/mine", "workflows/nightly", "workflows/pr-bot"];
    assert_eq!(ids(&gate), all);
    let output = apply(&gate, FIRST, &[&prune[..], &["--yes"]].concat()).succeeded();
    assert!(
        output.contains("- workflows/nightly: delete, secret workflows/nightly#webhook retired"),
        "{output}"
    );
    assert_eq!(ids(&gate), ["workflows/mine", "workflows/pr-bot"]);
    // Nothing is deleted, so nobody is asked.
    apply(&gate, FIRST, &prune).succeeded();
}

#[test]
fn a_refused_declaration_names_its_place_in_the_file() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint_with("workflows/other", &["--alias", "/hooks/nightly"]);
    let output = apply(&gate, TEAM, &[]).failed_with(1);
    assert!(
        output.contains("team.toml:10:")
            && output.contains("the alias `/hooks/nightly` belongs to"),
        "{output}"
    );
}

#[test]
fn a_file_is_validated_without_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "portcullis.toml",
        "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n",
    );
    write("team.toml", TEAM);
    write("wrong.toml", &TEAM.replace("\"hmac\"", "\"hmack\""));
    let flow = "flow = \"orders\"\norganisation = \"acme\"\nworkspace = \"shop\"\n\
                [[interfaces.webhook]]\nid = \"hook\"\n";
    write("orders.toml", flow);
    let run = |file: &str| {
        let mut command = portcullis();
        command.current_dir(&folder);
        command.args(["apply", "-f", file, "--offline"]);
        CommandOutput::of(command, b"")
    };
    let output = run("team.toml").succeeded();
    assert!(output.contains("valid, 2 endpoints"), "{output}");
    let output = run("orders.toml").succeeded();
    assert!(output.contains("valid, the flow `orders`"), "{output}");
    let output = run("wrong.toml").failed_with(3);
    assert!(output.contains("wrong.toml:6:"), "{output}");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["orders.toml", "portcullis.toml", "team.toml", "wrong.toml"]
    );
}

#[test]
fn what_is_exported_is_what_apply_takes() {
    let gate = Gate::before(&Backend::refusing()).apply(EVERYTHING);
    let exported = gate.run(&["endpoint", "export"]).succeeded();
    let file = gate.file("exported.json", &exported);
    let words = ["apply", "-f", file.to_str().unwrap()];
    let output = gate.run(&words).succeeded();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        lines,
        [
            "= flows/orders/draft/hook: unchanged",
            "= workflows/full: unchanged",
            "= workflows/token: unchanged",
            "= workflows/words: unchanged"
        ]
    );

    let other = Gate::before(&Backend::refusing());
    let file = other.file("exported.json", &exported);
    other
        .run(&["apply", "-f", file.to_str().unwrap()])
        .succeeded();
    let list = ["endpoint", "list"];
    assert_eq!(json(&other, &list), json(&gate, &list));
    // One part of it.
    let exported = gate.run(&["endpoint", "export", "flows/"]).succeeded();
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported["endpoints"].as_array().unwrap().len(), 1);
}

#[test]
fn a_backup_is_the_store_as_it_was_and_overwrites_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let gate = Gate::before(&Backend::refusing()).endpoint("hmac").start();
    let secret = gate.secret(ID);
    let file = gate.folder().join("backup.db");
    let words = ["store", "backup", file.to_str().unwrap()];
    let output = gate.run(&words).succeeded();
    assert!(output.contains("The key is not in it"), "{output}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    gate.run(&words).failed_with(1);
    assert_eq!(std::fs::read(&file).unwrap(), before);

    gate.run(&["endpoint", "delete", ID, "--yes"]).succeeded();
    let restored = gate.file(
        "restored.toml",
        "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n[store]\npath = \"backup.db\"\n",
    );
    let mut reveal = portcullis();
    reveal
        .arg("-c")
        .arg(&restored)
        .args(["secret", "reveal", ID]);
    assert_eq!(CommandOutput::of(reveal, b"").succeeded(), secret);
}

#[test]
fn nothing_is_backed_up_where_there_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("portcullis.toml"),
        "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n",
    )
    .unwrap();
    let mut command = portcullis();
    command.current_dir(&folder);
    command.args(["store", "backup", "backup.db"]);
    let output = CommandOutput::of(command, b"").failed_with(4);
    assert!(output.contains("the store does not exist;"), "{output}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}
