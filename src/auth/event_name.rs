//! The name of the event that a delivery is about: unproven unless the scheme signs it.

use std::borrow::Cow;

use super::{Reading, Received, Source};

/// What a delivery says about its event.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever asks has to know each")]
pub enum EventName<'a> {
    /// Nothing.
    Absent,
    /// This.
    Named(Cow<'a, str>),
    /// Something that cannot be made out: two names, no text, or a body that is too large to be looked
    /// through. What it is about nobody can tell.
    Unreadable,
}

impl<'a> EventName<'a> {
    /// Reads what stands at `source`.
    pub fn read(source: &Source, received: &Received<'a>) -> Self {
        let value = match source.read(received) {
            Reading::Absent => return Self::Absent,
            Reading::Ambiguous | Reading::Unreadable => return Self::Unreadable,
            Reading::Value(value) if value.is_empty() => return Self::Absent,
            Reading::Value(value) => value,
        };
        let text = match value {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        text.filter(|text| may_be_event(text))
            .map_or(Self::Unreadable, Self::Named)
    }
}

/// Whether a text may name an event. It is put into no header, so that spaces and letters of every language
/// are as good as others: GitLab has a `Push Hook`.
pub fn may_be_event(name: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&name.len()) && !name.chars().any(char::is_control)
}

const MAX_NAME_LEN: usize = 256;
