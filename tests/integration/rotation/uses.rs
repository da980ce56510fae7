//! A rotation with an overlap, watched: who still uses the old secret, since when nobody, and its end.

use serde_json::Value;

use super::signed_with;
use crate::support::*;

fn status(gate: &Gate) -> Vec<Value> {
    let text = gate.run(&["secret", "status", ID, "--json"]).succeeded();
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["secret"], "workflows/pr-bot#webhook");
    status["versions"].as_array().unwrap().clone()
}

/// Waits until what was counted has been written down.
#[track_caller]
fn wait_for_uses(gate: &Gate, uses: &[u64]) -> Vec<Value> {
    found(&format!("the uses are {uses:?}"), || {
        let versions = status(gate);
        let counted = versions.iter().map(|it| it["deliveries"].as_u64().unwrap());
        counted.eq(uses.iter().copied()).then_some(versions)
    })
}

#[test]
fn deliveries_are_counted_by_the_version_that_proved_them() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let old = gate.secret(ID);
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "24h"])
        .succeeded();
    let new = gate.secret(ID);
    in_force(|| signed_with(&gate, &new) == 202);
    let by_new = gate.metric(r#"portcullis_proofs_total{secret="current"}"#);
    assert_eq!(by_new, 1);
    assert_eq!(
        (signed_with(&gate, &old), signed_with(&gate, &old)),
        (202, 202)
    );
    assert_eq!(signed_with(&gate, "a wrong one"), 401);
    gate.wait_for_metric(r#"portcullis_proofs_total{secret="previous"}"#, 2);
    assert_eq!(
        gate.metric(r#"portcullis_proofs_total{secret="current"}"#),
        1
    );
    let log = gate.log(3);
    assert!(log.iter().any(|line| line["secret"] == "previous"));

    let versions = wait_for_uses(&gate, &[1, 2]);
    let word = |at: usize, key: &str| versions[at][key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (word(0, "state"), word(1, "state")),
        ("current".into(), "previous".into())
    );
    assert_eq!(word(0, "key_service"), "local");
    assert!(!word(1, "last_used_at").is_empty() && !word(1, "ends_at").is_empty());
    let shown = gate.run(&["secret", "status", ID]).succeeded();
    assert!(
        shown.contains("the previous version was last used at 20"),
        "{shown}"
    );
    assert!(!shown.contains(&old) && !shown.contains(&new));
    let received = backend.received();
    let versions: Vec<&str> = received
        .iter()
        .map(|it| it.header("x-portal-secret-version"))
        .collect();
    assert_eq!(versions.iter().filter(|it| **it == "1").count(), 2);
    assert_eq!(versions.iter().filter(|it| **it == "2").count(), 1);
}

#[test]
fn what_several_gates_count_is_added_and_a_gate_that_ends_writes_what_it_has() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let secret = gate.secret(ID);
    for round in 1..=2 {
        for _ in 0..3 {
            assert_eq!(signed_with(&gate, &secret), 202);
        }
        gate.signal("TERM");
        assert_eq!(gate.wait(), Some(0));
        assert_eq!(status(&gate)[0]["deliveries"], round * 3);
        gate.restart();
    }
}

#[test]
fn the_previous_version_is_retired_and_the_current_one_stays() {
    let gate = Gate::before(&Backend::accepting()).endpoint("hmac").start();
    let old = gate.secret(ID);
    let nothing = gate.run(&["secret", "retire", ID]).failed_with(4);
    assert!(
        nothing.contains("only the current version is valid"),
        "{nothing}"
    );
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "24h"])
        .succeeded();
    let new = gate.secret(ID);
    in_force(|| signed_with(&gate, &new) == 202);
    assert_eq!(signed_with(&gate, &old), 202);
    gate.run(&["secret", "retire", ID]).succeeded();
    in_force(|| signed_with(&gate, &old) == 401);
    assert_eq!(signed_with(&gate, &new), 202);
    let states: Vec<Value> = status(&gate).iter().map(|it| it["state"].clone()).collect();
    assert_eq!(states, ["current", "retired"]);
    let audit = gate.run(&["audit", "list", "--limit", "1"]).succeeded();
    assert!(
        audit.contains("secret_retired") && audit.contains("the previous version"),
        "{audit}"
    );
}

#[test]
fn a_secret_that_is_retired_whole_admits_nobody_until_it_is_set_anew() {
    let gate = Gate::before(&Backend::accepting()).endpoint("hmac").start();
    let old = gate.secret(ID);
    assert_eq!(signed_with(&gate, &old), 202);
    gate.run(&["secret", "retire", ID, "--current", "--yes"])
        .succeeded();
    in_force(|| signed_with(&gate, &old) == 401);
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature(&old, b"{}"))
        .body("{}");
    assert_eq!(send(gate.http(), &request).reason(), "secret_unbound");
    gate.run(&["secret", "retire", ID, "--current", "--yes"])
        .failed_with(4);
    let shown = gate.run(&["secret", "status", ID]).succeeded();
    assert!(shown.contains("no version is valid"), "{shown}");
    gate.run_with_input(&["secret", "set", ID], b"another")
        .succeeded();
    in_force(|| signed_with(&gate, "another") == 202);
    assert_eq!(signed_with(&gate, &old), 401);
    gate.run(&["secret", "retire", ID, "--current", "--yes"])
        .succeeded();
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let new = gate.secret(ID);
    in_force(|| signed_with(&gate, &new) == 202);
}
