//! A delivery that may go to the backend.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::body::RESPONSE_BYTES;
use super::pipeline::{self, DeliveryOutcome, Reservation};
use super::transport::{Deadline, ResponseSink, UpstreamRequest, UpstreamTransport};
use super::turns::Turn;
use super::{Body, Lease};
use crate::auth::Verified;
use crate::directory::Endpoint;
use crate::ledger::LedgerClaim;
use crate::payload::ConcurrencyKey;

/// A delivery with its proof. Only the gate can make one, and only an admitted delivery can be sent to a backend.
///
/// It holds its claim in the ledger and its turn. Dropped, it releases both.
#[derive(Debug)]
pub struct Admitted {
    endpoint: Arc<Endpoint>,
    verified: Verified,
    body: Body,
    key: Option<ConcurrencyKey>,
    reservation: Reservation,
    /// How long the backend may take, from here to the end of its answer.
    total_timeout: Duration,
    /// The memory for its response.
    response: Lease,
}

impl Admitted {
    pub(super) fn new(
        (endpoint, total_timeout): (Arc<Endpoint>, Duration),
        verified: Verified,
        body: Body,
        claim: Option<LedgerClaim>,
        key: Option<ConcurrencyKey>,
        response: Lease,
    ) -> Self {
        Self {
            endpoint,
            verified,
            body,
            key,
            reservation: Reservation::new(claim),
            total_timeout,
            response,
        }
    }

    /// The endpoint that the path of the delivery names.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The proof.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The bytes that the proof covers.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The concurrency key of the payload, if the endpoint asks for one.
    pub fn key(&self) -> Option<&ConcurrencyKey> {
        self.key.as_ref()
    }

    /// Sends the delivery under `head` to its backend, settles its claim, ends its turn, and writes the answer to
    /// `sink`. The backend gets no more time once `cut_off` is cancelled.
    ///
    /// If this future is dropped before the whole answer has arrived, the claim is released and the turn ends.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` keeps a second copy of `self` in the future of every connection"
    )]
    pub fn deliver<T, S>(
        mut self,
        head: &[u8],
        transport: &T,
        sink: &mut S,
        cut_off: &CancellationToken,
    ) -> impl Future<Output = DeliveryOutcome>
    where
        T: UpstreamTransport,
        S: ResponseSink<T::Head>,
    {
        async move {
            let gathers = sink.needs_length() || self.reservation.has_turn();
            let max_gathered = if gathers && self.lease_gathered_response() {
                MAX_GATHERED
            } else {
                0
            };
            let request = UpstreamRequest {
                upstream: &self.endpoint.upstream,
                head,
                body: self.body.bytes(),
            };
            let deadline = Deadline::start(self.total_timeout, cut_off);
            let reservation = std::mem::take(&mut self.reservation);
            pipeline::run(
                reservation,
                &request,
                &deadline,
                max_gathered,
                transport,
                sink,
            )
            .await
        }
    }

    pub(super) fn with_turn(self, turn: Option<Turn>) -> Self {
        Self {
            reservation: self.reservation.with_turn(turn),
            ..self
        }
    }

    pub(super) fn is_claimed(&self) -> bool {
        self.reservation.is_claimed()
    }

    /// Takes the delivery back to be judged again: releases its claim, and returns its body and its turn.
    pub(super) fn withdraw(self) -> (Body, Option<Turn>) {
        (self.body, self.reservation.into_turn())
    }

    /// Leases memory for a response that is gathered before it is passed on. False if there is none left.
    fn lease_gathered_response(&mut self) -> bool {
        // Takes no memory back from others. Without this memory the response is streamed, and no delivery fails;
        // to take memory back refuses the delivery of another sender, and can wait for seconds.
        let bytes = RESPONSE_BYTES + MAX_GATHERED as u64;
        self.response.grow_to(bytes).is_ok()
    }
}

/// The largest answer that is gathered. Backends answer webhooks with much less.
const MAX_GATHERED: usize = 1024 * 1024;
