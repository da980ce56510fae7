//! The fields of a body of the type `application/x-www-form-urlencoded` (WHATWG URL §5).
//!
//! The body comes from anybody: its size and the number of fields are bounded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::{MAX_PARSED_BODY_BYTES, Reading, Received};

/// Reads one field. One that is there twice with different values is ambiguous.
pub(super) fn field<'b>(name: &str, received: &Received<'b>) -> Reading<'b> {
    let Some(fields) = received.body.and_then(|body| sent(received, body)) else {
        if received.body.is_none() {
            return Reading::Absent;
        }
        return Reading::Unreadable;
    };
    let mut found = Reading::Absent;
    for (key, value) in fields {
        if key == name {
            let value = match value {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            };
            found = match found {
                Reading::Absent => Reading::Value(value),
                Reading::Value(first) if first == value => Reading::Value(first),
                _ => return Reading::Ambiguous,
            };
        }
    }
    found
}

/// All fields, the way Twilio signs them: in the order of their names, each name followed by its
/// values, which are sorted and stand once. `None` if there are more than anybody sends.
pub(super) fn sorted(received: &Received<'_>) -> Option<Vec<u8>> {
    let body = received.body?;
    let mut sorted: BTreeMap<Cow<'_, str>, BTreeSet<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in sent(received, body)? {
        sorted.entry(name).or_default().insert(value);
    }
    let mut text = Vec::with_capacity(body.len());
    for (name, values) in &sorted {
        for value in values {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
    }
    Some(text)
}

/// Every field of a body that was sent as a form. One of another type can be read as a form too, and is
/// read as something else by the backend.
pub(super) fn sent<'b>(
    received: &Received<'_>,
    body: &'b [u8],
) -> Option<form_urlencoded::Parse<'b>> {
    let mut types = received.head.headers.get_all(CONTENT_TYPE).iter();
    let essence = |value: &HeaderValue| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|text| text.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes()))
    };
    let is_form = types.next().is_some_and(essence) && types.next().is_none();
    (is_form || body.is_empty()).then(|| fields(body)).flatten()
}

/// Every field, if there are no more than anybody sends.
pub(super) fn fields(body: &[u8]) -> Option<form_urlencoded::Parse<'_>> {
    let few = memchr::memchr_iter(b'&', body).count() < MAX_FIELDS;
    (few && body.len() <= MAX_PARSED_BODY_BYTES).then(|| form_urlencoded::parse(body))
}

/// Far more than any provider sends.
const MAX_FIELDS: usize = 1000;
/// The type of such a body.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
