//! The command line as people and scripts use it: what is printed, what is kept, how it ends.

mod apply;
mod audit;
mod confirmation;
mod declarations;
mod endpoints;
mod folder;
mod operators;
mod private;
mod secrets;
mod sending;
mod shown;

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::*;

/// What a command prints with `--json`.
#[track_caller]
fn json(gate: &Gate, words: &[&str]) -> Value {
    let mut words = words.to_vec();
    words.push("--json");
    serde_json::from_str(&gate.run(&words).succeeded()).expect("JSON")
}

/// The names of an object's keys, sorted.
#[track_caller]
fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// Action and subject of every line of the audit log, the oldest first.
fn audited(gate: &Gate) -> Vec<(String, String)> {
    let lines = json(gate, &["audit", "list"]);
    let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let mut lines: Vec<(String, String)> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (word(line, "action"), word(line, "subject")))
        .collect();
    lines.reverse();
    lines
}

/// Runs what was printed, as somebody who pastes it into a terminal does. `portcullis` is found.
fn shell(command: &str, input: &[u8]) -> CommandOutput {
    CommandOutput::of(in_shell(command), input)
}

/// The same, not run yet.
fn in_shell(command: &str) -> Command {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_portcullis"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .env("PATH", path)
        .env("NO_COLOR", "1");
    shell
}

#[test]
fn the_exit_code_says_what_kind_of_failure_it_was_and_help_says_so() {
    let help = CommandOutput::of(with_words(&["--help"]), b"").succeeded();
    for code in 0..=5 {
        assert!(help.contains(&format!("\n  {code}  ")), "{code}: {help}");
    }

    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    for (code, words) in [
        (0, &["endpoint", "list"][..]),
        (0, &["--version"]),
        (
            1,
            &[
                "endpoint",
                "create",
                ID,
                "--organisation",
                "a",
                "--workspace",
                "b",
            ],
        ),
        (2, &[]),
        (2, &["frobnicate"]),
        (2, &["endpoint", "create", ID]),
        (2, &["endpoint", "show", "../x"]),
        (2, &["endpoint", "show", ""]),
        (2, &["endpoint", "update", ID, "--mode", "hmack"]),
        (2, &["endpoint", "update", ID, "--header", "X-Key"]),
        (2, &["endpoint", "update", ID, "--label", "no-value"]),
        (2, &["secret", "rotate", "--yes", ID, "--overlap", "24"]),
        (2, &["secret", "rotate", "--yes", ID, "--overlap", "-1h"]),
        (2, &["audit", "list", "--limit", "0"]),
        (3, &["apply", "-f", "/nowhere/endpoints.toml"]),
        (3, &["endpoint", "update", ID, "--upstream", "nope"]),
        (4, &["endpoint", "show", "workflows/nope"]),
        (
            4,
            &["endpoint", "update", "workflows/nope", "--label", "a=b"],
        ),
        (4, &["endpoint", "enable", "workflows/nope"]),
        (4, &["endpoint", "disable", "--yes", "workflows/nope"]),
        (4, &["endpoint", "delete", "--yes", "workflows/nope"]),
        (4, &["secret", "reveal", "workflows/nope"]),
        (4, &["secret", "reveal", "workflows/nope#webhook"]),
        (4, &["secret", "rotate", "--yes", "workflows/nope#webhook"]),
        (4, &["secret", "set", "workflows/nope"]),
        (4, &["sign", "workflows/nope"]),
    ] {
        let ran = gate.run(words);
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        assert_eq!(ran.stderr.is_empty(), code == 0, "{words:?}: {ran:?}");
        assert_eq!(ran.stdout.is_empty(), code != 0, "{words:?}: {ran:?}");
    }

    std::fs::write(gate.folder().join("portcullis.key"), "nonsense").unwrap();
    gate.run(&["secret", "reveal", ID]).failed_with(5);
}

#[test]
fn a_secret_that_cannot_have_that_name_is_a_wrong_command_line() {
    let gate = Gate::before(&Backend::refusing());
    for name in ["no pe#x", "../x", "#webhook", "workflows/a#", "a#b#c", ""] {
        for verb in ["reveal", "rotate", "set"] {
            gate.run_with_input(&["secret", verb, name], b"x")
                .failed_with(2);
        }
    }
}

