//! Violations of a payload contract: a path and a message for the sender, never a value of the payload.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::json_pointer::Escaped;

/// One violation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// The JSON Pointer (RFC 6901) of the value; empty for the whole payload.
    pub path: String,
    /// The message, such as `is required`.
    pub message: String,
}

/// The violations of one payload, at most [`MOST`](Self::MOST).
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The most violations that are listed.
    pub const MOST: usize = 32;

    /// One violation of the whole payload.
    pub(super) fn of_body(message: impl Into<String>) -> Self {
        let mut violations = Self::default();
        violations.put(String::new(), message.into());
        violations
    }

    pub(super) fn add(&mut self, path: &Path<'_>, message: impl Into<String>) {
        if !self.is_full() {
            self.put(path.to_bounded_text(), message.into());
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

    /// Replaces each path by `mask(path)`.
    pub(super) fn mask(&mut self, mask: impl Fn(&str) -> String) {
        for violation in &mut self.0 {
            violation.path = mask(&violation.path);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// Whether the payload has no violation.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates in the order in which they were found.
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

/// A position in a payload, as a list of borrowed segments from the innermost.
pub(super) enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// The path, cut a little beyond its limit: the sender chooses the length of names.
    fn to_bounded_text(&self) -> String {
        let mut text = BoundedText(String::new());
        // An error means that the text is full.
        _ = self.write(&mut text);
        text.0
    }

    fn write(&self, out: &mut BoundedText) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(outer, name) => {
                outer.write(out)?;
                write!(out, "/{}", Escaped(name))
            }
            Self::Element(outer, position) => {
                outer.write(out)?;
                write!(out, "/{position}")
            }
        }
    }
}

/// A text with room for the longest path and a few bytes more, from which [`shorten`] sees that it was cut.
struct BoundedText(String);

impl fmt::Write for BoundedText {
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

fn shorten(text: &mut String, max: usize) {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('…');
    }
}

const MAX_PATH_BYTES: usize = 256;
const MAX_MESSAGE_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_a_json_pointer() {
        let root = Path::Root;
        let outer = Path::Member(&root, "a/b~c");
        for (path, expected) in [
            (&root, ""),
            (&outer, "/a~1b~0c"),
            (&Path::Element(&outer, 7), "/a~1b~0c/7"),
            (&Path::Member(&root, ""), "/"),
            (&Path::Member(&root, "~~//"), "/~0~0~1~1"),
            (&Path::Member(&root, "ü"), "/ü"),
        ] {
            assert_eq!(path.to_bounded_text(), expected);
        }
    }

    #[test]
    fn only_so_many_violations_are_listed() {
        let mut violations = Violations::default();
        for _ in 0..=Violations::MOST {
            violations.add(&Path::Root, "text");
        }
        assert_eq!(violations.iter().count(), Violations::MOST);
    }

    proptest! {
        #[test]
        fn a_sender_cannot_make_a_path_or_a_message_long(
            name in "[a~/ü€𝄞]{0,400}",
            message in "[a€]{0,300}",
        ) {
            let outer = Path::Member(&Path::Root, &name);
            let mut violations = Violations::default();
            violations.add(&Path::Member(&outer, &name), message.clone());
            let found = violations.iter().next().unwrap();
            let whole = format!("/{0}/{0}", name.replace('~', "~0").replace('/', "~1"));
            for (text, whole, max) in [
                (&found.path, &whole, MAX_PATH_BYTES),
                (&found.message, &message, MAX_MESSAGE_BYTES),
            ] {
                if whole.len() <= max {
                    prop_assert_eq!(text, whole);
                } else {
                    let start = text.strip_suffix('…').unwrap();
                    prop_assert!(whole.starts_with(start));
                    prop_assert!((max - 3..=max).contains(&start.len()));
                }
            }
        }
    }
}
