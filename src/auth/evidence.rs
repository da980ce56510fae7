//! How a preset was confirmed, from a published test vector down to nothing.

/// The evidence for a preset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// Several independent catalogues of signature schemes agree; no delivery was seen.
    Catalogues,
    /// The provider's own library or program was read or run.
    Sdk,
    /// The provider's documentation describes the scheme.
    Source,
    /// Nothing confirms it: try it with a live delivery first.
    Unconfirmed,
    /// A published delivery with its signature, which a test verifies.
    Vector,
}

impl Evidence {
    /// Every kind of evidence, the strongest first.
    pub const ALL: [Self; 5] = [
        Self::Vector,
        Self::Sdk,
        Self::Source,
        Self::Catalogues,
        Self::Unconfirmed,
    ];

    /// The word in lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Catalogues => "catalogues",
            Self::Sdk => "sdk",
            Self::Source => "source",
            Self::Unconfirmed => "unconfirmed",
            Self::Vector => "vector",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}
