//! How much a proof proves.

/// How much of a delivery a signature proves.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing in between")]
pub enum Covers {
    /// Nothing of the body.
    Head,
    /// Some fields of the body, or its CRC-32, or all fields without what separates them: whoever has seen
    /// one delivery can make others.
    Fields,
    /// All of the body.
    Body,
}

impl Covers {
    /// The word in lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Fields => "fields",
            Self::Body => "body",
        }
    }

    /// The one of that word.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Head, Self::Fields, Self::Body]
            .into_iter()
            .find(|covers| covers.word() == word)
    }
}
