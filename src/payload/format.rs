//! The type of a payload, which decides how it is read.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::multipart::Parts;

/// A body with its payload type.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to handle each")]
pub enum Payload<'b> {
    /// A body with a `Content-Encoding`. The gate decompresses none.
    Encoded,
    /// `application/x-www-form-urlencoded`.
    Form(&'b [u8]),
    /// JSON of any media type.
    Json(&'b [u8]),
    /// `multipart/form-data`, with the parts that were scanned while the body arrived.
    Multipart(&'b [u8], &'b Parts),
    /// Any other type.
    Other,
}

impl<'b> Payload<'b> {
    /// Chooses the type by the headers. `parts` is the result of the multipart scan, if there was one.
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
            // With two types, the backend might use either one.
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

/// Text types that providers use for JSON: Amazon SNS sends `text/plain`.
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

/// The body without a byte order mark, which RFC 8259 §8.1 allows parsers to ignore.
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
/// The types that a contract can check, for an error message.
pub(super) const TYPES: &str = "application/json, */*+json, text/plain with JSON, application/x-www-form-urlencoded or \
     multipart/form-data";
