//! How well a preset is founded.

/// What a preset rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// Several independent catalogues of signatures agree; nobody here has seen a delivery.
    Catalogues,
    /// The provider's own library or program, read or run.
    Sdk,
    /// The provider's own page states the rule.
    Source,
    /// Nobody has confirmed it: try it against a live delivery first.
    Unconfirmed,
    /// Somebody has published a delivery with its signature, and a test verifies it.
    Vector,
}

impl Evidence {
    /// Every kind, the strongest first.
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
