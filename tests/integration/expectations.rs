//! `Expect: 100-continue` (RFC 9110 §10.1.1): what the head decides is answered before the body, and
//! only who may go on is asked to.

use crate::support::*;

fn waiting(gate: &Gate, body: &[u8]) -> Request {
    genuine(gate, body).header("Expect", "100-continue")
}

#[test]
fn a_sender_that_waits_is_asked_to_go_on_exactly_once() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    for body in [b"{}".as_slice(), b"{\"again\":1}"] {
        let request = waiting(&gate, body);
        connection.write(&request.head());
        assert_eq!(connection.answer().status, 100);
        connection.write(body);
        // The connection is kept, and there is no second 100.
        assert_eq!(connection.answer().status, 202);
    }
    let received = backend.received();
    assert_eq!(received.len(), 2);
    for request in received {
        assert!(request.headers("Expect").is_empty());
    }
}

#[test]
fn a_sender_that_waits_with_chunks_is_asked_too() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let body = noise(5000);
    let signature = github_signature(&gate.secret(ID), &body);
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &signature)
        .header("expect", "100-Continue")
        .chunked(&body, 1000);
    let mut connection = Connection::to(gate.http());
    connection.write(&request.head());
    assert_eq!(connection.answer().status, 100);
    connection.write(&request.bytes()[request.head().len()..]);
    assert_eq!(connection.answer().status, 202);
    assert_eq!(backend.only().body_sha256, sha256(&body));
}

#[test]
fn a_sender_that_does_not_wait_after_all_is_not_kept_waiting() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    connection.write(&waiting(&gate, b"{}").bytes());
    let answer = connection.answer();
    // Whether it was asked or not: it may read an interim answer at any time.
    let answer = if answer.status == 100 {
        connection.answer()
    } else {
        answer
    };
    assert_eq!(answer.status, 202);
}

#[test]
fn an_empty_body_needs_no_invitation() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let answer = send(gate.http(), &waiting(&gate, b""));
    assert_eq!(answer.status, 202);
}

#[test]
fn what_the_head_decides_is_answered_before_the_body() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "max = \"1MiB\"")
        .endpoint("hmac")
        .endpoint_with("workflows/token", &["--mode", "secret"])
        .start();
    let big = 2 * 1024 * 1024;
    let cases = [
        ("/webhooks/ai/workflows/nope", vec![], 10, 404),
        (PATH, vec![], 10, 401),
        (PATH, vec![("X-Hub-Signature-256", "sha256=zz")], 10, 401),
        ("/webhooks/ai/workflows/token", vec![], 10, 401),
        (
            "/webhooks/ai/workflows/token",
            vec![("Authorization", "Bearer wrong")],
            10,
            401,
        ),
        (PATH, vec![("X-Hub-Signature-256", ANY_SIGNATURE)], big, 413),
    ];
    for (path, headers, length, status) in cases {
        let mut request = Request::post(path)
            .header("Expect", "100-continue")
            .header("Content-Length", &length.to_string())
            .framed();
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut connection = Connection::to(gate.http());
        let answer = connection.write(&request.head()).answer();
        assert_eq!(answer.status, status, "{path}: {}", answer.head);
        // What follows cannot be told from a body that is sent all the same.
        assert!(connection.is_closed(), "{path}: the connection stays open");
    }
    backend.was_not_contacted();
}

#[test]
fn any_other_expectation_is_417() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for expectation in ["200-ok", "100-continue, 200-ok", "", "100-continued"] {
        let request = genuine(&gate, b"{}").header("Expect", expectation);
        let answer = send(gate.http(), &request);
        assert_eq!(answer.status, 417, "{expectation}");
        assert_eq!(answer.reason(), "expectation_failed");
    }
    let several = genuine(&gate, b"{}")
        .header("Expect", "100-continue")
        .header("Expect", "200-ok");
    assert_eq!(send(gate.http(), &several).status, 417);
    backend.was_not_contacted();
}

#[test]
fn http_1_0_knows_no_expectations() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let bytes = waiting(&gate, b"{}").bytes();
    let text = String::from_utf8(bytes).unwrap();
    let old = text.replacen("HTTP/1.1", "HTTP/1.0", 1);
    let answer = Connection::to(gate.http()).write(old.as_bytes()).answer();
    assert_eq!(answer.status, 202);
}

const ANY_SIGNATURE: &str =
    "sha256=0000000000000000000000000000000000000000000000000000000000000000";
