//! The fields of a body of the type `application/x-www-form-urlencoded` (WHATWG URL §5).
//!
//! The body comes from anybody: its size and the number of fields are bounded. It is read once, and strictly:
//! a `%` without two digits, or text that is no UTF-8, means different things to different readers.

use std::borrow::Cow;

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::{MAX_PARSED_BODY_BYTES, PartialRequest, PlaceValue};

/// A name and a value, decoded.
pub(super) type Field<'b> = (Cow<'b, str>, Cow<'b, str>);

/// Reads one field. One that is there twice with different values is ambiguous.
pub(super) fn field<'b>(name: &str, received: &PartialRequest<'b>) -> PlaceValue<'b> {
    let Some(body) = received.body else {
        return PlaceValue::Absent;
    };
    sent(received, body).map_or(PlaceValue::Unreadable, |fields| only(name, &fields))
}

/// The one value of that name, as long as all of its values are equal.
pub(super) fn only<'b>(name: &str, fields: &[Field<'b>]) -> PlaceValue<'b> {
    let mut values = fields.iter().filter(|(key, _)| key == name);
    let Some((_, first)) = values.next() else {
        return PlaceValue::Absent;
    };
    if values.any(|(_, other)| other != first) {
        return PlaceValue::Ambiguous;
    }
    PlaceValue::Value(match first {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.clone().into_bytes()),
    })
}

/// All fields, the way Twilio signs them: in the order of their names, each name followed by its
/// values, which are sorted and stand once.
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

/// Every field of a body that was sent as a form. One of another type can be read as a form too, and is
/// read as something else by the backend.
pub(super) fn sent<'b>(received: &PartialRequest<'_>, body: &'b [u8]) -> Option<Vec<Field<'b>>> {
    let mut types = received.head.headers.get_all(CONTENT_TYPE).iter();
    let essence = |value: &HeaderValue| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|text| text.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes()))
    };
    let is_form = types.next().is_some_and(essence) && types.next().is_none();
    (is_form || body.is_empty()).then(|| fields(body)).flatten()
}

/// Every field, if there are no more than anybody sends, and each can be read in one way only.
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
        fields.push((decoded(name)?, decoded(value.get(1..).unwrap_or_default())?));
    }
    Some(fields)
}

fn decoded(text: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return std::str::from_utf8(text).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => (digit(*bytes.next()?)? << 4) | digit(*bytes.next()?)?,
            byte => *byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Far more than any provider sends.
const MAX_FIELDS: usize = 1000;
/// The type of such a body.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
