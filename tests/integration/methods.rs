//! Deliveries by other methods than `POST`: taken where their sender signs them, and nowhere else.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;

use crate::support::*;

const SECRET: &str = "the-secret-of-the-provider";
const PUBLIC_URL: &str = "https://portal.example.com";

fn gate(preset: &str, options: &[&str], backend: &Backend) -> Gate {
    let preset = ["--mode", "provider", "--preset", preset];
    let gate = Gate::before(backend)
        .with("public", &format!("url = \"{PUBLIC_URL}\""))
        .endpoint_with(ID, &[&preset, options].concat());
    gate.run_with_input(&["secret", "set", ID], SECRET.as_bytes())
        .succeeded();
    gate.start()
}

fn code(algorithm: hmac::Algorithm, message: &str) -> String {
    let key = hmac::Key::new(algorithm, SECRET.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, message.as_bytes()))
}

/// What Twilio signs and what it sends are not always spelt alike.
fn twilio(method: &str, sent: &str, signed: &str) -> Request {
    let url = format!("{PUBLIC_URL}{PATH}?{signed}");
    let signature = code(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &url);
    Request::new(method, &format!("{PATH}?{sent}")).header("X-Twilio-Signature", &signature)
}

#[test]
fn a_get_that_twilio_signs_is_passed_on_as_it_was_sent() {
    let backend = Backend::accepting();
    let gate = gate("twilio", &[], &backend);
    let sent = "Body=It%27s+%28really%29&To=%2B1555";
    let signed = "Body=It's%20(really)&To=%2B1555";
    let answer = send(gate.http(), &twilio("GET", sent, signed));
    assert_eq!((answer.status, answer.reason()), (202, "admitted"));
    let received = backend.only();
    assert_eq!(
        received.request_line(),
        format!("GET {PATH}?{sent} HTTP/1.1")
    );
    for (method, sent, reason) in [
        (
            "GET",
            "Body=It%27s+%28not%29&To=%2B1555",
            "signature_mismatch",
        ),
        (
            "GET",
            "Body=It%27s+%28really%29&To=+1555",
            "signature_mismatch",
        ),
        ("PUT", sent, "method_not_signed"),
        ("DELETE", sent, "method_not_signed"),
    ] {
        let answer = send(gate.http(), &twilio(method, sent, signed));
        assert_eq!((answer.status, answer.reason()), (401, reason), "{sent}");
    }
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn an_endpoint_may_take_fewer_methods_than_its_sender_signs() {
    let backend = Backend::accepting();
    let gate = gate("twilio", &["--method", "POST"], &backend);
    let answer = send(gate.http(), &twilio("GET", "a=1", "a=1"));
    assert_eq!(
        (answer.status, answer.reason()),
        (405, "method_not_allowed")
    );
    assert_eq!(answer.header("Allow"), "POST");
    assert_eq!(send(gate.http(), &twilio("POST", "a=1", "a=1")).status, 202);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn every_method_that_zendesk_signs_is_taken() {
    let backend = Backend::accepting();
    let gate = gate("zendesk", &[], &backend);
    let now = jiff::Timestamp::now().as_second();
    let methods = ["GET", "DELETE", "PUT", "PATCH", "POST"];
    for (before, method) in (0..).zip(methods) {
        let at = jiff::Timestamp::from_second(now - before)
            .unwrap()
            .to_string();
        let body = match method {
            "GET" | "DELETE" => "",
            _ => r#"{"type":"ticket"}"#,
        };
        let request = |method: &str, body: &str| {
            let signature = code(hmac::HMAC_SHA256, &format!("{at}{body}"));
            Request::new(method, PATH)
                .header("X-Zendesk-Webhook-Signature-Timestamp", &at)
                .header("X-Zendesk-Webhook-Signature", &signature)
                .body(body)
        };
        let answer = send(gate.http(), &request(method, body));
        assert_eq!(
            (answer.status, answer.reason()),
            (202, "admitted"),
            "{method}"
        );
        let received = backend.received().pop().unwrap();
        assert!(received.request_line().starts_with(method));
        // The method is not signed: another one makes no new delivery of it.
        let again = send(gate.http(), &request("PUT", body));
        assert_eq!((again.status, again.reason()), (409, "replay"), "{method}");
    }
    let forged = Request::new("DELETE", PATH)
        .header(
            "X-Zendesk-Webhook-Signature-Timestamp",
            &jiff::Timestamp::now().to_string(),
        )
        .header(
            "X-Zendesk-Webhook-Signature",
            &code(hmac::HMAC_SHA256, "guess"),
        );
    assert_eq!(send(gate.http(), &forged).reason(), "signature_mismatch");
    assert_eq!(backend.received().len(), methods.len());
}

#[test]
fn a_sender_that_looks_for_the_url_with_head_finds_it() {
    let backend = Backend::accepting();
    let probe = |gate: &Gate, path: &str| {
        Connection::to(gate.http())
            .write(&Request::new("HEAD", path).bytes())
            .answer_without_body()
    };
    for preset in ["intercom", "trello"] {
        let gate = gate(preset, &[], &backend);
        let answer = probe(&gate, PATH);
        assert_eq!(
            (answer.status, answer.reason()),
            (200, "handshake"),
            "{preset}"
        );
        let absent = probe(&gate, "/webhooks/ai/workflows/nobody");
        assert_eq!(absent.status, 404);
    }
    let answer = probe(&gate("linear", &[], &backend), PATH);
    assert_eq!((answer.status, answer.reason()), (401, "method_not_signed"));
    backend.was_not_contacted();
}
