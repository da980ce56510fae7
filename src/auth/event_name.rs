//! The event name of a delivery. It is unproven unless the scheme signs it.

use std::borrow::Cow;

use super::place::into_text;
use super::{PartialRequest, PlaceValue, Source};

/// The event name of a delivery, as far as it can be read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "callers must handle every case")]
pub enum EventName<'a> {
    /// The delivery names no event.
    Absent,
    /// The delivery names one event.
    Named(Cow<'a, str>),
    /// The name is ambiguous, is not valid text, or is in a body that is too large to parse.
    Unreadable,
}

impl<'a> EventName<'a> {
    /// Reads the name at `source`.
    pub fn read(source: &Source, received: &PartialRequest<'a>) -> Self {
        let value = match source.read(received) {
            PlaceValue::Absent => return Self::Absent,
            PlaceValue::Ambiguous | PlaceValue::Unreadable => return Self::Unreadable,
            PlaceValue::Value(value) if value.is_empty() => return Self::Absent,
            PlaceValue::Value(value) => value,
        };
        into_text(value)
            .filter(|text| may_be_event(text))
            .map_or(Self::Unreadable, Self::Named)
    }
}

/// Whether `name` is a valid event name: 1 to 256 bytes without control characters.
///
/// Names never become header values, so spaces and non-ASCII letters are allowed: GitLab has a `Push Hook`.
pub fn may_be_event(name: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&name.len()) && !name.chars().any(char::is_control)
}

const MAX_NAME_LEN: usize = 256;
