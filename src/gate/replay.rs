//! Was this delivered before? What a delivery is remembered by, and what becomes of one that is known.
//!
//! Only what was proven counts. The fingerprint of a signature is made of the code that was computed,
//! not of what the sender wrote. An id that the signature covers is the sender's word. An id beside the
//! signature is anybody's who holds one genuine delivery, so it counts only together with what was
//! signed: then nobody can use up the id of a delivery that is still to come.
//!
//! Ids count for one creation of an endpoint and one version of its secret. A former owner of the endpoint's name, or a
//! thief before a rotation, uses up none of the ids of later deliveries. During the overlap of a rotation both versions
//! count, so that a retry is told whichever of them proves it. A fingerprint needs neither: it is made with the secret,
//! or is that of a whole message, and an endpoint that is made again with the same secret still refuses a replay.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Body, Reason, Refusal};
use crate::auth::{Claim, Fingerprint, Head, KeyRing, Received, Scheme, Verified};
use crate::directory::{Auth, Duplicates, Endpoint, LedgerDown};
use crate::ledger::{
    Alone, Entries, Entry, Held, Keep, Key, Kind, Ledger, Standing, Taken, Unavailable,
};

/// The sender's own id of a delivery. Nothing proves it, unless the scheme signs it.
pub fn event_id<'a>(scheme: &Scheme, received: &Received<'a>) -> Option<Cow<'a, str>> {
    Claim::hint(scheme.id()?, received)
}

/// A delivery that was proven, on its way into the ledger.
pub(super) struct Proven<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) head: &'a Head<'a>,
    pub(super) verified: &'a Verified,
    pub(super) body: &'a Body,
    /// The keys of the endpoint's secret, if it was judged by them.
    pub(super) keys: Option<&'a KeyRing>,
}

/// What becomes of a delivery while this node cannot ask what the nodes share.
pub(super) fn alone(endpoint: &Endpoint) -> Alone {
    match endpoint.replay.ledger_down {
        LedgerDown::Closed => Alone::Refused,
        LedgerDown::Local => Alone::Judged,
    }
}

/// How long things are remembered.
pub(super) struct Times {
    pub(super) now: Timestamp,
    /// What the endpoint or the server says.
    pub(super) remember: Duration,
    /// How long a body may take. The window of a signature is judged before its body, so the same
    /// signature can arrive here so much later than its window ends.
    pub(super) body_timeout: Duration,
    /// How long a claim lasts that nobody settles.
    pub(super) lease: Duration,
}

impl Proven<'_> {
    /// Claims it: it is new, or refused. `None` if nothing is to be remembered of it.
    pub(super) async fn claim(
        &self,
        ledger: &Arc<dyn Ledger>,
        times: &Times,
    ) -> Result<Option<Held>, Refusal> {
        let ids = self.id_entries(times);
        // The signature counts first: the very same delivery is a replay, whatever id it has.
        let mut places = self.signature_entries(times);
        let free = places.iter_mut().rev().filter(|place| place.is_none());
        for (place, id) in free.zip(ids.into_iter().flatten()) {
            *place = Some(id);
        }
        let entries = Entries::from(places).alone(alone(self.endpoint));
        if entries.is_empty() {
            return Ok(None);
        }
        match Held::claim(ledger, entries, times.lease).await? {
            Ok(held) => Ok(Some(held)),
            Err(taken) => Err(self.known(taken, &ids)),
        }
    }

    /// The last two places are left free.
    fn signature_entries(&self, times: &Times) -> [Option<Entry>; Entries::MOST] {
        let mut entries = [None; Entries::MOST];
        let Some(signature) = self.verified.signature() else {
            return entries;
        };
        if !self.endpoint.replay.signature {
            return entries;
        }
        let keep = match signature.valid_until() {
            Some(until) => Keep::Firmly(later(until, times.body_timeout + MARGIN)),
            None => Keep::AsLongAsThereIsRoom(later(times.now, times.remember)),
        };
        let entry = |it: &Fingerprint| Entry {
            key: Key::of(self.endpoint.id.as_str(), Kind::Signature, &[it.bytes()]),
            keep,
        };
        let fingerprints = [signature.by_current()]
            .into_iter()
            .chain(signature.by_previous())
            .chain(signature.beside());
        for (place, fingerprint) in entries.iter_mut().zip(fingerprints) {
            *place = Some(entry(fingerprint));
        }
        entries
    }

    /// The id under each version of the secret that counts.
    fn id_entries(&self, times: &Times) -> [Option<Entry>; 2] {
        let Auth::Proof(proof) = &self.endpoint.auth else {
            return [None; 2];
        };
        if self.endpoint.replay.id.is_none() {
            return [None; 2];
        }
        let scheme = &*proof.scheme;
        let received = Received {
            head: *self.head,
            body: Some(self.body.bytes()),
        };
        let Some(id) = event_id(scheme, &received) else {
            return [None; 2];
        };
        let secret = proof.key.as_ref().map(|key| key.secret.to_string());
        let secret = secret.unwrap_or_default();
        let generation = self.endpoint.generation.to_le_bytes();
        let keep = Keep::AsLongAsThereIsRoom(later(times.now, times.remember));
        let entry = |version: u32, kind: Kind, content: &[u8]| {
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
            let signed = |version| entry(version, Kind::SignedId, &[]);
            return [Some(signed(current)), previous.map(signed)];
        }
        let hinted = |version, content: &[u8; 32]| entry(version, Kind::HintedId, content);
        match self.verified.signature() {
            // What was signed stays the same when the same event is sent again.
            Some(signature) if scheme.timestamp().is_none() => {
                let by_current = signature.by_current();
                // Public keys leave no mark on what was signed.
                let by_previous = signature.by_previous().unwrap_or(by_current);
                [
                    Some(hinted(current, by_current.bytes())),
                    previous.map(|version| hinted(version, by_previous.bytes())),
                ]
            }
            // Or the body alone, where a time is signed with it.
            _ => {
                let content = Sha256::digest(self.body.bytes()).into();
                let of_body = |version| hinted(version, &content);
                [Some(of_body(current)), previous.map(of_body)]
            }
        }
    }

    /// The versions of the secret that count; 0 where no secret has one.
    fn versions(&self, now: Timestamp) -> (u32, Option<u32>) {
        let Some(keys) = self.keys else {
            return (0, None);
        };
        let previous = keys.previous.as_ref().filter(|(_, until)| now < *until);
        let previous = previous.map(|(key, _)| key.version);
        (keys.current.version, previous)
    }

    /// What becomes of a delivery that somebody has claimed before.
    fn known(&self, taken: Taken, ids: &[Option<Entry>]) -> Refusal {
        let by_id = ids.iter().flatten().any(|id| id.key == taken.key);
        match (taken.standing, by_id, self.endpoint.replay.id) {
            (Standing::InFlight, ..) => Reason::InFlight.into(),
            (Standing::Accepted, true, Some(Duplicates::Acknowledge)) => Reason::Duplicate.into(),
            (Standing::Accepted, true, _) => Refusal {
                cause: Some("an event with this id was accepted before".to_owned()),
                ..Reason::Replay.into()
            },
            // The sender's own retry, signed as its first attempt was.
            (Standing::Accepted, false, _) if self.endpoint.replay.acknowledges_signature => {
                Reason::Duplicate.into()
            }
            (Standing::Accepted, false, _) => Refusal {
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

/// For clocks that are set, and threads that wait.
const MARGIN: Duration = Duration::from_mins(1);
