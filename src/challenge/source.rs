//! Where a rule reads a value: a header, a query parameter, or a field of the body.
//!
//! ```text
//! header:NAME      a header
//! query:NAME       a parameter of the query string
//! json:/POINTER    a field of a JSON body
//! ```

use std::borrow::Cow;
use std::str::FromStr;

use super::{JsonField, field};
use crate::auth::{Head, Place, PlaceValue};
use crate::json_pointer::JsonPointer;

/// A place in a request that holds one value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ValueSource {
    Head(Place),
    Body(JsonPointer),
}

impl ValueSource {
    /// The value; `None` if it is absent, repeated or not a string.
    pub(super) fn read<'a>(
        &self,
        head: &Head<'a>,
        body: &'a [u8],
        alone: bool,
    ) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Head(place) => match place.read(&(*head).into()) {
                PlaceValue::Value(value) => Some(value),
                _ => None,
            },
            Self::Body(pointer) => match field(body, pointer, alone) {
                JsonField::Text(Cow::Borrowed(text)) => Some(Cow::Borrowed(text.as_bytes())),
                JsonField::Text(Cow::Owned(text)) => Some(Cow::Owned(text.into_bytes())),
                _ => None,
            },
        }
    }
}

impl FromStr for ValueSource {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, ParseSourceError> {
        match text.split_once(':') {
            Some(("header", name)) => name
                .parse()
                .map(|name| Self::Head(Place::Header(name)))
                .map_err(|_| ParseSourceError),
            Some(("query", name)) if !name.is_empty() => Ok(Self::Head(Place::Query(name.into()))),
            Some(("json", pointer)) if !pointer.is_empty() => pointer
                .parse()
                .map(Self::Body)
                .map_err(|_| ParseSourceError),
            _ => Err(ParseSourceError),
        }
    }
}

/// The text is not a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `header:NAME`, `query:NAME` or `json:/POINTER`")]
pub(super) struct ParseSourceError;
