//! One place of a request's head: a header or a parameter of the query string.

use std::borrow::Cow;
use std::fmt;

use http::HeaderName;

use super::Head;

/// Where one value is read, and written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a head has no other places")]
pub enum Place {
    /// A header, by its name in any case.
    Header(HeaderName),
    /// A parameter of the query string, by its exact name
    /// (`application/x-www-form-urlencoded`, WHATWG URL §5).
    Query(Box<str>),
}

impl Place {
    /// Reads the value.
    ///
    /// A place that is filled twice with different values is [`Reading::Ambiguous`]: a gate that
    /// picks one of them can be made to disagree with the backend.
    pub fn read<'a>(&self, head: &Head<'a>) -> Reading<'a> {
        match self {
            Self::Header(name) => {
                let values = head.headers.get_all(name).iter();
                Reading::only(values.map(|value| Cow::Borrowed(value.as_bytes())))
            }
            Self::Query(name) => Reading::only(
                form_urlencoded::parse(head.query.unwrap_or_default().as_bytes())
                    .filter(|(key, _)| key == &**name)
                    .map(|(_, value)| match value {
                        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                    }),
            ),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
        }
    }
}

/// What a place held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading<'a> {
    /// Nothing.
    Absent,
    /// Several values that differ.
    Ambiguous,
    /// One value.
    Value(Cow<'a, [u8]>),
}

impl<'a> Reading<'a> {
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
