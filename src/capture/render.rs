//! A refused delivery as raw HTTP: what `explain` reads.

use super::redact::{REDACTED, Redaction};
use super::{Refused, marks};
use crate::auth::WorkspaceToken;
use crate::directory::Auth;

/// Writes a delivery down, without its credentials and within bounds.
pub(super) fn render(refused: &Refused<'_>) -> Vec<u8> {
    let request = refused.request;
    let scheme = match &refused.endpoint.auth {
        Auth::Proof(proof) => Some(&*proof.scheme),
        _ => None,
    };
    let redaction = Redaction::of(scheme);
    let mut hidden = Vec::new();
    let query = request
        .query
        .map(|query| redaction.query(query, &mut hidden));
    let mut http = format!("{} {}", request.method, request.path).into_bytes();
    if let Some(query) = query {
        http.extend_from_slice(format!("?{query}").as_bytes());
    }
    // What was taken out may be shorter than what stands there now.
    http.truncate(MAX_HEAD_BYTES);
    http.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in request.headers {
        let name = name.as_str();
        if name.starts_with(marks::PREFIX) || http.len() + name.len() + value.len() > MAX_HEAD_BYTES
        {
            continue;
        }
        let hides = redaction.hides_header(name) || has_token(value.as_bytes());
        if hides && !hidden.iter().any(|it| it == name) {
            hidden.push(name.to_owned());
        }
        let value = if hides {
            REDACTED.as_bytes()
        } else {
            value.as_bytes()
        };
        line(&mut http, name, value);
    }
    line(&mut http, marks::AT, refused.at.to_string().as_bytes());
    if !hidden.is_empty() {
        hidden.truncate(MAX_HIDDEN_NAMED);
        line(&mut http, marks::REDACTED, hidden.join(", ").as_bytes());
    }
    // A token in the body is a credential like any other.
    let has_token = scheme.is_some_and(|scheme| {
        let mut rules = scheme.signatures().iter();
        !scheme.covers_body() && rules.any(|rule| rule.from.is_in_body())
    });
    let whole = refused.body.filter(|_| !has_token);
    let body = whole.map(|body| body.get(..MAX_BODY_BYTES).unwrap_or(body));
    match (whole, body) {
        (Some(whole), Some(kept)) if whole.len() == kept.len() => {}
        (Some(_), _) => line(&mut http, marks::BODY, b"truncated"),
        (None, _) => line(&mut http, marks::BODY, b"none"),
    }
    http.extend_from_slice(b"\r\n");
    http.extend_from_slice(body.unwrap_or_default());
    http
}

/// Whether a workspace token stands in it: people put it into all kinds of headers.
fn has_token(value: &[u8]) -> bool {
    memchr::memmem::find(value, WorkspaceToken::PREFIX.as_bytes()).is_some()
}

fn line(http: &mut Vec<u8>, name: &str, value: &[u8]) {
    http.extend_from_slice(name.as_bytes());
    http.extend_from_slice(b": ");
    http.extend_from_slice(value);
    http.extend_from_slice(b"\r\n");
}

const MAX_BODY_BYTES: usize = 64 << 10;
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HIDDEN_NAMED: usize = 32;
