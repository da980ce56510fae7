//! The kinds of keys, by who knows them.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::Algorithm;

/// Who knows a key. A value keeps the kind that it was bound as: a key of one kind never serves as another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the store keeps these three")]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// The public key of a sender. Everybody has it, and nobody can sign with it.
    Public,
    /// The shared secret of a signature. Only the sender and the gate have it, and it is never sent.
    Shared,
    /// A token or a password. It is sent with each delivery, so whoever sees one has it.
    Token,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Public, Self::Shared, Self::Token];

    /// The word in the store and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Shared => "shared",
            Self::Token => "token",
        }
    }

    /// The one of two kinds that more people know.
    #[must_use]
    pub const fn or_better_known(self, other: Self) -> Self {
        match (self, other) {
            (Self::Public, _) | (_, Self::Public) => Self::Public,
            (Self::Token, _) | (_, Self::Token) => Self::Token,
            (Self::Shared, Self::Shared) => Self::Shared,
        }
    }

    /// What it is, as people call it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Public => "a public key, which everybody has",
            Self::Shared => "the shared secret of a signature",
            Self::Token => "a token, which is sent with each delivery",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for KeyKind {
    type Err = UnknownKeyKind;

    fn from_str(text: &str) -> Result<Self, UnknownKeyKind> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.word() == text).ok_or(UnknownKeyKind)
    }
}

/// Text that names no kind of key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the kinds of keys are `public`, `shared` and `token`")]
pub struct UnknownKeyKind;

impl Algorithm {
    /// The kind of key that it works with.
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Basic | Self::Token => KeyKind::Token,
            Self::EcdsaP256
            | Self::EcdsaP256Fixed
            | Self::Ed25519
            | Self::RsaSha1
            | Self::RsaSha256 => KeyKind::Public,
            Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha512 | Self::Sha256 => KeyKind::Shared,
        }
    }
}
