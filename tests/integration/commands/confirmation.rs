//! Changes after which deliveries are refused: they show what they do, and ask.

use super::*;

/// A terminal, as Python has one, and a person who answers the question with the first argument.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = b""
answered = False
while True:
    try:
        more = os.read(terminal, 1024)
    except OSError:
        break
    if not more:
        break
    seen += more
    if b"[y/N]" in seen and not answered:
        answered = True
        os.write(terminal, sys.argv[1].encode() + b"\n")
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

fn answered(gate: &Gate, answer: &str, words: &[&str]) -> CommandOutput {
    let mut command = Command::new("python3");
    command.args(["-c", AT_A_TERMINAL, answer]);
    command.arg(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("--config").arg(gate.config()).args(words);
    CommandOutput::of(command, b"")
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_changed_and_the_impact_is_shown() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let before = (json(&gate, &["endpoint", "show", ID]), audited(&gate));
    for words in [
        &["secret", "rotate", ID][..],
        &["secret", "rotate", ID, "--overlap", "1h"],
        &["secret", "retire", ID, "--current"],
        &["endpoint", "disable", ID],
        &["endpoint", "delete", ID],
    ] {
        let output = gate.run(words).failed_with(2);
        for part in ["--yes", "nothing was changed", ID, "(hmac)"] {
            assert!(output.contains(part), "{words:?}: {output}");
        }
    }
    let after = (json(&gate, &["endpoint", "show", ID]), audited(&gate));
    assert_eq!(after, before);
}

#[test]
fn what_would_change_nothing_is_not_asked() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    gate.run(&["endpoint", "disable", ID, "--yes"]).succeeded();
    gate.run(&["endpoint", "disable", ID]).succeeded();
    gate.run(&["endpoint", "enable", ID]).succeeded();
}

#[test]
fn a_rollback_shows_which_senders_are_refused_because_of_it() {
    let gate = Gate::before(&Backend::refusing());
    let apply = |enabled: bool| {
        let flow = format!(
            "flow = \"orders\"\norganisation = \"acme\"\nworkspace = \"shop\"\n\
             [[interfaces.webhook]]\nid = \"hook\"\nenabled = {enabled}\n"
        );
        let file = gate.file("orders.toml", flow);
        let words = ["apply", "-f", file.to_str().unwrap(), "--target", "live"];
        gate.run(&words).succeeded();
    };
    apply(false);
    apply(true);
    let output = gate.run(&["flow", "rollback", "orders"]).failed_with(2);
    for part in [
        "orders: rolls live back to version 1",
        "flows/orders/live/hook",
        "404: the endpoint is disabled or deleted",
        "--yes",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let live = || json(&gate, &["flow", "list"])[0]["live"].clone();
    assert_eq!(live(), 2);
    gate.run(&["flow", "rollback", "orders", "--dry-run"])
        .succeeded();
    gate.run(&["flow", "rollback", "orders", "--yes"])
        .succeeded();
    assert_eq!(live(), 1);
}

#[test]
fn the_deletion_of_a_flow_shows_its_senders_and_the_secrets_that_end() {
    let gate = Gate::before(&Backend::refusing());
    let flow = "flow = \"orders\"\norganisation = \"acme\"\nworkspace = \"shop\"\n\
                [[requires]]\nslot = \"key\"\ntype = \"secret\"\n\
                [[interfaces.webhook]]\nid = \"hook\"\n\
                auth = { mode = \"hmac\", secret-ref = \"key\" }\n";
    let file = gate.file("orders.toml", flow);
    gate.run(&["apply", "-f", file.to_str().unwrap()])
        .succeeded();
    for scope in ["flows/orders/draft", "flows/orders/live"] {
        gate.run_with_input(&["secret", "bind", scope, "key"], b"3f9c0b7a52e14d68")
            .succeeded();
    }
    gate.run(&["flow", "release", "orders"]).succeeded();
    let output = gate
        .run(&["flow", "delete", "orders", "--all"])
        .failed_with(2);
    for part in [
        "orders: deletes the flow with all versions",
        "flows/orders/draft#key: used by flows/orders/draft/hook",
        "flows/orders/live#key: used by flows/orders/live/hook",
        "version 1 ends at once",
        "404: the endpoint is disabled or deleted",
        "--yes",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    gate.run(&["flow", "show", "orders"]).succeeded();
    gate.run(&["flow", "delete", "orders", "--all", "--dry-run"])
        .succeeded();
    gate.run(&["flow", "delete", "orders", "--all", "--yes"])
        .succeeded();
    gate.run(&["flow", "show", "orders"]).failed_with(4);
}

#[test]
fn what_does_not_exist_is_not_asked_about() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    gate.run(&["secret", "retire", ID, "--current", "--yes"])
        .succeeded();
    for words in [
        &["secret", "retire", ID, "--current"][..],
        &["secret", "rotate", "workflows/nope#webhook"],
        &["endpoint", "delete", "workflows/nope"],
        &["flow", "rollback", "nope"],
        &["flow", "delete", "nope"],
    ] {
        gate.run(words).failed_with(4);
    }
}

#[test]
fn at_a_terminal_the_answer_decides() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let secret = gate.secret(ID);
    for answer in ["n", "", "perhaps"] {
        let output = answered(&gate, answer, &["secret", "rotate", ID]);
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stdout.contains("proceed? [y/N]"), "{output:?}");
        assert!(output.stdout.contains("nothing was changed"), "{output:?}");
        assert_eq!(gate.secret(ID), secret);
    }
    let output = answered(&gate, "y", &["secret", "rotate", ID]).succeeded();
    assert!(output.contains("version 2"), "{output}");
    assert_ne!(gate.secret(ID), secret);
    answered(&gate, "yes", &["endpoint", "delete", ID]).succeeded();
    gate.run(&["endpoint", "show", ID]).failed_with(4);
}

#[test]
fn the_impact_counts_the_deliveries_of_each_version_and_names_who_shares_the_secret() {
    let backend = Backend::accepting();
    let shared = ["--mode", "hmac", "--secret", "workflows/pr-bot#webhook"];
    let mut gate = Gate::before(&backend)
        .endpoint("hmac")
        .endpoint_with("workflows/other", &shared)
        .start();
    for body in [&b"one"[..], b"two"] {
        assert_eq!(send(gate.http(), &genuine(&gate, body)).status, 202);
    }
    // What was counted is written down when the gate ends.
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
    let output = gate
        .run(&["secret", "rotate", ID, "--overlap", "24h"])
        .failed_with(2);
    for part in [
        "workflows/pr-bot#webhook: used by workflows/other, workflows/pr-bot",
        "version 1 ends at 2",
        "2 deliveries, last used at 2",
        ", 2 in the last 24 h",
        "401 until they use the new value",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let output = gate.run(&["endpoint", "delete", ID]).failed_with(2);
    // The other endpoint is still judged by the secret, so it does not end.
    assert!(!output.contains("version 1"), "{output}");
    assert!(output.contains("404: the endpoint"), "{output}");
    assert!(!output.contains("workflows/other"), "{output}");
}
