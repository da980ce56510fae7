//! What is wrong with a payload, for its sender: where and what, and never a value.

use std::fmt::{self, Write};

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// The place in the payload, as a JSON Pointer (RFC 6901); empty for all of it.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Everything that is wrong, as far as it is listed.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// So many are listed.
    pub const MOST: usize = 32;

    /// About the payload as such.
    pub(super) fn of_body(message: impl Into<String>) -> Self {
        let mut violations = Self::default();
        violations.put(String::new(), message.into());
        violations
    }

    pub(super) fn add(&mut self, path: &Path<'_>, message: impl Into<String>) {
        if !self.is_full() {
            self.put(path.shown(), message.into());
        }
    }

    pub(super) fn put(&mut self, mut path: String, mut message: String) {
        if self.is_full() {
            return;
        }
        shorten(&mut path, MAX_PATH_BYTES);
        shorten(&mut message, MAX_MESSAGE_BYTES);
        self.0.push(Violation { path, message });
    }

    /// Shows of each path what `shown` makes of it.
    pub(super) fn mask(&mut self, shown: impl Fn(&str) -> String) {
        for violation in &mut self.0 {
            violation.path = shown(&violation.path);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.iter()
    }

    pub(super) fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl<'v> IntoIterator for &'v Violations {
    type Item = &'v Violation;
    type IntoIter = std::slice::Iter<'v, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A place in a payload, on the way to it.
pub(super) enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// As much of it as is shown, and a little more if there is more: names are as long as their sender likes.
    fn shown(&self) -> String {
        let mut shown = Bounded(String::new());
        // It fails where there is no more room.
        _ = self.write(&mut shown);
        shown.0
    }

    fn write(&self, out: &mut Bounded) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(outer, name) => {
                outer.write(out)?;
                out.write_str("/")?;
                for piece in name.split_inclusive(['~', '/']) {
                    let (plain, escape) = match piece.as_bytes() {
                        [plain @ .., b'~'] => (plain.len(), "~0"),
                        [plain @ .., b'/'] => (plain.len(), "~1"),
                        plain => (plain.len(), ""),
                    };
                    out.write_str(piece.get(..plain).unwrap_or_default())?;
                    out.write_str(escape)?;
                }
                Ok(())
            }
            Self::Element(outer, position) => {
                outer.write(out)?;
                write!(out, "/{position}")
            }
        }
    }
}

/// A text that takes no more than is shown of a path, and what [`shorten`] needs to see that there was more.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = (MAX_PATH_BYTES + 4).saturating_sub(self.0.len());
        let fitting = text.get(..text.floor_char_boundary(room));
        self.0.push_str(fitting.unwrap_or_default());
        if text.len() > room {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

fn shorten(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
}

const MAX_PATH_BYTES: usize = 256;
const MAX_MESSAGE_BYTES: usize = 256;
