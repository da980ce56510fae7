//! Renders a refused delivery as raw HTTP, the format that `explain` reads.

use super::redact::{REDACTED, Redaction};
use super::{RefusedDelivery, marks};
use crate::auth::TokenKind;
use crate::directory::Auth;

/// Renders a delivery without credentials and within the size limits.
pub(super) fn render(refused: &RefusedDelivery<'_>) -> Vec<u8> {
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
    // Redaction may have made the line longer.
    http.truncate(MAX_HEAD_BYTES);
    http.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in request.headers {
        let name = name.as_str();
        if name.starts_with(marks::PREFIX) || http.len() + name.len() + value.len() > MAX_HEAD_BYTES
        {
            continue;
        }
        let hides = redaction.hides_header(name) || TokenKind::is_any_in(value.as_bytes());
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
    // A body that contains the token is left out, because the token is a credential.
    let token_in_body = scheme.is_some_and(|scheme| {
        let mut rules = scheme.signatures().iter();
        !scheme.covers_body() && rules.any(|rule| rule.from.is_in_body())
    });
    let allowed_body = refused.body.filter(|_| !token_in_body);
    let body = allowed_body.map(|body| body.get(..MAX_BODY_BYTES).unwrap_or(body));
    match (allowed_body, body) {
        (Some(whole), Some(kept)) if whole.len() == kept.len() => {}
        (Some(_), _) => line(&mut http, marks::BODY, b"truncated"),
        (None, _) => line(&mut http, marks::BODY, b"none"),
    }
    http.extend_from_slice(b"\r\n");
    http.extend_from_slice(body.unwrap_or_default());
    http
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
