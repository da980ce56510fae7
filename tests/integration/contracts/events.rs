//! Events: what an endpoint has not subscribed to is acknowledged and goes no further.

use super::*;

fn event(gate: &Gate, name: &str) -> Request {
    json(gate, "{}").header("X-GitHub-Event", name)
}

#[test]
fn an_event_that_nobody_subscribed_to_is_202_and_never_forwarded() {
    let backend = Backend::accepting();
    let gate = gate(&backend, r#"events = ["pull_request", "check_*"]"#).start();
    for name in ["push", "pull_request_review", "PULL_REQUEST", "check"] {
        let answer = send(gate.http(), &event(&gate, name));
        assert_eq!(
            (answer.status, answer.text()),
            (202, r#"{"status":"ignored"}"#),
            "{name}"
        );
        assert_eq!(answer.reason(), "ignored");
        assert_eq!(answer.header("Content-Type"), "application/json");
    }
    // One that does not say what it is about, or says it twice.
    assert_eq!(send(gate.http(), &json(&gate, "{}")).reason(), "ignored");
    let twice = event(&gate, "push").header("X-GitHub-Event", "pull_request");
    assert_eq!(send(gate.http(), &twice).reason(), "ignored");
    backend.was_not_contacted();
    for name in ["pull_request", "check_run", "check_"] {
        assert_eq!(
            send(gate.http(), &event(&gate, name)).reason(),
            "admitted",
            "{name}"
        );
    }
    assert_eq!(backend.received().len(), 3);
    let log = gate.log(9);
    assert_eq!(
        (log[0]["outcome"].as_str(), log[0]["reason"].as_str()),
        (Some("ignored"), Some("ignored"))
    );
    assert!(
        gate.metrics()
            .contains(r#"outcome="ignored",reason="ignored""#)
    );
}

#[test]
fn a_forged_event_is_not_acknowledged() {
    let backend = Backend::accepting();
    let gate = gate(&backend, r#"events = ["pull_request"]"#).start();
    let forged = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature("another", b"{}"))
        .header("X-GitHub-Event", "push")
        .body("{}");
    assert_eq!(send(gate.http(), &forged).status, 401);
    backend.was_not_contacted();
}

#[test]
fn what_was_ignored_is_not_remembered_and_needs_to_keep_to_no_contract() {
    let backend = Backend::accepting();
    let lines = "events = [\"pull_request\"]\n[endpoints.contract]\ninputs = [{ name = \"a\", type = \"text\", required = true }]";
    let gate = gate(&backend, lines).start();
    let ignored = event(&gate, "push").header("X-GitHub-Delivery", "1");
    assert_eq!(send(gate.http(), &ignored).reason(), "ignored");
    assert_eq!(send(gate.http(), &ignored).reason(), "ignored");
    let taken = event(&gate, "pull_request").header("X-GitHub-Delivery", "1");
    assert_eq!(send(gate.http(), &taken).reason(), "payload_invalid");
    assert_eq!(
        send(gate.http(), &taken).reason(),
        "payload_invalid",
        "it was released"
    );
    backend.was_not_contacted();
}
