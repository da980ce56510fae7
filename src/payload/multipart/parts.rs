//! The parts of a multipart body, the limits of a scan, and its errors.

use std::ops::Range;

/// The limits of a multipart body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the configuration makes it")]
pub struct MultipartLimits {
    /// The most parts in a body.
    pub parts: usize,
    /// The most headers of one part.
    pub headers: usize,
    /// The most bytes of the headers of one part.
    pub header_bytes: usize,
}

/// Why a multipart body is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to handle each")]
pub enum MultipartError {
    /// `Content-Type` has no boundary, or an invalid one.
    #[error("Content-Type has no valid boundary")]
    NoBoundary,
    /// The body ends inside a part.
    #[error("the body ends before its closing boundary")]
    Unended,
    /// The headers of a part are malformed.
    #[error("the body has a malformed part")]
    Malformed,
    /// More parts than [`MultipartLimits::parts`].
    #[error("the body has too many parts")]
    TooManyParts,
    /// One part exceeds the limits of its headers.
    #[error("the body has a part with too many headers, or too long ones")]
    HeadersTooLarge,
}

impl MultipartError {
    /// Whether a limit was exceeded. The body may be well-formed.
    pub const fn is_over_bounds(self) -> bool {
        matches!(self, Self::TooManyParts | Self::HeadersTooLarge)
    }
}

/// The result of a scan.
#[derive(Debug, Default)]
pub struct Parts {
    pub(in crate::payload) fields: Vec<Part>,
    /// Why the body is refused, if it is.
    pub fault: Option<MultipartError>,
}

/// A field that the endpoint's rules read.
#[derive(Debug)]
pub(in crate::payload) struct Part {
    pub(in crate::payload) name: String,
    pub(in crate::payload) is_file: bool,
    /// Whether it is a raw MIME field.
    pub(in crate::payload) is_raw: bool,
    pub(in crate::payload) content: Range<usize>,
}
