//! Replays: which entries of the ledger stand for a delivery, and how a repeated delivery is answered.
//!
//! Only proven facts count. The fingerprint of a signature is made of the code that the gate computed, so another
//! spelling is the same delivery. A signed id is the sender's word. An unsigned id can be sent by anybody who holds one
//! genuine delivery, so it counts only together with the signed content: nobody can use up the id of a later delivery.
//!
//! An id counts for one creation of an endpoint and one version of its secret. So a former owner of the endpoint's name,
//! or a thief before a rotation, uses up none of the ids of later deliveries. During the overlap of a rotation the id
//! counts under both versions, so that a retry is recognised whichever version proves it. A fingerprint needs neither:
//! it depends on the secret or on the whole message. An endpoint that is created again with the same secret still refuses a
//! replay.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Body, Reason, Refusal};
use crate::auth::{Claim, Fingerprint, Head, KeyRing, PartialRequest, Scheme, Verified};
use crate::directory::{Auth, Duplicates, Endpoint, LedgerDown};
use crate::ledger::{
    Conflict, Entries, Entry, EntryKind, EntryState, Key, Ledger, LedgerClaim, OutagePolicy,
    Retention, Unavailable,
};

/// The sender's id of a delivery. It is proven only if the scheme signs it.
pub fn event_id<'a>(scheme: &Scheme, received: &PartialRequest<'a>) -> Option<Cow<'a, str>> {
    Claim::hint(scheme.id()?, received)
}

/// The check of a proven delivery against the ledger.
pub(super) struct ReplayCheck<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) head: &'a Head<'a>,
    pub(super) verified: &'a Verified,
    pub(super) body: &'a Body,
    /// The keys of the endpoint's secret, if they made the proof.
    pub(super) keys: Option<&'a KeyRing>,
}

/// How a delivery is judged while the shared ledger is out of reach: fail-closed, or by this node alone.
pub(super) fn outage_policy(endpoint: &Endpoint) -> OutagePolicy {
    match endpoint.replay.ledger_down {
        LedgerDown::Closed => OutagePolicy::Reject,
        LedgerDown::Local => OutagePolicy::Local,
    }
}

/// How long the ledger remembers a delivery.
pub(super) struct ReplayTimes {
    pub(super) now: Timestamp,
    /// The setting of the endpoint or the server, for entries without a signed window.
    pub(super) remember: Duration,
    /// How long a body may take. The window of a signature is judged at the head, so a replay can arrive here this much
    /// later than the window ends.
    pub(super) body_timeout: Duration,
    /// How long a claim lasts that nobody settles.
    pub(super) lease: Duration,
}

