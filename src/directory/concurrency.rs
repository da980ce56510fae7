//! Deliveries of one key: what is declared about them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many deliveries of one key may be with the backend at once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConcurrencyDefinition {
    /// So many of each key.
    pub per_key: u32,
    /// How long one more waits before it is refused, in milliseconds; 0 to refuse it at once.
    #[serde(default)]
    pub wait_ms: u64,
}

/// What becomes of a payload that has no key, or none that is one value.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum MissingKey {
    /// It is delivered without one.
    #[default]
    None,
    /// It is refused.
    Reject,
}

impl MissingKey {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reject => "reject",
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks with a reference"
    )]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for MissingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for MissingKey {
    type Err = UnknownMissingKey;

    fn from_str(text: &str) -> Result<Self, UnknownMissingKey> {
        [Self::None, Self::Reject]
            .into_iter()
            .find(|it| it.word() == text)
            .ok_or(UnknownMissingKey)
    }
}

/// Text that says nothing about missing keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a payload without a key is told by `none` or `reject`")]
pub struct UnknownMissingKey;
