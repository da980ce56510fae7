//! What is wrong with text that was to be JSON, and where.

use std::fmt;

/// Text that is not JSON, or more of it than is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::contract) struct Broken {
    pub(in crate::contract) fault: Fault,
    /// The byte, from 0.
    pub(in crate::contract) at: usize,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::contract) enum Fault {
    /// It ends too soon.
    Ended,
    /// Something else has to stand there.
    Unexpected,
    /// A control character in a string.
    Control,
    /// No UTF-8.
    Encoding,
    /// An escape that means nothing.
    Escape,
    /// Containers in containers in containers.
    Depth,
    /// More values than are looked at.
    Values,
    /// A number of more digits than are looked at.
    Number,
}

impl Broken {
    /// What is wrong in words, with the line and the column (in bytes), both from 1.
    pub(in crate::contract) fn message(self, text: &[u8]) -> String {
        let before = text.get(..self.at).unwrap_or(text);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let begin = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let column = before.len() - begin + 1;
        format!("{} at line {line}, column {column}", self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the JSON ends too soon,"),
            Self::Unexpected => f.write_str("the JSON is broken"),
            Self::Control => f.write_str("the JSON has a control character in a string"),
            Self::Encoding => f.write_str("the body is not UTF-8"),
            Self::Escape => f.write_str("the JSON has an escape that means nothing"),
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
