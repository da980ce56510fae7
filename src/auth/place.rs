//! One place of a request: a header, a query parameter, the body, or a field of the body.

use std::borrow::Cow;
use std::fmt;

use http::HeaderName;

use super::{PartialRequest, form, json, query};
use crate::json_pointer::JsonPointer;

/// A place in a request where a value is read, or where a sender puts one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a request has no other places")]
pub enum Place {
    /// The whole body without a final line end.
    Body,
    /// A field of a form body, by its exact name.
    Form(Box<str>),
    /// A header; its name is case-insensitive.
    Header(HeaderName),
    /// A value of a JSON body.
    Json(JsonPointer),
    /// A query parameter, by its exact name (`application/x-www-form-urlencoded`, WHATWG URL §5).
    Query(Box<str>),
}

impl Place {
    /// Reads the value.
    ///
    /// Two different values at one place are [`PlaceValue::Ambiguous`]: if the gate picked one, the backend could pick the
    /// other.
    pub fn read<'a>(&self, received: &PartialRequest<'a>) -> PlaceValue<'a> {
        let in_body = |read: &dyn Fn(&'a [u8]) -> PlaceValue<'a>| {
            received.body.map_or(PlaceValue::Absent, read)
        };
        match self {
            Self::Body => in_body(&|body| {
                let text = body.strip_suffix(b"\n").unwrap_or(body);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                PlaceValue::Value(Cow::Borrowed(text))
            }),
            Self::Form(name) => form::read_field(name, received),
            Self::Header(name) => {
                let values = received.head.headers.get_all(name).iter();
                PlaceValue::only(values.map(|value| Cow::Borrowed(value.as_bytes())))
            }
            Self::Json(pointer) => in_body(&|body| json::read(pointer, body)),
            Self::Query(name) => {
                let query = received.head.query.unwrap_or_default();
                let Some(values) = query::values(query, name) else {
                    return PlaceValue::Unreadable;
                };
                PlaceValue::only(values.map(into_bytes))
            }
        }
    }

    /// Whether reading it requires the body.
    pub const fn is_in_body(&self) -> bool {
        matches!(self, Self::Body | Self::Form(_) | Self::Json(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Form(name) => write!(f, "form:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Json(pointer) => write!(f, "json:{pointer}"),
            Self::Query(name) => write!(f, "query:{name}"),
        }
    }
}

/// The bytes of `text`, without a copy.
pub(super) fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// The text of `value`, without a copy; `None` if it is not UTF-8.
pub(super) fn into_text(value: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    Some(match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    })
}

/// The result of reading a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PlaceValue<'a> {
    /// The request has no value there.
    Absent,
    /// The request has several different values there.
    Ambiguous,
    /// The body has another type, or is too large to parse.
    Unreadable,
    /// The request has one value there, maybe repeated.
    Value(Cow<'a, [u8]>),
}

impl<'a> PlaceValue<'a> {
    /// The value, if all of `values` are the same.
    fn only(mut values: impl Iterator<Item = Cow<'a, [u8]>>) -> Self {
        let Some(first) = values.next() else {
            return Self::Absent;
        };
        if values.all(|other| other == first) {
            Self::Value(first)
        } else {
            Self::Ambiguous
        }
    }
}
