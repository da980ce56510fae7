//! Where a value sits in a request's head: `header:NAME` or `query:NAME`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::HeaderName;

use super::Head;

/// One place of the head.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// A header, by its name in any case.
    Header(HeaderName),
    /// A parameter of the query string, by its exact name
    /// (`application/x-www-form-urlencoded`, WHATWG URL §5).
    Query(Box<str>),
}

impl Source {
    /// Reads the value.
    ///
    /// A place that is filled twice with different values is [`Reading::Ambiguous`]: a gate that
    /// picks one of them can be made to disagree with the backend.
    pub fn read<'a>(&self, head: &Head<'a>) -> Reading<'a> {
        match self {
            Self::Header(name) => Reading::only(
                head.headers
                    .get_all(name)
                    .iter()
                    .map(|value| Cow::Borrowed(value.as_bytes())),
            ),
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

    /// Whether this is the header that carries HTTP authentication.
    pub fn is_authorization(&self) -> bool {
        matches!(self, Self::Header(name) if name == http::header::AUTHORIZATION)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
        }
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        match text.split_once(':') {
            Some(("header", name)) => HeaderName::from_str(name)
                .map(Self::Header)
                .map_err(|_| UnknownSource),
            Some(("query", name)) if !name.is_empty() => Ok(Self::Query(name.into())),
            _ => Err(UnknownSource),
        }
    }
}

/// Text that names no source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a source is written `header:NAME` or `query:NAME`")]
pub struct UnknownSource;

/// What a source held.
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
