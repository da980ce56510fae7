//! The grounds of a verdict: the endpoint, the keys and the caller's token, and whether they are still in force.
//!
//! A body may take half a minute to arrive, and a delivery may wait as long for its turn. Meanwhile its endpoint can be
//! deleted, disabled or created again, its secret rotated or retired, the token of its caller revoked, and an overlap can
//! end. So the gate checks the grounds when the proof is complete, and again before the delivery goes to the backend.
//! If nothing has changed in the store, which is the usual case, the check compares two numbers. Otherwise the same
//! things are looked up again. If one of them differs, the delivery is judged again by the new state, with the body that
//! has arrived. So a refusal has the reason that a delivery gets which begins now:
//!
//! | meanwhile | answer |
//! |---|---|
//! | the endpoint was deleted or disabled, or its flow was rolled back to a version without it | 404 `not_configured` |
//! | it was created again, or has another secret, slot or mode | by the new one: usually 401 `signature_mismatch` |
//! | the secret was rotated without an overlap, its previous version retired, or the overlap ended | 401 `signature_mismatch` or `token_mismatch` |
//! | no version of the secret is valid | 401 `secret_unbound` |
//! | the token of the workspace was revoked or has expired | 401 `token_mismatch` |
//! | the store has not answered for longer than the grace time, or was replaced | 503 `store_unavailable` |
//! | the grounds change faster than a delivery can be judged | 503 `store_unavailable` |
//!
//! Two things count as they were at the head: the time that the sender has signed, so that a slow body makes no genuine
//! delivery stale; and a proof by a certificate, which no operator revokes.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Gate, Refusal, Request, draft};
use crate::auth::{KeyAge, KeyRing, ProofError, Verified};
use crate::directory::{Auth, DirectoryRevision, Endpoint, EndpointMatch};

/// The grounds of a verdict.
pub(super) struct Grounds {
    /// Taken before the first look-up.
    revision: DirectoryRevision,
    found: EndpointMatch,
    /// The keys that judge the proof.
    keys: Option<Arc<KeyRing>>,
    /// When the first of them expires by itself, if one does.
    until: Option<Timestamp>,
}

impl Grounds {
    /// The grounds that an endpoint alone is. `revision` was taken before it was looked up.
    pub(super) fn new(revision: DirectoryRevision, found: EndpointMatch) -> Self {
        Self {
            revision,
            found,
            keys: None,
            until: None,
        }
    }

    pub(super) fn found(&self) -> &EndpointMatch {
        &self.found
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.found.endpoint
    }

    pub(super) fn keys(&self) -> Option<&KeyRing> {
        self.keys.as_deref()
    }

    /// Adds the keys that judge the proof, and the time when they expire.
    pub(super) fn use_keys(&mut self, keys: Arc<KeyRing>, until: Option<Timestamp>) {
        self.keys = Some(keys);
        self.limit(until);
    }

    /// Lets the grounds end at `until` at the latest.
    pub(super) fn limit(&mut self, until: Option<Timestamp>) {
        self.until = match (self.until, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// Adds the key that made the proof. A previous key may have expired while the body arrived, because the body was
    /// judged by the keys that were valid at the head.
    pub(super) fn check_generation(
        &mut self,
        verified: Verified,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let previous = self.keys.as_ref().and_then(|keys| keys.previous.as_ref());
        let previous = previous.filter(|_| verified.generation() == Some(KeyAge::Previous));
        let Some(until) = previous.map(|(_, until)| *until) else {
            return Ok(verified);
        };
        if now < until {
            self.limit(Some(until));
            return Ok(verified);
        }
        Err(match verified.signature() {
            Some(_) => ProofError::SignatureMismatch.into(),
            None => ProofError::TokenMismatch.into(),
        })
    }

    /// Whether a verdict on these grounds is still right.
    pub(super) async fn still_hold(&self, gate: &Gate, request: &Request<'_>) -> bool {
        if self.until.is_some_and(|until| until <= gate.clock.now()) {
            return false;
        }
        let directory = &gate.caches.directory;
        directory.health().wait_until_current().await;
        directory.revision() == self.revision || self.are_unchanged(gate, request).await
    }

    /// Whether the grounds are the same although something has changed in the store.
    async fn are_unchanged(&self, gate: &Gate, request: &Request<'_>) -> bool {
        let Ok(found) = gate.caches.directory.find(request.path).await else {
            return false;
        };
        let endpoint = &*found.endpoint;
        if !endpoint.is_same(self.endpoint()) {
            return false;
        }
        let url = gate.settings.public_url(endpoint, request);
        let head = request.head(url.as_deref());
        let clock = &*gate.clock;
        let caller = draft::identify_caller(&gate.caches, clock, &found, &head).await;
        if caller.is_err() {
            return false;
        }
        match (&endpoint.auth, &self.keys) {
            (Auth::Proof(proof), Some(keys)) => {
                let Some(address) = &proof.key else {
                    return false;
                };
                let now = gate.caches.keys.available_keys(address).await;
                now.is_ok_and(|now| Arc::ptr_eq(&now.ring, keys))
            }
            (_, keys) => keys.is_none(),
        }
    }
}
