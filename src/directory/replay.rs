//! What an endpoint says about replays and duplicates, word for word.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an endpoint says about replays, as it is written down.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayDefinition {
    /// What happens to an event that was accepted before; the preset's default if nothing is said here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
    /// What deliveries are told by.
    #[serde(skip_serializing_if = "is_default")]
    pub key: ReplayKey,
    /// How long an accepted delivery is remembered, in milliseconds; what the server says if nothing is
    /// said here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_ms: Option<u64>,
    /// What becomes of deliveries while the ledger that nodes share is out of reach; what the rule asks for
    /// if nothing is said here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger_down: Option<LedgerDown>,
}

impl ReplayDefinition {
    pub(super) fn is_default(&self) -> bool {
        is_default(self)
    }
}

/// What becomes of an event that was accepted before.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "what senders get in each case is one exhaustive match"
)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// The sender is told that all is well, and the backend is not contacted.
    #[default]
    Acknowledge,
    /// It goes to the backend as if it were new.
    Forward,
    /// The sender is refused.
    Reject,
}

/// What becomes of deliveries while the ledger that nodes share is out of reach.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "they go in or they do not")]
#[serde(rename_all = "kebab-case")]
pub enum LedgerDown {
    /// They are refused, and their senders repeat them.
    #[default]
    Closed,
    /// Each node judges by what it remembers itself: one that another node has accepted gets in again.
    Local,
}

/// What deliveries are told by.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum ReplayKey {
    /// By what the scheme has: a signature over a time, an id, or both.
    #[default]
    Auto,
    /// By the id alone.
    Id,
    /// Not at all.
    None,
    /// By the signature alone, whether it is made over a time or not.
    Signature,
}

impl Duplicates {
    const ALL: [Self; 3] = [Self::Acknowledge, Self::Reject, Self::Forward];

    /// The word in configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Forward => "forward",
            Self::Reject => "reject",
        }
    }
}

impl LedgerDown {
    const ALL: [Self; 2] = [Self::Closed, Self::Local];

    /// The word in configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Local => "local",
        }
    }
}

impl ReplayKey {
    const ALL: [Self; 4] = [Self::Auto, Self::Id, Self::Signature, Self::None];

    /// The word in configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Id => "id",
            Self::None => "none",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for Duplicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Duplicates {
    type Err = UnknownDuplicates;

    fn from_str(text: &str) -> Result<Self, UnknownDuplicates> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.word() == text).ok_or(UnknownDuplicates)
    }
}

impl fmt::Display for LedgerDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for LedgerDown {
    type Err = UnknownLedgerDown;

    fn from_str(text: &str) -> Result<Self, UnknownLedgerDown> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.word() == text).ok_or(UnknownLedgerDown)
    }
}

impl fmt::Display for ReplayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for ReplayKey {
    type Err = UnknownReplayKey;

    fn from_str(text: &str) -> Result<Self, UnknownReplayKey> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.word() == text).ok_or(UnknownReplayKey)
    }
}

/// Text that does not say what becomes of duplicates.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `acknowledge`, `reject` or `forward`")]
pub struct UnknownDuplicates;

/// Text that does not say what becomes of deliveries without the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `closed` or `local`")]
pub struct UnknownLedgerDown;

/// Text that does not say what deliveries are told by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `auto`, `id`, `signature` or `none`")]
pub struct UnknownReplayKey;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
