//! The declared type of a body whose values are read.
//!
//! Signatures do not cover `Content-Type`, so an attacker can change it. A backend that reads the body in another format
//! than the gate reads other values than the verified ones.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use memchr::memmem;

use super::form::FORM;

/// Whether every backend reads a body with these headers as a form.
///
/// Exactly one type declares it, and no parameter names another format.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let text = only.as_bytes().to_ascii_lowercase();
    let end = memchr::memchr(b';', &text).unwrap_or(text.len());
    let (essence, parameters) = text.split_at_checked(end).unwrap_or_default();
    essence.trim_ascii() == FORM.as_bytes()
        && memmem::find(parameters, b"json").is_none()
        && !names_other_format(parameters)
}

/// Whether no backend reads a body with these headers as another format than JSON.
///
/// Providers declare JSON in many ways: Amazon SNS sends `text/plain`, and some senders declare no type. So only types of
/// other formats are rejected. Some parsers search the whole value for a type, so the type may stand anywhere in it. Two
/// types are ambiguous.
pub(super) fn may_be_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let Some(only) = types.next() else {
        return true;
    };
    let text = only.as_bytes().to_ascii_lowercase();
    !names_other_format(&text) && types.next().is_none()
}

/// Whether `text`, in lower case, names a format other than JSON, or more than one type.
fn names_other_format(text: &[u8]) -> bool {
    let mut others = OTHER_FORMATS.iter();
    text.contains(&b',') || others.any(|it| memmem::find(text, it).is_some())
}

/// Parts of the names of formats other than JSON: forms, HTML, multipart, XML and YAML.
const OTHER_FORMATS: [&[u8]; 7] = [
    b"form-data",
    b"html",
    b"multipart",
    b"urlencoded",
    b"xml",
    b"yaml",
    b"yml",
];
