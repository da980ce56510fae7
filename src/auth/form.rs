//! Reads the fields of a form body, `application/x-www-form-urlencoded` (WHATWG URL §5).
//!
//! The body is unauthenticated, so its size and its number of fields are limited. The reader is strict: it rejects a `%`
//! without two hexadecimal digits and text that is not UTF-8, because parsers disagree about both.

use std::borrow::Cow;

use super::content_type::is_form;
use super::place::into_bytes;
use super::{MAX_PARSED_BODY_BYTES, PartialRequest, PlaceValue};

/// The decoded name and value of a field.
pub(super) type Field<'b> = (Cow<'b, str>, Cow<'b, str>);

/// Reads the field called `name`. Several different values are ambiguous.
pub(super) fn read_field<'b>(name: &str, received: &PartialRequest<'b>) -> PlaceValue<'b> {
    let Some(body) = received.body else {
        return PlaceValue::Absent;
    };
    sent_fields(received, body).map_or(PlaceValue::Unreadable, |fields| only_value(name, &fields))
}

/// The value of the fields called `name`, if all of them have the same value.
pub(super) fn only_value<'b>(name: &str, fields: &[Field<'b>]) -> PlaceValue<'b> {
    let mut values = fields.iter().filter(|(key, _)| key == name);
    let Some((_, first)) = values.next() else {
        return PlaceValue::Absent;
    };
    if values.any(|(_, other)| other != first) {
        return PlaceValue::Ambiguous;
    }
    PlaceValue::Value(into_bytes(first.clone()))
}

/// All fields as Twilio signs them: sorted by name, each as its name and its value without separators.
///
/// The values of one name are sorted too, and a repeated value counts once.
pub(super) fn sorted(fields: &[Field<'_>]) -> Vec<u8> {
    let mut sorted: Vec<&Field<'_>> = fields.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let len = |(name, value): &&Field<'_>| name.len() + value.len();
    let mut text = Vec::with_capacity(sorted.iter().map(len).sum());
    for (name, value) in sorted {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(value.as_bytes());
    }
    text
}

/// Every field of a body that was sent as a form.
///
/// The `Content-Type` must say so. A body of another type may parse as a form, but the backend would parse it differently.
pub(super) fn sent_fields<'b>(
    received: &PartialRequest<'_>,
    body: &'b [u8],
) -> Option<Vec<Field<'b>>> {
    let is_form = is_form(received.head.headers);
    (is_form || body.is_empty()).then(|| fields(body)).flatten()
}

/// Every field of `body`; `None` if it is too large, has too many fields, or has a field that parsers disagree about.
pub(super) fn fields(body: &[u8]) -> Option<Vec<Field<'_>>> {
    if body.len() > MAX_PARSED_BODY_BYTES {
        return None;
    }
    let count = memchr::memchr_iter(b'&', body).count() + 1;
    if count > MAX_FIELDS {
        return None;
    }
    let mut fields = Vec::with_capacity(count);
    for field in body.split(|byte| *byte == b'&') {
        if field.is_empty() {
            continue;
        }
        let end = memchr::memchr(b'=', field).unwrap_or(field.len());
        let (name, value) = field.split_at_checked(end)?;
        fields.push((decode(name)?, decode(value.get(1..).unwrap_or_default())?));
    }
    Some(fields)
}

fn decode(text: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return std::str::from_utf8(text).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => (hex_digit(*bytes.next()?)? << 4) | hex_digit(*bytes.next()?)?,
            byte => *byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The value of a hexadecimal digit.
fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Providers send far fewer fields.
const MAX_FIELDS: usize = 1000;
/// The media type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
