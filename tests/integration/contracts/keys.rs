//! Keys: what the payload says goes to the backend under the portal's name, and nothing else does.

use super::*;

#[test]
fn the_key_of_a_payload_goes_to_the_backend() {
    let backend = Backend::accepting();
    let gate = gate(&backend, r#"key_field = ["pull_request", "id"]"#).start();
    for (body, expected) in [
        (r#"{"pull_request":{"id":1934567890}}"#, &["1934567890"][..]),
        (r#"{"pull_request":{"id":1.0e1}}"#, &["1.0e1"]),
        (
            r#"{"pull_request":{"id":"a b%\u00e9\r\n"}}"#,
            &["a%20b%25%C3%A9%0D%0A"],
        ),
        (r#"{"pull_request":{"id":null}}"#, &[]),
        (r#"{"pull_request":{"id":1,"id":1}}"#, &[]),
        ("not JSON at all", &[]),
    ] {
        // Whatever the sender itself says of it.
        let request = json(&gate, body)
            .header("X-Portal-Concurrency-Key", "mine")
            .header("x_portal_concurrency_key", "mine");
        assert_eq!(send(gate.http(), &request).status, 202, "{body}");
        let received = backend.received();
        assert_eq!(
            received.last().unwrap().headers("X-Portal-Concurrency-Key"),
            expected,
            "{body}"
        );
    }
}

#[test]
fn the_key_of_github_is_found_in_forms_as_well() {
    let backend = Backend::accepting();
    let gate = gate(&backend, r#"key_field = ["pull_request", "id"]"#).start();
    let form = "application/x-www-form-urlencoded";
    let body = "payload=%7B%22pull_request%22%3A%7B%22id%22%3A1934567890%7D%7D";
    assert_eq!(send(gate.http(), &delivery(&gate, form, body)).status, 202);
    let received = backend.only();
    assert_eq!(received.header("X-Portal-Concurrency-Key"), "1934567890");
    assert_eq!(received.body_len, body.len());
}

#[test]
fn a_payload_without_a_key_is_422_where_the_endpoint_says_so() {
    let backend = Backend::accepting();
    let gate = gate(&backend, "key_field = \"number\"\nkey_missing = \"reject\"").start();
    let message = "must be one string, number or boolean: it is the concurrency key";
    is_invalid(
        &send(gate.http(), &json(&gate, "{}")),
        &[("/number", message)],
    );
    backend.was_not_contacted();
    assert_eq!(
        send(gate.http(), &json(&gate, r#"{"number":7}"#)).status,
        202
    );
    assert_eq!(backend.only().header("X-Portal-Concurrency-Key"), "7");
}

#[test]
fn the_header_has_the_name_that_the_server_says() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("headers.names", "concurrency_key = \"X-Subject\"")
        .apply(&declaration("key_field = \"number\""))
        .start();
    let request = json(&gate, r#"{"number":7}"#).header("X-Subject", "mine");
    assert_eq!(send(gate.http(), &request).status, 202);
    assert_eq!(backend.only().header("X-Subject"), "7");
}
