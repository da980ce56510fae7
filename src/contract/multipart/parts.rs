//! What is found in a body of parts, how much of it there may be, and what can be wrong with it.

use std::ops::Range;

/// How much of parts there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the configuration makes it")]
pub struct MultipartLimits {
    /// Parts.
    pub parts: usize,
    /// Headers of a part.
    pub headers: usize,
    /// Bytes of the headers of a part.
    pub header_bytes: usize,
}

/// What is wrong with such a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "whoever refuses has to know each")]
pub enum ScanFault {
    /// Its type names no boundary, or none that can be one.
    #[error("the type of the body names no boundary")]
    NoBoundary,
    /// It ends within a part.
    #[error("the body ends before its last part does")]
    Unended,
    /// A line or a header is not as it has to be.
    #[error("the body has a part that is malformed")]
    Malformed,
    /// More parts than there may be.
    #[error("the body has too many parts")]
    TooManyParts,
    /// More headers of a part than there may be, or longer ones.
    #[error("the body has a part with too many headers, or too long ones")]
    HeadersTooLarge,
}

impl ScanFault {
    /// Whether it is about how much there is, and not about what.
    pub const fn is_over_bounds(self) -> bool {
        matches!(self, Self::TooManyParts | Self::HeadersTooLarge)
    }
}

/// What was found in a body: places in it.
#[derive(Debug, Default)]
pub struct Parts {
    pub(in crate::contract) fields: Vec<Part>,
    /// What is wrong with the body, if anything.
    pub fault: Option<ScanFault>,
}

/// A field that somebody looks at.
#[derive(Debug)]
pub(in crate::contract) struct Part {
    pub(in crate::contract) name: String,
    pub(in crate::contract) is_file: bool,
    /// Whether it is a message of its own.
    pub(in crate::contract) is_raw: bool,
    pub(in crate::contract) content: Range<usize>,
}
