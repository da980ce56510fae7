//! What a verdict rests on, and whether that still stands.
//!
//! A body may take half a minute to arrive, and a delivery may wait as long for its turn. Meanwhile its endpoint can be
//! deleted, disabled or made anew, its secret rotated or retired, the token of its caller revoked, and an overlap can
//! end. So the gate looks once more when the proof is there, and again before the delivery goes to the backend. If
//! nothing at all has changed in the store, which is nearly always, that is a comparison of two numbers. If something
//! has, the same things are looked up again; and if one of them is not the same, the delivery is judged from its start
//! by what is in force now, with the body that it has brought. So the reason of a refusal is the one that a delivery
//! gets that begins now:
//!
//! | meanwhile | answer |
//! |---|---|
//! | the endpoint was deleted or disabled, or its flow was rolled back to a version without it | 404 `not_configured` |
//! | it was made anew, or has another secret, slot or mode | what the new one says: usually 401 `signature_mismatch` |
//! | the secret was rotated without an overlap, its previous version retired, or the overlap ended | 401 `signature_mismatch` or `token_mismatch` |
//! | no version of the secret counts | 401 `secret_unbound` |
//! | the token of the workspace was revoked or has expired | 401 `token_mismatch` |
//! | the store has not answered for longer than the grace time, or was replaced | 503 `store_unavailable` |
//! | all of this changes faster than it can be judged | 503 `store_unavailable` |
//!
//! Two things count as they were at the head: a time that the sender has signed, so that a slow body makes no genuine
//! delivery stale; and what was proven by a certificate, which no operator revokes.

use std::sync::Arc;

use jiff::Timestamp;

use super::judgement::Notes;
use super::{Gate, Refusal, Request, draft};
use crate::auth::{Generation, KeyRing, ProofError, Verified};
use crate::directory::{Auth, Endpoint, Moment};

/// What a verdict rests on.
pub(super) struct Grounds {
    /// Taken before anything was looked up.
    pub(super) moment: Moment,
    pub(super) endpoint: Arc<Endpoint>,
    /// The keys that the proof was made with.
    pub(super) keys: Option<Arc<KeyRing>>,
    /// When they end by themselves, if they do.
    until: Option<Timestamp>,
}

impl Grounds {
    pub(super) fn new(moment: Moment, endpoint: Arc<Endpoint>) -> Self {
        Self {
            moment,
            endpoint,
            keys: None,
            until: None,
        }
    }

    /// Takes in which key the proof was made with. The previous one may have ended while the body came: the body was
    /// judged by the keys that counted at its head.
    pub(super) fn of_proof(
        &mut self,
        verified: Verified,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let previous = self.keys.as_ref().and_then(|keys| keys.previous.as_ref());
        let Some((_, until)) =
            previous.filter(|_| verified.generation() == Some(Generation::Previous))
        else {
            return Ok(verified);
        };
        if now < *until {
            let until = *until;
            self.ends_at(Some(until));
            return Ok(verified);
        }
        Err(match verified.signature() {
            Some(_) => ProofError::SignatureMismatch.into(),
            None => ProofError::TokenMismatch.into(),
        })
    }

    /// Takes in when a part of them ends.
    pub(super) fn ends_at(&mut self, until: Option<Timestamp>) {
        self.until = match (self.until, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

impl Gate {
    /// Whether a verdict on these grounds still holds.
    pub(super) async fn still_stands(&self, request: &Request<'_>, grounds: &Grounds) -> bool {
        if grounds.until.is_some_and(|until| until <= self.clock.now()) {
            return false;
        }
        self.known.directory.standing().caught_up().await;
        self.known.directory.moment() == grounds.moment || self.are_the_same(request, grounds).await
    }

    /// Whether everything is as it was, though something has changed.
    async fn are_the_same(&self, request: &Request<'_>, grounds: &Grounds) -> bool {
        let Ok(found) = self.known.directory.find(request.path).await else {
            return false;
        };
        let endpoint = &*found.endpoint;
        if !endpoint.is_same(&grounds.endpoint) {
            return false;
        }
        let url = self.settings.public_url(endpoint, request);
        let head = request.head(url.as_deref());
        let clock = &*self.clock;
        let mut notes = Notes::default();
        let caller = draft::caller(&self.known, clock, endpoint, &head, &mut notes).await;
        if caller.is_err() {
            return false;
        }
        match (&endpoint.auth, &grounds.keys) {
            (Auth::Proof(proof), Some(keys)) => {
                let Some(address) = &proof.key else {
                    return false;
                };
                let now = self.known.keys.keys_at_hand(address).await;
                now.is_ok_and(|now| Arc::ptr_eq(&now.ring, keys))
            }
            (_, keys) => keys.is_none(),
        }
    }
}
