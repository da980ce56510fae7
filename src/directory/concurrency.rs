//! Concurrency of deliveries with the same key: the declared form and the rule.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Definition;

/// How many deliveries of one key may be in flight at once, as declared.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConcurrencyDefinition {
    /// The limit for each key.
    pub per_key: u32,
    /// How long a further delivery waits before it is refused, in milliseconds; 0 refuses it at once.
    #[serde(default)]
    pub wait_ms: u64,
}

/// How many deliveries of one key may be in flight at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Concurrency {
    /// The limit for each key.
    pub per_key: u32,
    /// How long a further delivery waits before it is refused.
    pub wait: Duration,
}

impl Concurrency {
    pub(super) fn of(definition: &Definition) -> Option<Self> {
        definition.concurrency.map(|declared| Self {
            per_key: declared.per_key,
            wait: Duration::from_millis(declared.wait_ms),
        })
    }
}

/// What happens to a payload without a key, or with more than one value.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum MissingKey {
    /// It is delivered without a key.
    #[default]
    None,
    /// It is refused.
    Reject,
}

impl MissingKey {
    /// The word in declarations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reject => "reject",
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
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
    type Err = ParseMissingKeyError;

    fn from_str(text: &str) -> Result<Self, ParseMissingKeyError> {
        [Self::None, Self::Reject]
            .into_iter()
            .find(|it| it.word() == text)
            .ok_or(ParseMissingKeyError)
    }
}

/// A word that is not a [`MissingKey`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `none` or `reject`")]
pub struct ParseMissingKeyError;
