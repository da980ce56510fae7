//! Gates on a PostgreSQL database: a fleet of them, a database that fails, and the way to it.

mod access;
mod commands;
mod fleet;
mod notifications;
mod outages;
mod schema;

use crate::support::*;

/// The status of a delivery that is signed with `secret`.
fn signed_with(gate: &Gate, secret: &str) -> u16 {
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
        .body("{}");
    send(gate.http(), &request).status
}

fn unproven(gate: &Gate, path: &str) -> Answer {
    send(gate.http(), &Request::post(path).body("{}"))
}
