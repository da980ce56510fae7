//! The multipart boundary in `Content-Type`.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::headers::{Parameter, parameters};

/// `None` unless the body is `multipart/form-data`; `Some(None)` if its boundary is missing or invalid.
pub fn boundary_of(headers: &HeaderMap) -> Option<Option<Vec<u8>>> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    if !headers.get_all(CONTENT_TYPE).iter().any(is_form_data) {
        return None;
    }
    // With two types, the backend might use either one.
    let (Some(only), None) = (types.next(), types.next()) else {
        return Some(None);
    };
    let semicolon = memchr::memchr(b';', only.as_bytes());
    let rest = semicolon.and_then(|at| only.as_bytes().get(at..));
    let Some(parameters) = rest.and_then(parameters) else {
        return Some(None);
    };
    if !parameters.iter().all(Parameter::is_well_formed) {
        return Some(None);
    }
    let mut named = parameters
        .into_iter()
        .filter(|parameter| parameter.name == b"boundary");
    let (Some(named), None) = (named.next(), named.next()) else {
        return Some(None);
    };
    // RFC 2046 §5.1.1 allows fewer characters than clients use.
    let is_valid = |boundary: &Vec<u8>| {
        (1..=70).contains(&boundary.len())
            && boundary
                .iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
            && !boundary.ends_with(b" ")
    };
    Some(named.well_formed_value().filter(is_valid))
}

fn is_form_data(value: &HeaderValue) -> bool {
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|text| {
        text.trim_ascii()
            .eq_ignore_ascii_case(b"multipart/form-data")
    })
}
