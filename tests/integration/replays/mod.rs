//! What was delivered before: replays are refused, duplicates are told, and honest retries get through.

pub(crate) mod flight;
mod ids;
mod owners;
mod retries;
mod room;
mod rotated;
mod settings;
mod signatures;

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::support::*;

/// A gate whose endpoint is proven by a preset, with [`SECRET`] or what stands for it.
pub(crate) fn gate(preset: &str, backend: &Backend, options: &[&str]) -> Gate {
    with_preset(Gate::before(backend), ID, preset, options)
}

pub(crate) fn with_preset(gate: Gate, id: &str, preset: &str, options: &[&str]) -> Gate {
    let mode = ["--mode", "provider", "--preset", preset];
    let gate = gate.endpoint_with(id, &[&mode[..], options].concat());
    let secret = if preset == "standard-webhooks" {
        &standard_secret()
    } else {
        SECRET
    };
    gate.run_with_input(&["secret", "set", id], secret.as_bytes())
        .succeeded();
    gate
}

/// [`SECRET`] as senders of Standard Webhooks write it.
pub(crate) fn standard_secret() -> String {
    format!("whsec_{}", base64::prelude::BASE64_STANDARD.encode(SECRET))
}

/// What Slack sends.
pub(crate) fn slack(at: Timestamp, body: &str) -> Request {
    let time = at.as_second();
    let signature = hex::encode(hmac(SECRET, &format!("v0:{time}:{body}")));
    Request::post(PATH)
        .header("X-Slack-Request-Timestamp", &time.to_string())
        .header("X-Slack-Signature", &format!("v0={signature}"))
        .body(body)
}

/// What a sender of Standard Webhooks sends.
pub(crate) fn standard(id: &str, at: Timestamp, body: &str) -> Request {
    let time = at.as_second();
    let signature = hmac(SECRET, &format!("{id}.{time}.{body}"));
    let signature = base64::prelude::BASE64_STANDARD.encode(signature);
    Request::post(PATH)
        .header("webhook-id", id)
        .header("webhook-timestamp", &time.to_string())
        .header("webhook-signature", &format!("v1,{signature}"))
        .body(body)
}

/// What GitHub sends.
pub(crate) fn github(id: &str, body: &str) -> Request {
    Request::post(PATH)
        .header("X-GitHub-Delivery", id)
        .header(
            "X-Hub-Signature-256",
            &github_signature(SECRET, body.as_bytes()),
        )
        .body(body)
}

pub(crate) fn hmac(secret: &str, message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// So many seconds ago.
pub(crate) fn ago(seconds: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(seconds)
}

/// A backend that answers in turn, and with the last answer for ever.
pub(crate) fn answering_in_turn(answers: &'static [&'static [u8]]) -> Backend {
    let next = AtomicUsize::new(0);
    Backend::scripted(move |request, stream| {
        if request.is_none() {
            return false;
        }
        let turn = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let _ = stream.write_all(answers[turn]);
        // Nothing to say is the end of the connection.
        !answers[turn].is_empty()
    })
}

#[track_caller]
pub(crate) fn is_duplicate(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(answer.text(), r#"{"status":"duplicate"}"#);
    assert_eq!(answer.reason(), "duplicate");
    assert_eq!(answer.header("Content-Type"), "application/json");
}

#[track_caller]
pub(crate) fn is_replay(answer: &Answer) {
    assert_eq!(answer.status, 409, "{}", answer.head);
    assert_eq!(answer.text(), r#"{"error":"Replay detected"}"#);
    assert_eq!(answer.reason(), "replay");
    assert_eq!(answer.try_header("Retry-After"), None);
}

#[track_caller]
pub(crate) fn is_in_flight(answer: &Answer) {
    assert_eq!(answer.status, 409, "{}", answer.head);
    assert_eq!(answer.text(), r#"{"error":"Delivery in progress"}"#);
    assert_eq!(answer.reason(), "in_flight");
    assert_eq!(answer.header("Retry-After"), "1");
}

pub(crate) const SECRET: &str = "a secret that the provider has shown";
pub(crate) const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
