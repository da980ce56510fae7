//! How an endpoint tells a replay and a duplicate from a new delivery.
//!
//! By two things. A *signature* that was made over a time is new each time, so the same one again is a
//! replay. An *id* names an event, and a sender that did not hear the answer sends the event again. What
//! there is to go by is in the scheme; the endpoint says what becomes of it.
//!
//! A sender that never retries by itself repeats an id only because a person asked for it, so such repeats
//! are forwarded unless the endpoint says otherwise.

use std::time::Duration;

use super::{Duplicates, LedgerDown, ReplayDefinition, ReplayKey};
use crate::auth::{Covers, Scheme, Sender};

/// The same, as deliveries need it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReplayRule {
    /// Whether the same signature again is refused.
    pub signature: bool,
    /// Whether the same signature again is acknowledged as a duplicate: this sender retries with the
    /// signature of its first attempt.
    pub acknowledges_signature: bool,
    /// Whether the same id again is a duplicate, and what becomes of it then. `None` if it goes to the
    /// backend in any case: then nothing has to be remembered.
    pub id: Option<Duplicates>,
    /// How long an accepted delivery is remembered, where it differs from what the server says.
    pub remember: Option<Duration>,
    /// What becomes of deliveries while the ledger that nodes share is out of reach.
    pub ledger_down: LedgerDown,
}

impl ReplayRule {
    /// The rule that `definition` means for this scheme and this sender.
    pub fn of(
        definition: &ReplayDefinition,
        scheme: Option<&Scheme>,
        sender: Option<&Sender>,
    ) -> Self {
        let ReplayDefinition {
            duplicates,
            key,
            remember_ms,
            ledger_down,
        } = *definition;
        let duplicates = duplicates.unwrap_or_else(|| Duplicates::usual(sender));
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
        let acknowledges_signature = key == ReplayKey::Auto
            && signature
            && duplicates == Duplicates::Acknowledge
            && sender.is_some_and(Sender::repeats_signatures);
        // Where nothing but ids are told, and nobody is refused for one, the worst is that the backend sees
        // an event for a second time. Where nothing is told at all, the most that nodes share are turns.
        // Everywhere else a replay would be admitted that is to be refused.
        let refuses_no_replay = !signature && matches!(id, None | Some(Duplicates::Acknowledge));
        let usual = if refuses_no_replay {
            LedgerDown::Local
        } else {
            LedgerDown::Closed
        };
        Self {
            signature,
            acknowledges_signature,
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
    pub(super) fn has_choice(&self, scheme: &Scheme) -> bool {
        let has_window = scheme.timestamp().is_some_and(|time| time.window.is_some());
        self.id.is_some() || (self.signature && !has_window)
    }
}

impl Duplicates {
    /// The default for this sender.
    pub fn usual(sender: Option<&Sender>) -> Self {
        match sender {
            Some(sender) if !sender.repeats_by_itself() => Self::Forward,
            _ => Self::Acknowledge,
        }
    }
}

/// Whether two deliveries cannot have one signature by accident: it covers something of the body.
pub(super) fn tells_apart(scheme: &Scheme) -> bool {
    scheme.covers_body() && scheme.covers() > Covers::Head
}
