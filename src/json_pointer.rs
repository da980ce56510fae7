//! JSON Pointers (RFC 6901): their syntax, without a document.
//!
//! The readers of JSON in this crate follow pointers in their own ways, because most of them build no tree. They share
//! this module for parsing, writing and escaping.
//!
//! The crate `jsonptr` has the same syntax, but it stores the escaped text and decodes a segment at each access. Here
//! each segment is decoded once: readers compare it with every name of an unauthenticated body.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A path from the root of a JSON document to one value, such as `/pull_request/id`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JsonPointer(Box<[Box<str>]>);

impl JsonPointer {
    /// The maximum number of segments. A longer text does not parse.
    pub const MAX_SEGMENTS: usize = 16;

    /// The segments from the root, without escapes; none for the whole document.
    pub fn segments(&self) -> &[Box<str>] {
        &self.0
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|segment| write!(f, "/{}", Escaped(segment)))
    }
}

impl FromStr for JsonPointer {
    type Err = ParseJsonPointerError;

    fn from_str(text: &str) -> Result<Self, ParseJsonPointerError> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(ParseJsonPointerError);
        }
        let mut decoded: Vec<Box<str>> = Vec::new();
        for segment in segments(text) {
            if decoded.len() == Self::MAX_SEGMENTS {
                return Err(ParseJsonPointerError);
            }
            let segment = unescape(segment).ok_or(ParseJsonPointerError)?;
            decoded.push(segment.into());
        }
        Ok(Self(decoded.into()))
    }
}

/// Text that is not a JSON Pointer, or one with too many segments.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a JSON Pointer starts with `/`, has at most 16 segments, and contains `~` only as `~0` or `~1` (RFC 6901)"
)]
pub struct ParseJsonPointerError;

/// The segments in the text of a pointer, in any number and still escaped.
pub(crate) fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').skip(1)
}

/// A name as a segment of a pointer: it writes `~` as `~0` and `/` as `~1` (RFC 6901 §3).
pub(crate) struct Escaped<'n>(pub(crate) &'n str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(['~', '/']) {
            if let Some(plain) = piece.strip_suffix('~') {
                f.write_str(plain)?;
                f.write_str("~0")?;
            } else if let Some(plain) = piece.strip_suffix('/') {
                f.write_str(plain)?;
                f.write_str("~1")?;
            } else {
                f.write_str(piece)?;
            }
        }
        Ok(())
    }
}

/// The name that a segment stands for; `None` if a `~` is followed by neither `0` nor `1`.
pub(crate) fn unescape(segment: &str) -> Option<Cow<'_, str>> {
    let Some((plain, escapes)) = segment.split_once('~') else {
        return Some(Cow::Borrowed(segment));
    };
    let mut name = String::with_capacity(segment.len());
    name.push_str(plain);
    for piece in escapes.split('~') {
        let (escape, plain) = piece.split_at_checked(1)?;
        name.push(match escape {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        name.push_str(plain);
    }
    Some(Cow::Owned(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn follow<'v>(document: &'v Value, pointer: &JsonPointer) -> Option<&'v Value> {
        pointer
            .segments()
            .iter()
            .try_fold(document, |value, segment| match value {
                Value::Array(elements) => elements.get(segment.parse::<usize>().ok()?),
                Value::Object(members) => members.get(&**segment),
                _ => None,
            })
    }

    /// <https://www.rfc-editor.org/rfc/rfc6901#section-5>
    #[test]
    fn reads_the_pointers_of_the_rfc() {
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7,
            "m~n": 8
        });
        for (text, expected) in [
            ("", document.clone()),
            ("/foo", json!(["bar", "baz"])),
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/e^f", json!(3)),
            ("/g|h", json!(4)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ] {
            let pointer: JsonPointer = text.parse().unwrap();
            assert_eq!(follow(&document, &pointer), Some(&expected), "{text}");
            assert_eq!(pointer.to_string(), text);
        }
    }

    #[test]
    fn decodes_each_escape_once() {
        for (segment, name) in [
            ("~01", "~1"),
            ("~10", "/0"),
            ("~0~1", "~/"),
            ("ä~1ö~0", "ä/ö~"),
        ] {
            assert_eq!(unescape(segment).as_deref(), Some(name));
            assert_eq!(Escaped(name).to_string(), segment);
        }
    }

    #[test]
    fn rejects_text_that_is_not_a_pointer() {
        for text in ["a", " /a", "/~", "/a~", "/~2", "/~ä", "/a/~~0"] {
            assert_eq!(
                text.parse::<JsonPointer>(),
                Err(ParseJsonPointerError),
                "{text}"
            );
        }
    }

    #[test]
    fn limits_the_number_of_segments() {
        let longest = "/a".repeat(JsonPointer::MAX_SEGMENTS);
        assert!(longest.parse::<JsonPointer>().is_ok());
        assert!(format!("{longest}/").parse::<JsonPointer>().is_err());
    }

    proptest! {
        #[test]
        fn parses_what_it_writes(
            segments in proptest::collection::vec("[~/01a-é]{0,8}|.{0,8}", 0..=JsonPointer::MAX_SEGMENTS),
        ) {
            let pointer = JsonPointer(segments.into_iter().map(Into::into).collect());
            prop_assert_eq!(pointer.to_string().parse(), Ok(pointer));
        }
    }
}
