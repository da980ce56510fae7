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

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use super::*;

    /// The type of a payload in a word.
    fn kind(headers: &[(&str, &str)], body: &[u8]) -> &'static str {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .fold(
                HeaderMap::new(),
                |mut headers, (name, value): (http::HeaderName, _)| {
                    headers.append(name, value);
                    headers
                },
            );
        match Payload::of(&headers, body, None) {
            Payload::Encoded => "encoded",
            Payload::Form(_) => "form",
            Payload::Json(_) => "json",
            Payload::Multipart(..) => "multipart",
            Payload::Other => "other",
        }
    }

    #[test]
    fn the_headers_decide_how_a_body_is_read() {
        const TYPE: &str = "content-type";
        const CODING: &str = "content-encoding";
        let cases: [(&[(&str, &str)], &[u8], &str); 28] = [
            (&[(TYPE, "application/json")], b"x", "json"),
            (&[(TYPE, "Application/JSON ; charset=utf-8")], b"", "json"),
            (&[(TYPE, "application/vnd.api+json")], b"{}", "json"),
            (&[(TYPE, "application/problem+JSON")], b"{}", "json"),
            (&[(TYPE, "+json")], b"{}", "other"),
            (&[(TYPE, "application/jsonp")], b"{}", "other"),
            (&[(TYPE, "application/json-seq")], b"{}", "other"),
            (&[(TYPE, "text/plain")], b"{}", "json"),
            (&[(TYPE, "text/plain; charset=UTF-8")], b" \r\n[1]", "json"),
            (&[(TYPE, "text/plain")], b"\xef\xbb\xbf{}", "json"),
            (&[(TYPE, "text/plain")], b"hello", "other"),
            (&[(TYPE, "text/plain")], b"1", "other"),
            (&[(TYPE, "text/json")], b"{}", "json"),
            (&[(TYPE, "text/html")], b"{}", "other"),
            (
                &[(TYPE, "application/x-www-form-urlencoded")],
                b"{}",
                "form",
            ),
            (
                &[(TYPE, "application/x-www-form-urlencoded;charset=utf-8")],
                b"",
                "form",
            ),
            (&[(TYPE, "multipart/form-data; boundary=x")], b"{}", "other"),
            (&[(TYPE, "")], b"{}", "other"),
            (&[], b"{}", "json"),
            (&[], b"a=1", "other"),
            (&[], b"", "other"),
            // The backend might use either type.
            (
                &[(TYPE, "application/json"), (TYPE, "text/plain")],
                b"{}",
                "other",
            ),
            (
                &[(TYPE, "application/json"), (TYPE, "application/json")],
                b"{}",
                "other",
            ),
            (
                &[(TYPE, "application/json"), (CODING, "gzip")],
                b"{}",
                "encoded",
            ),
            (
                &[(TYPE, "application/json"), (CODING, "Identity")],
                b"{}",
                "json",
            ),
            (
                &[(TYPE, "application/json"), (CODING, " , ")],
                b"{}",
                "json",
            ),
            (
                &[(TYPE, "application/json"), (CODING, "identity, br")],
                b"{}",
                "encoded",
            ),
            (
                &[
                    (TYPE, "application/json"),
                    (CODING, "identity"),
                    (CODING, "x"),
                ],
                b"{}",
                "encoded",
            ),
        ];
        for (headers, body, expected) in cases {
            let text = String::from_utf8_lossy(body);
            assert_eq!(kind(headers, body), expected, "{headers:?} {text:?}");
        }
    }
}
