//! The kinds of keys: public keys, shared secrets and tokens.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The kind of a key. A stored value keeps the kind that it was bound as and never serves as another kind.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the store keeps these three")]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// The public key of a sender. Everybody may know it, and nobody can sign with it.
    Public,
    /// The shared secret of a signature. Only the sender and the gate know it; deliveries do not contain it.
    Shared,
    /// A token or a password. Every delivery contains it.
    Token,
}

impl KeyKind {
    /// Every kind, sorted by word.
    pub const ALL: [Self; 3] = [Self::Public, Self::Shared, Self::Token];

    /// The word in the store and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Shared => "shared",
            Self::Token => "token",
        }
    }

    /// The kind that more parties know: public, then token, then shared.
    #[must_use]
    pub const fn better_known(self, other: Self) -> Self {
        match (self, other) {
            (Self::Public, _) | (_, Self::Public) => Self::Public,
            (Self::Token, _) | (_, Self::Token) => Self::Token,
            (Self::Shared, Self::Shared) => Self::Shared,
        }
    }

    /// A noun phrase for messages.
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
    type Err = ParseKeyKindError;

    fn from_str(text: &str) -> Result<Self, ParseKeyKindError> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.word() == text)
            .ok_or(ParseKeyKindError)
    }
}

/// Text that names no kind of key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the kinds of keys are `public`, `shared` and `token`")]
pub struct ParseKeyKindError;
