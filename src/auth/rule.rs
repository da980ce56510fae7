//! Where a proof stands, and the form that it has there.

use http::HeaderName;

use super::{Encoding, Place, Source};

/// One place where a proof can be, and the form it has there.
///
/// The value is cut into parts at `split`, and each part once at `separator`; it counts if what stands
/// before equals `tag`. So `sha256=…` is separator `=` and tag `sha256`, `Bearer …` is a space and
/// `Bearer`, and `v1=…,v1=…` is split at the comma.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureRule {
    /// The place.
    pub from: Source,
    /// What separates several values in one, each with a time of its own.
    pub groups: Option<u8>,
    /// What separates several proofs in one value; white space around them does not count.
    pub split: Option<u8>,
    /// The form, or `None` if the whole value is the proof.
    pub tagged: Option<Tagged>,
    /// The word of an older version. A proof with it counts only where no proof with the word of `tagged`
    /// stands in the same value.
    pub older_tag: Option<Box<str>>,
    /// The text encoding of a signature.
    pub encoding: Encoding,
}

impl std::fmt::Display for Tagged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tag = self.tag.as_deref().unwrap_or_default();
        write!(f, "{tag}{}", self.separator)
    }
}

impl SignatureRule {
    /// Where an HTTP message signature is, for whoever asks; it is read as what it is.
    pub(super) fn of_message() -> Self {
        Self {
            from: Place::Header(HeaderName::from_static("signature")).into(),
            groups: None,
            split: None,
            tagged: None,
            older_tag: None,
            encoding: Encoding::Base64,
        }
    }
}

/// A value that begins with a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tagged {
    /// What ends the word.
    pub separator: char,
    /// The word; `None` if any will do.
    pub tag: Option<Box<str>>,
}
