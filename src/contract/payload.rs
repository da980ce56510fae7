//! A payload, by its type: how it is read.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::multipart::Parts;

/// A body, as it is read.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever reads has to know each")]
pub enum Payload<'b> {
    /// What its `Content-Encoding` says has to be undone first.
    Encoded,
    /// Fields, `application/x-www-form-urlencoded`.
    Form(&'b [u8]),
    /// JSON.
    Json(&'b [u8]),
    /// Parts, `multipart/form-data`, which were found as the body came.
    Multipart(&'b [u8], &'b Parts),
    /// Anything else.
    Other,
}

impl<'b> Payload<'b> {
    /// A body of these headers. `parts` is what was found in it, if that was looked for.
    pub fn of(headers: &HeaderMap, body: &'b [u8], parts: Option<&'b Parts>) -> Self {
        if is_encoded(headers) {
            return Self::Encoded;
        }
        if let Some(parts) = parts {
            return Self::Multipart(body, parts);
        }
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        match (types.next(), types.next()) {
            (None, _) if looks_like_json(body) => Self::Json(body),
            (Some(only), None) => match essence(only) {
                essence if is_json(&essence) => Self::Json(body),
                essence if is_text(&essence) && looks_like_json(body) => Self::Json(body),
                essence if *essence == *FORM => Self::Form(body),
                _ => Self::Other,
            },
            // Of two types nobody can say which one the backend goes by.
            _ => Self::Other,
        }
    }
}

fn essence(value: &HeaderValue) -> Vec<u8> {
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    essence
        .unwrap_or_default()
        .trim_ascii()
        .to_ascii_lowercase()
}

fn is_json(essence: &[u8]) -> bool {
    essence == b"application/json" || (essence.contains(&b'/') && essence.ends_with(b"+json"))
}

/// Types under which some send JSON: Amazon SNS says `text/plain`.
fn is_text(essence: &[u8]) -> bool {
    matches!(essence, b"text/plain" | b"text/json")
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| {
        let coding = coding.trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// The body behind its byte order mark, which RFC 8259 §8.1 lets readers pass over.
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(
        without_mark(body).trim_ascii_start().first(),
        Some(b'{' | b'[')
    )
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";
/// The types that a contract can be held against.
pub(super) const TYPES: &str = "application/json, */*+json, text/plain with JSON, application/x-www-form-urlencoded or \
     multipart/form-data";