#[test]
fn the_configuration_is_found_by_option_by_environment_or_in_the_folder() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let config = gate.config();
    let config = config.to_str().unwrap();
    let list = ["endpoint", "list"];
    let elsewhere = tempfile::tempdir().unwrap();

    let mut by_environment = with_words(&list);
    by_environment
        .env("PORTCULLIS_CONFIG", config)
        .current_dir(&elsewhere);
    let mut in_the_folder = with_words(&list);
    in_the_folder.current_dir(gate.folder());
    let mut after_the_command = with_words(&["endpoint", "list", "-c", config]);
    after_the_command.current_dir(&elsewhere);
    for command in [by_environment, in_the_folder, after_the_command] {
        assert!(CommandOutput::of(command, b"").succeeded().contains(ID));
    }

    let mut nowhere = with_words(&list);
    nowhere.current_dir(&elsewhere);
    let output = CommandOutput::of(nowhere, b"").failed_with(3);
    assert!(
        output.contains("portcullis.toml: cannot be read"),
        "{output}"
    );
}

#[test]
fn every_change_is_audited_with_who_when_and_what_and_never_a_value() {
    let before = jiff::Timestamp::now();
    let gate = Gate::before(&Backend::refusing()).endpoint("secret");
    let mut values = vec![gate.secret(ID)];
    gate.run(&["endpoint", "update", ID, "--event-name", "ping"])
        .succeeded();
    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    gate.run(&["endpoint", "enable", ID]).succeeded();
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    values.push(gate.secret(ID));
    gate.run_with_input(&["secret", "set", ID], b"from the provider")
        .succeeded();
    values.push("from the provider".to_owned());
    gate.run(&["sign", ID]).succeeded();
    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    // What changes nothing, or fails, is no change.
    gate.run(&["endpoint", "show", ID]).failed_with(4);
    gate.run_with_input(&["secret", "set", "workflows/pr-bot#webhook"], b"")
        .failed_with(1);

    let secret = format!("{ID}#webhook");
    let expected = [
        ("secret_created", secret.as_str(), "version 1"),
        ("endpoint_created", ID, ""),
        ("secret_revealed", &secret, "version 1"),
        ("endpoint_updated", ID, "event_name"),
        ("endpoint_updated", ID, "enabled"),
        ("endpoint_updated", ID, "enabled"),
        ("secret_rotated", &secret, "version 2"),
        ("secret_revealed", &secret, "version 2"),
        ("secret_set", &secret, "version 3"),
        ("secret_revealed", &secret, "version 3"),
        ("secret_retired", &secret, ""),
        ("endpoint_deleted", ID, ""),
    ];
    let listed = json(&gate, &["audit", "list"]);
    let lines = listed.as_array().unwrap();
    assert_eq!(lines.len(), expected.len(), "{listed:#}");
    for (line, (action, subject, detail)) in lines.iter().rev().zip(expected) {
        let change = (&line["action"], &line["subject"], &line["detail"]);
        assert_eq!(change, (&action.into(), &subject.into(), &detail.into()));
        assert_eq!(line["actor"], output_of("id -un").as_str());
        assert!(line["origin"].as_str().unwrap().starts_with("cli@"));
        let at: jiff::Timestamp = line["at"].as_str().unwrap().parse().unwrap();
        assert!(at.as_second() >= before.as_second() && at <= jiff::Timestamp::now());
        assert_eq!(
            keys(line),
            [
                "action", "actor", "at", "detail", "digest", "number", "origin", "subject"
            ]
        );
    }

    let text = gate.run(&["audit", "list"]).succeeded();
    assert_eq!(text.lines().count(), expected.len() + 1);
    assert!(text.lines().nth(1).unwrap().contains("endpoint_deleted"));
    for value in values {
        assert!(!text.contains(&value) && !listed.to_string().contains(&value));
    }
    let newest = gate.run(&["audit", "list", "--limit", "2"]).succeeded();
    assert_eq!(
        newest.lines().collect::<Vec<_>>(),
        text.lines().take(3).collect::<Vec<_>>()
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    // More than a pipe holds.
    sqlite(
        &gate,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
         INSERT INTO audit (at_ms, actor, origin, action, subject, detail) \
         SELECT i, 'somebody', 'cli@somewhere', 'secret_revealed', 'a#b', 'version 1' FROM n",
    );
    for options in ["", " --json"] {
        let command = format!(
            "{{ portcullis -c '{}' audit list --limit 6000{options}; echo \"ended with $?\" >&2; }} | head -n 1",
            gate.config().display()
        );
        let ran = shell(&command, b"");
        assert_eq!(ran.stderr, "ended with 0\n");
        assert_eq!(ran.stdout.lines().count(), 1);
    }
    // One that was never there.
    let mut command = with_words(&["audit", "list", "--limit", "6000"]);
    let mut child = command
        .env("PORTCULLIS_CONFIG", gate.config())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

fn with_words(words: &[&str]) -> Command {
    let mut command = portcullis();
    command.args(words);
    command
}

fn output_of(command: &str) -> String {
    shell(command, b"").succeeded()
}
