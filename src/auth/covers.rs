//! How much of a delivery a proof covers.

/// How much of a delivery a proof covers, in ascending order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "callers must handle every case")]
pub enum Covers {
    /// Values of the head only.
    Head,
    /// Some fields of the body, its CRC-32, or all fields without their separators. An attacker with one delivery can
    /// forge others with the same covered values.
    Fields,
    /// The whole body, byte for byte.
    Body,
}

impl Covers {
    /// The word in declarations and lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Fields => "fields",
            Self::Body => "body",
        }
    }

    /// The coverage for a word of a declaration.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Head, Self::Fields, Self::Body]
            .into_iter()
            .find(|covers| covers.word() == word)
    }
}
