//! What the tests are made of: a real gate in a process of its own, a backend that remembers what
//! reached it, and senders that write bytes to sockets.

mod backend;
mod clock;
mod fault_proxy;
mod gate;
mod http2;
mod moto;
mod ports;
mod postgres;
mod raw_http2;
mod redis;
mod sender;
pub(crate) mod tls;
mod waiting;

pub(crate) use self::backend::{ACCEPTED, Backend};
pub(crate) use self::clock::SettableClock;
pub(crate) use self::fault_proxy::{Fault, FaultProxy};
pub(crate) use self::gate::{CommandOutput, Gate, Output, Reader, number, portcullis, sqlite};
pub(crate) use self::http2::{Http2, Pending};
pub(crate) use self::moto::Moto;
pub(crate) use self::ports::free_port;
pub(crate) use self::postgres::{DATABASE_PASSWORD, Postgres};
pub(crate) use self::raw_http2::{
    END_HEADERS, END_STREAM, RawHttp2, StreamEnd, block, frame_bytes,
};
pub(crate) use self::redis::RedisServer;
pub(crate) use self::sender::{Answer, Connection, Request, send, settled};
pub(crate) use self::tls::{Authority, Identity};
pub(crate) use self::waiting::{PATIENCE, eventually, found, hang, in_force, let_pass};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// GitHub's signature of `body`, computed apart from the code under test.
pub(crate) fn github_signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Bytes that no text tool leaves alone: all 256 values, again and again, in no order.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// A delivery that the endpoint of `gate` admits.
pub(crate) fn genuine(gate: &Gate, body: &[u8]) -> Request {
    Request::post(PATH)
        .header(
            "X-Hub-Signature-256",
            &github_signature(&gate.secret(ID), body),
        )
        .body(body)
}

/// The head of a delivery over HTTP/2 that the endpoint of `gate` admits.
pub(crate) fn http2_request(gate: &Gate, body: &[u8]) -> http::Request<()> {
    http::Request::post(format!("https://portal.example.com{PATH}"))
        .header(
            "x-hub-signature-256",
            github_signature(&gate.secret(ID), body),
        )
        .body(())
        .unwrap()
}

/// A question to the admin listener.
pub(crate) fn admin_get(path: &str) -> Request {
    Request::new("GET", path).host("localhost")
}

/// The path of the endpoint that most tests use.
pub(crate) const PATH: &str = "/webhooks/ai/workflows/pr-bot";
/// Its id.
pub(crate) const ID: &str = "workflows/pr-bot";
