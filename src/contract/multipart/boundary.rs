//! The boundary, from the header that names it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::headers::parameters;

/// Whether there is a body of the type `multipart/form-data`, and its boundary if it has one that is right.
///
/// The outer option is whether it is such a body at all.
pub fn boundary_of(headers: &HeaderMap) -> Option<Option<Vec<u8>>> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    if !headers.get_all(CONTENT_TYPE).iter().any(is_form_data) {
        return None;
    }
    // Of two types nobody can say which one the backend goes by.
    let (Some(only), None) = (types.next(), types.next()) else {
        return Some(None);
    };
    let semicolon = memchr::memchr(b';', only.as_bytes());
    let behind = semicolon.and_then(|place| only.as_bytes().get(place..));
    let Some(parameters) = behind.and_then(parameters) else {
        return Some(None);
    };
    let mut named = parameters
        .into_iter()
        .filter(|(name, _)| name == b"boundary");
    let (Some((_, boundary)), None) = (named.next(), named.next()) else {
        return Some(None);
    };
    let is_right = (1..=70).contains(&boundary.len())
        && boundary.iter().all(|byte| is_boundary_byte(*byte))
        && !boundary.ends_with(b" ");
    Some(is_right.then_some(boundary))
}

fn is_form_data(value: &HeaderValue) -> bool {
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|text| {
        text.trim_ascii()
            .eq_ignore_ascii_case(b"multipart/form-data")
    })
}

/// RFC 2046 §5.1.1, `bchars`.
const fn is_boundary_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'\''
                | b'('
                | b')'
                | b'+'
                | b'_'
                | b','
                | b'-'
                | b'.'
                | b'/'
                | b':'
                | b'='
                | b'?'
                | b' '
        )
}
