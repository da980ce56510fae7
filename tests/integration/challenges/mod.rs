//! Handshakes: what providers ask before they deliver is answered at the edge, exactly as they document
//! it, and nothing else is.
//!
//! Deliveries to most of these endpoints are proven as GitHub does or as Slack does: a handshake does
//! not depend on which headers carry the signature.

mod answers;
mod asana;
mod declared;
mod echoes;
mod notion;
mod oracle;
mod outlived;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::support::*;

const SECRET: &str = "the-secret-of-the-provider";

/// A gate whose endpoint has `handshake`, and the secret above where it has one.
fn gate(handshake: &str, mode: &[&str], backend: &Backend) -> Gate {
    let options = [mode, &["--handshake", handshake]].concat();
    let gate = Gate::before(backend).endpoint_with(ID, &options);
    gate.run_with_input(&["secret", "set", ID], SECRET.as_bytes())
        .succeeded();
    gate.start()
}

const HMAC: &[&str] = &["--mode", "hmac"];
const SLACK: &[&str] = &["--mode", "provider", "--preset", "slack"];

fn mac(secret: &str, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn get(query: &str) -> Request {
    Request::new("GET", &format!("{PATH}?{query}"))
}

/// A delivery that is proven as GitHub does.
fn signed(body: &str) -> Request {
    signed_with(SECRET, body)
}

fn signed_with(secret: &str, body: &str) -> Request {
    Request::post(PATH)
        .header(
            "X-Hub-Signature-256",
            &github_signature(secret, body.as_bytes()),
        )
        .header("Content-Type", "application/json")
        .body(body)
}

/// A delivery that is proven as Slack and Zoom do, now.
fn signed_at(body: &str) -> Request {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let code = mac(SECRET, format!("v0:{now}:{body}").as_bytes());
    Request::post(PATH)
        .header("X-Slack-Request-Timestamp", &now.to_string())
        .header("X-Slack-Signature", &format!("v0={}", hex::encode(code)))
        .header("Content-Type", "application/json")
        .body(body)
}

/// Sends it, and makes sure that the answer is exactly this one.
#[track_caller]
fn hears(gate: &Gate, request: &Request, content_type: &str, body: &str) {
    let answer = send(gate.http(), request);
    assert_eq!(
        (answer.status, answer.text()),
        (200, body),
        "{}",
        answer.head
    );
    assert_eq!(answer.reason(), "handshake");
    assert_eq!(answer.header("content-type"), content_type);
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[track_caller]
fn is_refused(gate: &Gate, request: &Request, status: u16, reason: &str) {
    let answer = send(gate.http(), request);
    let got = (answer.status, answer.reason());
    assert_eq!(got, (status, reason), "{}", answer.text());
}