impl ReplayCheck<'_> {
    /// Claims the delivery in the ledger, or refuses a repeated one. `None` if its endpoint has no entries to claim.
    pub(super) async fn claim(
        &self,
        ledger: &Arc<dyn Ledger>,
        times: &ReplayTimes,
    ) -> Result<Option<LedgerClaim>, Refusal> {
        let ids = self.id_entries(times);
        // The signature counts first: the same bytes are a replay, whatever id they have.
        let mut slots = self.signature_entries(times);
        let free = slots.iter_mut().rev().filter(|slot| slot.is_none());
        for (slot, id) in free.zip(ids.into_iter().flatten()) {
            *slot = Some(id);
        }
        let entries = Entries::from(slots).with_outage_policy(outage_policy(self.endpoint));
        if entries.is_empty() {
            return Ok(None);
        }
        match LedgerClaim::claim(ledger, entries, times.lease).await? {
            Ok(claim) => Ok(Some(claim)),
            Err(conflict) => Err(self.conflict_refusal(conflict, &ids)),
        }
    }

    /// The entries of the signature. The last two slots stay free for ids.
    fn signature_entries(&self, times: &ReplayTimes) -> [Option<Entry>; Entries::MOST] {
        let mut entries = [None; Entries::MOST];
        let Some(signature) = self.verified.signature() else {
            return entries;
        };
        if !self.endpoint.replay.signature {
            return entries;
        }
        let keep = match signature.valid_until() {
            Some(until) => Retention::Pinned(later(until, times.body_timeout + MARGIN)),
            None => Retention::Evictable(later(times.now, times.remember)),
        };
        let entry = |it: &Fingerprint| Entry {
            key: Key::of(
                self.endpoint.id.as_str(),
                EntryKind::Signature,
                &[it.bytes()],
            ),
            keep,
        };
        let fingerprints = [signature.by_current()]
            .into_iter()
            .chain(signature.by_previous())
            .chain(signature.beside());
        for (slot, fingerprint) in entries.iter_mut().zip(fingerprints) {
            *slot = Some(entry(fingerprint));
        }
        entries
    }

    /// The entries of the id, one for each valid version of the secret.
    fn id_entries(&self, times: &ReplayTimes) -> [Option<Entry>; 2] {
        let Auth::Proof(proof) = &self.endpoint.auth else {
            return [None; 2];
        };
        if self.endpoint.replay.id.is_none() {
            return [None; 2];
        }
        let scheme = &*proof.scheme;
        let received = PartialRequest {
            head: *self.head,
            body: Some(self.body.bytes()),
        };
        let Some(id) = event_id(scheme, &received) else {
            return [None; 2];
        };
        let secret = proof.key.as_ref().map(|key| key.secret.to_string());
        let secret = secret.unwrap_or_default();
        let generation = self.endpoint.generation.to_le_bytes();
        let keep = Retention::Evictable(later(times.now, times.remember));
        let entry = |version: u32, kind: EntryKind, content: &[u8]| {
            let version = version.to_le_bytes();
            let material: [&[u8]; 5] = [
                &generation,
                secret.as_bytes(),
                &version,
                id.as_bytes(),
                content,
            ];
            let key = Key::of(self.endpoint.id.as_str(), kind, &material);
            Entry { key, keep }
        };
        let (current, previous) = self.versions(times.now);
        if scheme.id_is_signed() {
            let signed = |version| entry(version, EntryKind::SignedId, &[]);
            return [Some(signed(current)), previous.map(signed)];
        }
        let hinted = |version, content: &[u8; 32]| entry(version, EntryKind::HintedId, content);
        match self.verified.signature() {
            // Without a signed time, a retry of the same event has the same signature.
            Some(signature) if scheme.timestamp().is_none() => {
                let by_current = signature.by_current();
                // With public keys both fingerprints are the same: the key is no part of them.
                let by_previous = signature.by_previous().unwrap_or(by_current);
                [
                    Some(hinted(current, by_current.bytes())),
                    previous.map(|version| hinted(version, by_previous.bytes())),
                ]
            }
            // With a signed time, only the body of a retry is the same.
            _ => {
                let content = Sha256::digest(self.body.bytes()).into();
                let of_body = |version| hinted(version, &content);
                [Some(of_body(current)), previous.map(of_body)]
            }
        }
    }

    /// The current and the previous version of the secret; 0 without a secret.
    fn versions(&self, now: Timestamp) -> (u32, Option<u32>) {
        let Some(keys) = self.keys else {
            return (0, None);
        };
        let previous = keys.previous.as_ref().filter(|(_, until)| now < *until);
        let previous = previous.map(|(key, _)| key.version);
        (keys.current.version, previous)
    }

    /// The refusal of a delivery that was claimed before.
    fn conflict_refusal(&self, conflict: Conflict, ids: &[Option<Entry>]) -> Refusal {
        let by_id = ids.iter().flatten().any(|id| id.key == conflict.key);
        match (conflict.state, by_id, self.endpoint.replay.id) {
            (EntryState::InFlight, ..) => Reason::InFlight.into(),
            (EntryState::Accepted, true, Some(Duplicates::Acknowledge)) => Reason::Duplicate.into(),
            (EntryState::Accepted, true, _) => Refusal {
                cause: Some("an event with this id was accepted before".to_owned()),
                ..Reason::Replay.into()
            },
            // A retry with the signature of the first attempt.
            (EntryState::Accepted, false, _) if self.endpoint.replay.acknowledges_signature => {
                Reason::Duplicate.into()
            }
            (EntryState::Accepted, false, _) => Refusal {
                cause: Some("this signature was accepted before".to_owned()),
                ..Reason::Replay.into()
            },
        }
    }
}

impl From<Unavailable> for Refusal {
    fn from(error: Unavailable) -> Self {
        Self::with_cause(Reason::LedgerUnavailable, error)
    }
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// A reserve for clock adjustments and scheduling delays.
const MARGIN: Duration = Duration::from_mins(1);
