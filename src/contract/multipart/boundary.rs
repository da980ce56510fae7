//! The boundary, from the header that names it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::headers::{Parameter, parameters};

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
    if !parameters.iter().all(Parameter::is_well_formed) {
        return Some(None);
    }
    let mut named = parameters.into_iter().filter(|it| it.name == b"boundary");
    let (Some(named), None) = (named.next(), named.next()) else {
        return Some(None);
    };
    // RFC 2046 §5.1.1 allows for fewer characters than people use.
    let is_right = |boundary: &Vec<u8>| {
        (1..=70).contains(&boundary.len())
            && boundary
                .iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
            && !boundary.ends_with(b" ")
    };
    Some(named.strict().filter(is_right))
}

fn is_form_data(value: &HeaderValue) -> bool {
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|text| {
        text.trim_ascii()
            .eq_ignore_ascii_case(b"multipart/form-data")
    })
}
