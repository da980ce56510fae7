//! How an endpoint tells a replay and a duplicate from a new delivery.
//!
//! By two things. A *signature* that was made over a time is new each time, so the same one again is a
//! replay. An *id* names an event, and a sender that did not hear the answer sends the event again. What
//! there is to go by is in the scheme; the endpoint says what becomes of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Definition;
use super::wrong_auth::named;
use crate::auth::{Covers, Scheme};

/// What an endpoint says about replays, as it is written down.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayDefinition {
    /// What becomes of an event that was accepted before.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicates: Duplicates,
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

/// The same, as deliveries need it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReplayRule {
    /// Whether the same signature again is a replay.
    pub signature: bool,
    /// Whether the same id again is a duplicate, and what becomes of it then. `None` if it goes to the
    /// backend in any case: then nothing has to be remembered.
    pub id: Option<Duplicates>,
    /// How long an accepted delivery is remembered, where it differs from what the server says.
    pub remember: Option<Duration>,
    /// What becomes of deliveries while the ledger that nodes share is out of reach.
    pub ledger_down: LedgerDown,
}

impl ReplayRule {
    /// What `definition` comes to with `scheme`.
    pub fn of(definition: &ReplayDefinition, scheme: Option<&Scheme>) -> Self {
        let ReplayDefinition {
            duplicates,
            key,
            remember_ms,
            ledger_down,
        } = *definition;
        let is_timed = scheme.is_some_and(Scheme::expires);
        let is_signed = scheme.is_some_and(tells_apart);
        let has_id = scheme.is_some_and(|scheme| scheme.id().is_some());
        let (signature, id) = match key {
            ReplayKey::Auto => (is_timed, has_id),
            ReplayKey::Id => (false, has_id),
            ReplayKey::None => (false, false),
            ReplayKey::Signature => (is_signed, false),
        };
        let id = (id && duplicates != Duplicates::Forward).then_some(duplicates);
        // Where nothing but ids are told, and nobody is refused for one, the worst is that the backend sees
        // an event for a second time. Everywhere else a replay would be admitted that is to be refused.
        let worst_is_a_duplicate = !signature && id == Some(Duplicates::Acknowledge);
        let usual = if worst_is_a_duplicate {
            LedgerDown::Local
        } else {
            LedgerDown::Closed
        };
        Self {
            signature,
            id,
            remember: remember_ms.map(Duration::from_millis),
            ledger_down: ledger_down.unwrap_or(usual),
        }
    }

    /// Whether anything is remembered at all.
    pub fn remembers(&self) -> bool {
        self.signature || self.id.is_some()
    }

    /// Whether anything is remembered for a time that can be chosen: all but a signature whose window
    /// chooses it.
    fn has_choice(&self, scheme: &Scheme) -> bool {
        let has_window = scheme.timestamp().is_some_and(|time| time.window.is_some());
        self.id.is_some() || (self.signature && !has_window)
    }
}

/// Whether two deliveries cannot have one signature by accident: it covers something of the body.
fn tells_apart(scheme: &Scheme) -> bool {
    scheme.covers_body() && scheme.covers() > Covers::Head
}

impl Definition {
    /// What is said about replays and cannot be.
    pub(super) fn wrong_replay(&self, wrong: &mut impl FnMut(&'static str, String)) {
        let mut wrong = |message| wrong("replay", message);
        let ReplayDefinition {
            duplicates,
            key,
            remember_ms,
            ledger_down,
        } = self.replay;
        if remember_ms.is_some_and(|time| !REMEMBER_MS.contains(&time)) {
            wrong("`remember` is from \"1s\" to \"720h\"".to_owned());
        }
        let Some(auth) = self.auth.as_ref().filter(|_| !self.replay.is_default()) else {
            return;
        };
        let whose = named(auth);
        let Ok(scheme) = auth.compiled() else {
            return; // There is no such preset, which was said.
        };
        let Some(scheme) = scheme else {
            wrong(format!(
                "{whose} proves nothing, so nothing can be told apart by it"
            ));
            return;
        };
        if key == ReplayKey::Id && scheme.id().is_none() {
            wrong(format!("{whose} has no id, so `key` cannot be `id`"));
        }
        if key == ReplayKey::Signature && !tells_apart(&scheme) {
            wrong(format!(
                "{whose} has no signature that covers the body, so `key` cannot be `signature`"
            ));
        }
        let looks_at_ids = matches!(key, ReplayKey::Auto | ReplayKey::Id);
        if duplicates != Duplicates::default() && !looks_at_ids {
            let key = key.word();
            wrong(format!(
                "`duplicates` is about ids, which `key = \"{key}\"` does not look at"
            ));
        } else if duplicates != Duplicates::default() && scheme.id().is_none() {
            wrong(format!("{whose} has no id, so `duplicates` says nothing"));
        }
        let rule = ReplayRule::of(&self.replay, Some(&scheme));
        if remember_ms.is_some() && !rule.has_choice(&scheme) {
            let message = "`remember` says nothing here: there is no id and no signature without a \
                           window of its own that would be remembered";
            wrong(message.to_owned());
        }
        if ledger_down.is_some() && !rule.remembers() {
            let message = "`ledger_down` says nothing here: nothing is remembered of deliveries";
            wrong(message.to_owned());
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

/// Up to thirty days.
const REMEMBER_MS: std::ops::RangeInclusive<u64> = 1000..=30 * 24 * 3_600_000;
