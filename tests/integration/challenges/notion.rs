//! Notion's first request brings the token that signs all others, unsigned. Its operator copies the token to
//! Notion's page, so the gate keeps it as the endpoint's secret and shows it on demand.

use super::*;

/// <https://developers.notion.com/reference/webhooks>
const TOKEN: &str = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl";
const NOTION: &[&str] = &[
    "--mode",
    "provider",
    "--preset",
    "notion",
    "--handshake",
    "notion",
];

fn brings(token: &str) -> Request {
    Request::post(PATH)
        .header("Content-Type", "application/json")
        .body(format!(r#"{{"verification_token":"{token}"}}"#))
}

#[test]
fn notions_token_is_bound_while_it_is_expected_and_the_operator_sees_it() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint_with(ID, NOTION);
    gate.run(&["secret", "reveal", ID]).failed_with(4);
    let output = gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    let next = "portcullis secret reveal workflows/pr-bot";
    assert!(output.contains(next), "{output}");

    let gate = gate.start();
    let answer = send(gate.http(), &brings(TOKEN));
    assert_eq!((answer.status, answer.reason()), (200, "handshake"));
    assert_eq!(answer.text(), "");
    backend.was_not_contacted();
    assert_eq!(gate.secret(ID), TOKEN);

    let event = r#"{"id":"1","type":"page.created"}"#;
    let signature = github_signature(TOKEN, event.as_bytes());
    let signed = Request::post(PATH).header("X-Notion-Signature", &signature);
    assert_eq!(send(gate.http(), &signed.body(event)).status, 202);
    // Whoever comes later is refused, and changes nothing.
    is_refused(&gate, &brings(&"a".repeat(50)), 401, "signature_missing");
    assert_eq!(gate.secret(ID), TOKEN);
    assert!(!gate.everything_written().contains(TOKEN));
}

#[test]
fn a_token_that_is_not_expected_or_not_alone_in_its_body_is_refused() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint_with(ID, NOTION).start();
    is_refused(&gate, &brings(TOKEN), 401, "secret_unbound");
    let cause = gate.log(1)[0]["cause"].as_str().unwrap().to_owned();
    assert!(
        cause.contains("portcullis endpoint expect-handshake workflows/pr-bot"),
        "{cause}"
    );
    gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    let beside = format!(r#"{{"verification_token":"{TOKEN}","id":"1"}}"#);
    let twice = format!(r#"{{"verification_token":"{TOKEN}","verification_token":"{TOKEN}"}}"#);
    for body in [beside, twice, "{}".to_owned(), String::new()] {
        let request = Request::post(PATH).body(body);
        is_refused(&gate, &request, 401, "signature_missing");
    }
    is_refused(&gate, &brings("too-short"), 401, "signature_missing");
    gate.run(&["secret", "reveal", ID]).failed_with(4);
    backend.was_not_contacted();
}
