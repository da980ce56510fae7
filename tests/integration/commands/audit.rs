//! The audit log is a chain: what was changed, taken out or cut off shows.

use serde_json::Value;

use crate::support::*;

/// A gate whose log has five lines.
fn gate() -> Gate {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    for _ in 0..3 {
        gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    }
    gate
}

fn verified(gate: &Gate) -> (i64, String) {
    let text = gate.run(&["audit", "verify", "--json"]).succeeded();
    let verified: Value = serde_json::from_str(&text).unwrap();
    let end = verified["end"].as_str().unwrap().to_owned();
    (verified["lines"].as_i64().unwrap(), end)
}

/// Whoever can write the file can drop the triggers that keep lines as they are.
fn tamper(gate: &Gate, statement: &str) {
    sqlite(
        gate,
        &format!(
            "DROP TRIGGER IF EXISTS audit_is_not_changed; \
             DROP TRIGGER IF EXISTS audit_is_not_deleted; {statement}"
        ),
    );
}

#[test]
fn a_log_that_nobody_has_touched_is_whole_and_goes_on_from_any_line_that_was_noted() {
    let gate = gate();
    let (lines, end) = verified(&gate);
    assert_eq!(lines, 5, "an endpoint, its secret, three rotations");
    gate.run(&["secret", "reveal", ID]).succeeded();
    let since = gate.run(&["audit", "verify", "--since", &end]).succeeded();
    assert!(since.starts_with("6 lines, chain intact"), "{since}");
    assert_ne!(verified(&gate).1, end);
}

#[test]
fn what_was_done_to_the_log_shows_with_its_place() {
    for (statement, place) in [
        (
            "UPDATE audit SET actor = 'nobody' WHERE number = 2",
            "line 2",
        ),
        (
            "UPDATE audit SET at_ms = at_ms + 1 WHERE number = 5",
            "line 5",
        ),
        (
            "UPDATE audit SET subject = 'x', detail = 'y' WHERE number = 1",
            "line 1",
        ),
        ("DELETE FROM audit WHERE number = 3", "line 4"),
        (
            "DELETE FROM audit WHERE number = 5",
            "line 5: the last line is missing",
        ),
        (
            "DELETE FROM audit WHERE number > 2",
            "line 5: the last line is missing",
        ),
        ("DELETE FROM audit", "line 5: the last line is missing"),
        (
            "UPDATE audit SET number = number + 10 WHERE number > 2",
            "line 13",
        ),
        (
            "UPDATE audit SET digest = NULL; UPDATE audit SET actor = 'nobody' WHERE number = 2",
            "line 5",
        ),
        (
            "INSERT INTO audit (at_ms, actor, origin, action, subject, detail) \
             VALUES (1, 'a', 'b', 'secret_set', 'd', 'e')",
            "line 6: the line was inserted",
        ),
    ] {
        let gate = gate();
        tamper(&gate, statement);
        let output = gate.run(&["audit", "verify"]);
        let is_told = output.code == Some(1) && output.stderr.contains(place);
        assert!(is_told, "{statement}: {} {}", output.stdout, output.stderr);
        // It keeps nobody from working, and what follows does not cover it up.
        gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
        gate.run(&["audit", "verify"]).failed_with(1);
    }
}

#[test]
fn a_chain_that_was_made_anew_has_not_the_end_that_was_noted() {
    let gate = gate();
    let (_, end) = verified(&gate);
    // The lines of another store, whole in themselves.
    let other = self::gate();
    std::fs::copy(
        other.folder().join("portcullis.db"),
        gate.folder().join("portcullis.db"),
    )
    .unwrap();
    assert_eq!(verified(&gate).0, 5);
    let output = gate
        .run(&["audit", "verify", "--since", &end])
        .failed_with(1);
    assert!(
        output.contains("line 5: the line differs from the one"),
        "{output}"
    );
    let later = end.replacen('5', "9", 1);
    let output = gate
        .run(&["audit", "verify", "--since", &later])
        .failed_with(1);
    assert!(
        output.contains("line 9: the last line is missing"),
        "{output}"
    );
    for wrong in ["5", "x:00", "5:00", ":"] {
        gate.run(&["audit", "verify", "--since", wrong])
            .failed_with(2);
    }
}

#[test]
fn an_export_is_every_line_in_its_order_and_only_of_a_log_that_is_whole() {
    let gate = gate();
    let lines = |after: &[&str]| {
        let text = gate
            .run(&[&["audit", "export"], after].concat())
            .succeeded();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    let all = lines(&[]);
    let numbers: Vec<i64> = all
        .iter()
        .map(|line| line["number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let (_, end) = verified(&gate);
    assert_eq!(format!("5:{}", all[4]["digest"].as_str().unwrap()), end);
    assert!(all[0]["actor"].is_string() && all[0]["origin"].as_str().unwrap().starts_with("cli@"));
    assert_eq!(lines(&["--after", "3"]).len(), 2);
    tamper(&gate, "UPDATE audit SET actor = 'nobody' WHERE number = 2");
    gate.run(&["audit", "export"]).failed_with(1);
}

#[test]
fn a_log_that_was_begun_before_it_was_a_chain_goes_on_as_one() {
    let gate = gate();
    // As the version before left it.
    tamper(
        &gate,
        "UPDATE audit SET digest = NULL; DELETE FROM audit_end",
    );
    assert_eq!(verified(&gate).0, 5);
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let (lines, end) = verified(&gate);
    assert_eq!(lines, 6);
    gate.run(&["audit", "verify", "--since", &end]).succeeded();
    // What is older is covered by the first line that has a digest.
    tamper(&gate, "UPDATE audit SET actor = 'nobody' WHERE number = 2");
    let output = gate.run(&["audit", "verify"]).failed_with(1);
    assert!(
        output.contains("line 6: the line, or one before it, was changed"),
        "{output}"
    );
}
