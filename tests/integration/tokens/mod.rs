//! Tokens of workspaces: who may deliver to a draft, what becomes of everybody else, and how tokens come and
//! go.

mod commands;
mod drafts;
mod life;
mod secrecy;
mod text;
mod trials;

use portcullis::auth::{TokenId, WorkspaceToken};

use crate::support::*;

const DRAFT: &str = "flows/orders/draft/new";
const LIVE: &str = "flows/orders/live/new";
const DRAFT_PATH: &str = "/api/flows/orders/interfaces/draft/new";
const LIVE_PATH: &str = "/api/flows/orders/interfaces/live/new";

/// A delivery with a token.
fn with_token(path: &str, token: &str) -> Request {
    Request::post(path)
        .header("Authorization", &format!("Bearer {token}"))
        .body("{}")
}

/// A token that nobody has made, right in every other way.
fn invented(id: u64) -> String {
    let (text, _) = WorkspaceToken::write(TokenId::new(id.to_be_bytes()), &[7; 32]);
    text.to_string()
}

/// The id in a token.
fn id_of(token: &str) -> &str {
    &token[4..20]
}

/// A token with the id of `token` and another secret.
fn forged(token: &str) -> String {
    let id: TokenId = id_of(token).parse().unwrap();
    let (text, _) = WorkspaceToken::write(id, &[7; 32]);
    text.to_string()
}

/// Adds the draft and the live endpoint of one interface.
fn with_interface(gate: Gate, options: &[&str]) -> Gate {
    gate.endpoint_with(DRAFT, options)
        .endpoint_with(LIVE, options)
}

#[track_caller]
fn is_refused(gate: &Gate, request: &Request, status: u16, reason: &str) -> Answer {
    let answer = send(gate.http(), request);
    assert_eq!(
        (answer.status, answer.reason()),
        (status, reason),
        "{}",
        String::from_utf8_lossy(&request.bytes())
    );
    answer
}
