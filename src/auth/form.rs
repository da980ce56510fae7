//! The fields of a body of the type `application/x-www-form-urlencoded` (WHATWG URL §5).
//!
//! The body comes from anybody: its size and the number of fields are bounded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{MAX_PARSED_BODY_BYTES, Reading};

/// Reads one field. One that is there twice with different values is ambiguous.
pub(super) fn field<'b>(name: &str, body: &'b [u8]) -> Reading<'b> {
    let Some(fields) = fields(body) else {
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
pub(super) fn sorted(body: &[u8]) -> Option<Vec<u8>> {
    let mut sorted: BTreeMap<Cow<'_, str>, BTreeSet<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in fields(body)? {
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

/// Every field, if there are no more than anybody sends.
pub(super) fn fields(body: &[u8]) -> Option<form_urlencoded::Parse<'_>> {
    let few = memchr::memchr_iter(b'&', body).count() < MAX_FIELDS;
    (few && body.len() <= MAX_PARSED_BODY_BYTES).then(|| form_urlencoded::parse(body))
}

/// Far more than any provider sends.
const MAX_FIELDS: usize = 1000;
