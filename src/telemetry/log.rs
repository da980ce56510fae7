//! The access log: one JSON line for each delivery, on standard output.

use std::net::IpAddr;
use std::time::Duration;

use super::{LineWriter, Outcome};
use serde::Serialize;

/// Writes one line for each outcome. It never delays a delivery; lost lines are counted.
#[derive(Clone, Debug)]
pub struct AccessLog(LineWriter);

impl AccessLog {
    /// Logs to `lines`.
    pub fn new(lines: LineWriter) -> Self {
        Self(lines)
    }

    pub(super) fn write(&self, outcome: &Outcome<'_>) {
        let mut line = Vec::with_capacity(512);
        // Serialising plain values to memory cannot fail.
        if serde_json::to_writer(&mut line, &Line::from(outcome)).is_ok() {
            line.push(b'\n');
            self.0.line(line);
        }
    }
}

/// The fields of a line, in their order. Durations are in microseconds.
#[derive(Serialize)]
struct Line<'a> {
    time: jiff::Timestamp,
    request_id: &'a str,
    outcome: &'static str,
    reason: &'static str,
    status: Option<u16>,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_address: Option<&'a str>,
    client: Option<IpAddr>,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verify_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend_us: Option<u64>,
    total_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

impl<'a> From<&Outcome<'a>> for Line<'a> {
    fn from(outcome: &Outcome<'a>) -> Self {
        Self {
            time: outcome.at,
            request_id: outcome.request_id,
            outcome: outcome.verdict.outcome(),
            reason: outcome.verdict.reason(),
            status: outcome.status,
            route: outcome.route,
            endpoint: outcome.endpoint.map(|endpoint| endpoint.id.as_str()),
            organisation: outcome.organisation,
            mode: outcome.mode,
            secret: outcome.generation.map(crate::auth::KeyAge::word),
            upstream: outcome.upstream,
            upstream_fault: outcome.upstream_fault,
            upstream_address: outcome.upstream_address,
            client: outcome.client,
            method: bounded(outcome.method, MAX_METHOD_LEN),
            path: bounded(outcome.path, MAX_PATH_LEN),
            body_bytes: outcome.body_bytes,
            receive_us: outcome.timings.receive.map(microseconds),
            verify_us: outcome.timings.verify.map(microseconds),
            backend_us: outcome.backend.map(microseconds),
            total_us: microseconds(outcome.total),
            cause: outcome.cause,
        }
    }
}

/// Bounds a text that the sender chose; JSON escapes it. A cut inside a character leaves it whole.
fn bounded(text: &str, len: usize) -> &str {
    text.get(..len).unwrap_or(text)
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const MAX_METHOD_LEN: usize = 16;
const MAX_PATH_LEN: usize = 256;
