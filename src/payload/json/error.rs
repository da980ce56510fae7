//! Why a text is not accepted as JSON, and where.

use std::fmt;

/// The text is not JSON, or exceeds a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::payload) struct JsonError {
    pub(in crate::payload) kind: JsonErrorKind,
    /// The position in bytes, from 0.
    pub(in crate::payload) offset: usize,
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::payload) enum JsonErrorKind {
    /// The text ends inside a value.
    UnexpectedEnd,
    /// The grammar does not allow this byte here.
    Unexpected,
    /// A control character in a string.
    Control,
    /// The text is not UTF-8.
    Encoding,
    /// An escape that JSON does not define.
    Escape,
    /// More nested containers than the limit.
    Depth,
    /// More values than the limit.
    Values,
    /// A number longer than the limit.
    Number,
}

impl JsonError {
    /// The message for the sender, with line and column (in bytes), both from 1.
    pub(in crate::payload) fn message(self, text: &[u8]) -> String {
        let before = text.get(..self.offset).unwrap_or(text);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let column = before.len() - line_start + 1;
        format!("{} at line {line}, column {column}", self.kind)
    }
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("the JSON is incomplete"),
            Self::Unexpected => f.write_str("the JSON is malformed"),
            Self::Control => f.write_str("the JSON has a control character in a string"),
            Self::Encoding => f.write_str("the body is not UTF-8"),
            Self::Escape => f.write_str("the JSON has an invalid escape"),
            Self::Depth => write!(
                f,
                "the JSON is nested deeper than {}",
                super::reader::MAX_DEPTH
            ),
            Self::Values => f.write_str("the JSON has too many values"),
            Self::Number => f.write_str("the JSON has a number that is too long"),
        }
    }
}
