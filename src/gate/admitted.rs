//! A delivery that may go to the backend.

use std::sync::Arc;

use super::body::RESPONSE_BYTES;
use super::turns::Turn;
use super::{Body, Lease};
use crate::auth::Verified;
use crate::contract::ConcurrencyKey;
use crate::directory::Endpoint;
use crate::ledger::Held;

/// A delivery with its proof. Only the gate can make one, and what forwards takes nothing else.
#[derive(Debug)]
pub struct Admitted {
    endpoint: Arc<Endpoint>,
    verified: Verified,
    body: Body,
    held: Option<Held>,
    key: Option<ConcurrencyKey>,
    turn: Option<Turn>,
    /// The memory for its response.
    response: Lease,
}

impl Admitted {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        verified: Verified,
        body: Body,
        held: Option<Held>,
        key: Option<ConcurrencyKey>,
        response: Lease,
    ) -> Self {
        Self {
            endpoint,
            verified,
            body,
            held,
            key,
            turn: None,
            response,
        }
    }

    /// The endpoint that it was sent to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The proof.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The key of its payload, if the endpoint asks for one and there is one.
    pub fn key(&self) -> Option<&ConcurrencyKey> {
        self.key.as_ref()
    }

    pub(super) fn in_turn(self, turn: Option<Turn>) -> Self {
        Self { turn, ..self }
    }

    /// Its turn, once, if deliveries of its key take turns: it ends when the backend has done its part.
    pub fn take_turn(&mut self) -> Option<Turn> {
        self.turn.take()
    }

    /// Takes the body back, and the turn if it has one. Its claim in the ledger is given up.
    pub(super) fn withdraw(self) -> (Body, Option<Turn>) {
        (self.body, self.turn)
    }

    /// Whether it has a claim in the ledger.
    pub(super) fn is_claimed(&self) -> bool {
        self.held.is_some()
    }

    /// Leases memory for a response of `bytes` that is read before it is passed on. False if there is none left.
    pub fn make_room_for_response(&mut self, bytes: usize) -> bool {
        // Takes no memory back from others. Without this memory the response is streamed, and no delivery fails;
        // to take memory back refuses the delivery of another sender, and can wait for seconds.
        self.response.grow_to(RESPONSE_BYTES + bytes as u64).is_ok()
    }

    /// Its claim in the ledger, once: whoever forwards the delivery settles it.
    pub fn take_held(&mut self) -> Option<Held> {
        self.held.take()
    }
}
