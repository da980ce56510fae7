//! The pipeline after the proof: send the delivery, settle its claim, end its turn, pass the answer on.
//!
//! ```text
//! send → head of the answer → whole body ─→ settle the claim by the status, end the turn ─→ rest to the sender
//!    ↘ failure ────────────────────────↘ release the claim, end the turn ─→ the sender hears of it
//! ```
//!
//! One rule decides the meaning of an answer: a delivery is accepted when the whole of a 2xx answer has arrived
//! (ADR 7). Every other end releases the claim, so that a retry reaches the backend. Both happen before the sender can
//! know the end of its delivery, because it may send the same again at once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;

use super::transport::{
    AddressFault, BodyLength, Deadline, ResponseSink, SenderLeft, UpstreamBody, UpstreamFailure,
    UpstreamFault, UpstreamRequest, UpstreamResponse, UpstreamTransport,
};
use super::{Reason, Turn};
use crate::clock::{Stopwatch, within};
use crate::ledger::LedgerClaim;

/// The end of an admitted delivery.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "the record needs every end")]
pub enum DeliveryOutcome {
    /// The whole answer of the backend arrived.
    Answered {
        /// Its status.
        status: StatusCode,
        /// Whether the sender got all of it.
        is_received: bool,
    },
    /// The answer broke off, and the sender has got as much of it as there was.
    BrokenOff(UpstreamFailure),
    /// There is no answer to pass on. Nothing was written to the sender.
    Failed(UpstreamFailure),
}

/// What a delivery keeps from others until its backend is done: its claim in the ledger, and its turn. Dropped, it
/// releases both.
#[derive(Debug, Default)]
pub(super) struct Reservation {
    claim: Option<LedgerClaim>,
    turn: Option<Turn>,
}

impl Reservation {
    pub(super) fn new(claim: Option<LedgerClaim>) -> Self {
        Self { claim, turn: None }
    }

    pub(super) fn with_turn(self, turn: Option<Turn>) -> Self {
        Self { turn, ..self }
    }

    pub(super) fn is_claimed(&self) -> bool {
        self.claim.is_some()
    }

    pub(super) fn has_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// Releases the claim, and returns the turn.
    pub(super) fn into_turn(self) -> Option<Turn> {
        self.turn
    }

    /// Settles the claim without waiting for a remote ledger, then ends the turn. A sender that reads its answer
    /// slowly delays no other delivery of its key.
    fn settle(self, is_accepted: bool) {
        if let Some(claim) = self.claim {
            claim.settle_detached(is_accepted);
        }
        drop(self.turn);
    }
}

/// Carries one delivery to its backend, and its answer to `sink`.
///
/// Up to `max_gathered` bytes of an answer are read before any are passed on, where others wait for the turn or the
/// sender needs the length.
pub(super) async fn run<T, S>(
    reservation: Reservation,
    request: &UpstreamRequest<'_>,
    deadline: &Deadline<'_>,
    max_gathered: usize,
    transport: &T,
    sink: &mut S,
) -> DeliveryOutcome
where
    T: UpstreamTransport,
    S: ResponseSink<T::Head>,
{
    let buffering = BufferingRule {
        for_turn: reservation.has_turn(),
        for_length: sink.needs_length(),
        max_bytes: max_gathered,
    };
    let answer = match request_answer(request, deadline, buffering, transport).await {
        Ok(answer) => answer,
        Err(failure) => {
            // Before the sender hears of it: it may send the same again at once.
            reservation.settle(false);
            return DeliveryOutcome::Failed(failure);
        }
    };
    let status = answer.status;
    let mut body = answer.body;
    let mut unsent = answer.gathered;
    let mut sender = Sender {
        sink,
        head: Some((answer.head, answer.length)),
        has_left: false,
    };
    let received = if answer.is_whole {
        Some(Ok(()))
    } else {
        let receiving = receive_rest(&mut body, &mut unsent, &mut sender, deadline.remaining());
        deadline.unless_cut_off(pin!(receiving)).await
    };
    if let Err(fault) = received.unwrap_or(Err(UpstreamFault::Timeout)) {
        reservation.settle(false);
        let failure = failure_within(&body, status, fault);
        // The sender gets as much as there is, and sees that the end is missing.
        deadline.unless_cut_off(pin!(sender.send(unsent))).await;
        return DeliveryOutcome::BrokenOff(failure);
    }
    reservation.settle(status.is_success());
    let finishing = async {
        sender.send(unsent).await;
        sender.finish().await?;
        body.release().await;
        Ok::<(), SenderLeft>(())
    };
    // The whole answer is here: whatever happens now, only the sender can be late.
    let finished = deadline.unless_cut_off(pin!(finishing)).await;
    DeliveryOutcome::Answered {
        status,
        is_received: finished.unwrap_or(Err(SenderLeft)).is_ok(),
    }
}

/// Why an answer is read before it is passed on, and how much of it.
#[derive(Clone, Copy)]
struct BufferingRule {
    /// Other deliveries of the same key wait until the backend is done.
    for_turn: bool,
    /// Without a length, the sender takes a broken answer for a whole one.
    for_length: bool,
    max_bytes: usize,
}

/// An answer of which nothing has gone to the sender.
struct Answer<H, B> {
    status: StatusCode,
    head: H,
    length: BodyLength,
    body: B,
    /// The beginning of the body.
    gathered: Vec<u8>,
    /// Whether that is all of the body.
    is_whole: bool,
}

/// Sends the delivery, and reads the answer as far as the sender gets none of it before the rest.
async fn request_answer<T: UpstreamTransport>(
    request: &UpstreamRequest<'_>,
    deadline: &Deadline<'_>,
    buffering: BufferingRule,
    transport: &T,
) -> Result<Answer<T::Head, T::Body>, UpstreamFailure> {
    let response = transport.send(request, deadline).await?;
    let UpstreamResponse {
        status,
        head,
        mut length,
        mut body,
    } = response;
    let mut gathered = Vec::new();
    let mut is_whole = false;
    let is_chunked = length == BodyLength::Chunked;
    let needs_length = is_chunked && buffering.for_length;
    if length != BodyLength::None && (needs_length || buffering.for_turn) {
        let result = {
            let gathering = pin!(gather(&mut body, &mut gathered, buffering.max_bytes));
            deadline.bound(gathering).await
        };
        is_whole = result
            .unwrap_or(Err(UpstreamFault::Timeout))
            .map_err(|fault| failure_within(&body, status, fault))?;
        length = match is_whole {
            true if is_chunked => BodyLength::Known(gathered.len() as u64),
            // It is too long to be gathered, and ends with the sender's connection.
            false if needs_length => BodyLength::UntilClose,
            _ => length,
        };
    }
    Ok(Answer {
        status,
        head,
        length,
        body,
        gathered,
        is_whole,
    })
}

/// Reads a body up to a limit. True if that was all of it.
async fn gather(
    body: &mut impl UpstreamBody,
    into: &mut Vec<u8>,
    max_bytes: usize,
) -> Result<bool, UpstreamFault> {
    while into.len() < max_bytes {
        match body.next().await? {
            Some(part) => into.extend_from_slice(part),
            None => return Ok(true),
        }
    }
    Ok(false)
}

/// Receives the rest of a body and passes it on in parts, except the last one, which stays in `unsent`.
///
/// Only the time that the backend takes counts against `patience`; the sink has a deadline of its own. A sender that
/// leaves changes nothing: the answer is still read to its end.
async fn receive_rest<H, S: ResponseSink<H>>(
    body: &mut impl UpstreamBody,
    unsent: &mut Vec<u8>,
    sender: &mut Sender<'_, H, S>,
    mut patience: Duration,
) -> Result<(), UpstreamFault> {
    loop {
        let mut waiting = Stopwatch::start();
        let is_end = {
            let mut reading = pin!(within_patience(patience, &mut *body));
            let ready = poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await;
            let part = match ready {
                Poll::Ready(part) => part,
                Poll::Pending => {
                    sender.send(std::mem::take(unsent)).await;
                    waiting = Stopwatch::start();
                    reading.await
                }
            }?;
            unsent.extend_from_slice(part.unwrap_or_default());
            part.is_none()
        };
        patience = patience.saturating_sub(waiting.elapsed());
        if is_end || body.is_whole() {
            return Ok(());
        }
        if unsent.len() >= SENT_AT_ONCE {
            sender.send(std::mem::take(unsent)).await;
        }
    }
}

async fn within_patience(
    patience: Duration,
    body: &mut impl UpstreamBody,
) -> Result<Option<&[u8]>, UpstreamFault> {
    let next = pin!(body.next());
    let part = within(patience, next).await;
    part.unwrap_or(Err(UpstreamFault::Timeout))
}

/// The failure of a backend whose answer had begun.
fn failure_within(
    body: &impl UpstreamBody,
    status: StatusCode,
    fault: UpstreamFault,
) -> UpstreamFailure {
    UpstreamFailure {
        reason: match fault {
            UpstreamFault::Timeout => Reason::UpstreamTimeout,
            _ => Reason::UpstreamUnreachable,
        },
        status: Some(status),
        at: AddressFault {
            fault,
            address: body.address(),
        },
    }
}

/// Writes an answer to the sender as long as it is there.
struct Sender<'s, H, S> {
    sink: &'s mut S,
    /// `None` once it was written.
    head: Option<(H, BodyLength)>,
    has_left: bool,
}

impl<H, S: ResponseSink<H>> Sender<'_, H, S> {
    /// Writes the head, unless it was written before, and a part of the body.
    async fn send(&mut self, part: Vec<u8>) {
        if !self.has_left {
            self.has_left = self.try_send(part).await.is_err();
        }
    }

    async fn try_send(&mut self, part: Vec<u8>) -> Result<(), SenderLeft> {
        if let Some((head, length)) = self.head.take() {
            self.sink.head(head, length).await?;
        }
        if !part.is_empty() {
            self.sink.part(part.into()).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), SenderLeft> {
        if self.has_left {
            return Err(SenderLeft);
        }
        self.sink.end().await
    }
}

/// This much of an answer goes to the sender at once, if it has arrived already.
const SENT_AT_ONCE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use http::HeaderMap;
    use jiff::Timestamp;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::clock::SystemClock;
    use crate::directory::{Concurrency, EndpointId};
    use crate::gate::turns::Turns;
    use crate::ledger::{
        Entries, Entry, EntryKind, EntryState, InProcessLedger, Key, Ledger, Retention,
    };
    use crate::payload::{ConcurrencyKey, KeyRule, Payload, PayloadRules};

    const LEASE: Duration = Duration::from_mins(1);
    const TOTAL: Duration = Duration::from_secs(8);

    /// What the ledger says about the delivery.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum State {
        Free,
        InFlight,
        Accepted,
    }

    /// A real ledger with the claim of one delivery.
    #[derive(Clone)]
    struct ClaimFixture {
        ledger: Arc<dyn Ledger>,
        entries: Entries,
    }

    impl ClaimFixture {
        async fn new() -> (Self, Reservation) {
            let ledger: Arc<dyn Ledger> =
                Arc::new(InProcessLedger::new(1000, Arc::new(SystemClock)));
            let mut places = [None; Entries::MOST];
            places[0] = Some(Entry {
                key: Key::of("workflows/a", EntryKind::Signature, &[b"code"]),
                keep: Retention::Pinned(Timestamp::MAX),
            });
            let entries = Entries::from(places);
            let claim = LedgerClaim::claim(&ledger, entries, LEASE)
                .await
                .unwrap()
                .unwrap();
            (Self { ledger, entries }, Reservation::new(Some(claim)))
        }

        async fn state(&self) -> State {
            match self.ledger.claim(&self.entries, LEASE).await.unwrap() {
                Ok(token) => {
                    self.ledger.release(&self.entries, token).await.unwrap();
                    State::Free
                }
                Err(taken) if taken.state == EntryState::Accepted => State::Accepted,
                Err(_) => State::InFlight,
            }
        }
    }

    /// One thing that the backend does with its answer.
    #[derive(Clone, Copy)]
    enum Step {
        Part(&'static [u8]),
        /// The connection breaks.
        Break,
        /// Nothing more ever arrives.
        Silence,
    }

    /// A backend in memory.
    struct Backend {
        /// `None` for a backend that never answers.
        status: Option<u16>,
        length: BodyLength,
        steps: Vec<Step>,
        is_released: Arc<AtomicBool>,
        /// Cancelled when the last part arrives.
        cut_off_at_end: CancellationToken,
    }

    impl Backend {
        fn answering(status: u16, steps: &[Step]) -> Self {
            Self {
                status: Some(status),
                length: BodyLength::Chunked,
                steps: steps.to_vec(),
                is_released: Arc::default(),
                cut_off_at_end: CancellationToken::new(),
            }
        }

        fn silent() -> Self {
            Self {
                status: None,
                ..Self::answering(200, &[])
            }
        }
    }

    impl UpstreamTransport for Backend {
        type Head = ();
        type Body = Body;

        async fn send(
            &self,
            request: &UpstreamRequest<'_>,
            deadline: &Deadline<'_>,
        ) -> Result<UpstreamResponse<(), Body>, UpstreamFailure> {
            let at = |fault| AddressFault {
                fault,
                address: request.upstream.to_owned(),
            };
            let Some(status) = self.status else {
                let never = std::future::pending::<()>();
                assert_eq!(deadline.bound(pin!(never)).await, None);
                return Err(UpstreamFailure {
                    reason: Reason::UpstreamTimeout,
                    status: None,
                    at: at(UpstreamFault::Timeout),
                });
            };
            Ok(UpstreamResponse {
                status: StatusCode::from_u16(status).unwrap(),
                head: (),
                length: self.length,
                body: Body {
                    steps: self.steps.iter().copied().collect(),
                    is_released: Arc::clone(&self.is_released),
                    cut_off_at_end: self.cut_off_at_end.clone(),
                },
            })
        }
    }

    struct Body {
        steps: VecDeque<Step>,
        is_released: Arc<AtomicBool>,
        cut_off_at_end: CancellationToken,
    }

    impl UpstreamBody for Body {
        async fn next(&mut self) -> Result<Option<&[u8]>, UpstreamFault> {
            // A part takes a moment to arrive, in virtual time.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if self.steps.len() == 1 {
                self.cut_off_at_end.cancel();
            }
            match self.steps.pop_front() {
                None => Ok(None),
                Some(Step::Part(part)) => Ok(Some(part)),
                Some(Step::Break) => Err(UpstreamFault::Reset),
                Some(Step::Silence) => std::future::pending().await,
            }
        }

        fn is_whole(&mut self) -> bool {
            self.steps.is_empty()
        }

        fn address(&self) -> String {
            "10.0.0.1:3000".to_owned()
        }

        async fn release(self) {
            self.is_released.store(true, Ordering::Relaxed);
        }
    }

    /// What the sender gets, each with the state of the ledger at that moment.
    #[derive(Clone, Debug, Eq, PartialEq)]
    enum Event {
        Head(BodyLength),
        Part(Bytes),
        End,
    }

    /// A sender in memory.
    struct Reader {
        claimed: ClaimFixture,
        events: Vec<(Event, State)>,
        needs_length: bool,
        has_left: bool,
        /// Whether it never reads a part of the body.
        is_stuck: bool,
    }

    impl Reader {
        fn new(claimed: &ClaimFixture) -> Self {
            Self {
                claimed: claimed.clone(),
                events: Vec::new(),
                needs_length: false,
                has_left: false,
                is_stuck: false,
            }
        }

        async fn add(&mut self, event: Event) -> Result<(), SenderLeft> {
            if self.has_left {
                return Err(SenderLeft);
            }
            let state = self.claimed.state().await;
            self.events.push((event, state));
            Ok(())
        }

        fn body(&self) -> Vec<u8> {
            let parts = self.events.iter().filter_map(|(event, _)| match event {
                Event::Part(part) => Some(&part[..]),
                Event::Head(_) | Event::End => None,
            });
            parts.flatten().copied().collect()
        }

        /// The state of the ledger when the sender could see the end of its answer.
        fn state_at_end(&self) -> Option<State> {
            let (_, state) = self.events.iter().find(|(event, _)| *event == Event::End)?;
            Some(*state)
        }
    }

    impl ResponseSink<()> for Reader {
        fn needs_length(&self) -> bool {
            self.needs_length
        }

        async fn head(&mut self, (): (), length: BodyLength) -> Result<(), SenderLeft> {
            self.add(Event::Head(length)).await
        }

        async fn part(&mut self, part: Bytes) -> Result<(), SenderLeft> {
            self.add(Event::Part(part)).await?;
            if self.is_stuck {
                std::future::pending::<()>().await;
            }
            Ok(())
        }

        async fn end(&mut self) -> Result<(), SenderLeft> {
            self.add(Event::End).await
        }
    }

    async fn run_until(
        cut_off: &CancellationToken,
        reservation: Reservation,
        backend: &Backend,
        reader: &mut Reader,
        max_gathered: usize,
    ) -> DeliveryOutcome {
        let body = Bytes::from_static(b"{}");
        let request = UpstreamRequest {
            upstream: "default",
            head: b"POST / HTTP/1.1\r\n\r\n",
            body: &body,
        };
        let deadline = Deadline::start(TOTAL, cut_off);
        run(
            reservation,
            &request,
            &deadline,
            max_gathered,
            backend,
            reader,
        )
        .await
    }

    async fn run_to_end(
        reservation: Reservation,
        backend: &Backend,
        reader: &mut Reader,
    ) -> DeliveryOutcome {
        run_until(
            &CancellationToken::new(),
            reservation,
            backend,
            reader,
            1024,
        )
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn whole_answer_settles_by_its_status_before_the_sender_sees_its_end() {
        for (status, state) in [
            (200, State::Accepted),
            (299, State::Accepted),
            (300, State::Free),
            (404, State::Free),
            (500, State::Free),
        ] {
            let (claimed, reservation) = ClaimFixture::new().await;
            let mut reader = Reader::new(&claimed);
            let backend =
                Backend::answering(status, &[Step::Part(b"first "), Step::Part(b"second")]);
            let outcome = run_to_end(reservation, &backend, &mut reader).await;
            let DeliveryOutcome::Answered {
                status: answered,
                is_received: true,
            } = outcome
            else {
                panic!("{outcome:?}");
            };
            assert_eq!(answered.as_u16(), status);
            assert_eq!(reader.body(), b"first second");
            assert_eq!(reader.state_at_end(), Some(state), "{status}");
            // While the answer was on its way, the delivery was in flight.
            assert_eq!(reader.events[0].1, State::InFlight);
            assert_eq!(claimed.state().await, state);
            assert!(backend.is_released.load(Ordering::Relaxed));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_an_answer_releases_the_claim_and_does_not_end() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let mut reader = Reader::new(&claimed);
        let backend = Backend::answering(200, &[Step::Part(b"half"), Step::Break]);
        let outcome = run_to_end(reservation, &backend, &mut reader).await;
        let DeliveryOutcome::BrokenOff(failure) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(failure.reason, Reason::UpstreamUnreachable);
        assert_eq!(failure.status, Some(StatusCode::OK));
        assert_eq!(failure.at.fault, UpstreamFault::Reset);
        assert_eq!(reader.body(), b"half");
        assert_eq!(reader.state_at_end(), None);
        assert_eq!(claimed.state().await, State::Free);
        assert!(!backend.is_released.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn claim_is_released_before_the_sender_hears_of_a_timeout() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let mut reader = Reader::new(&claimed);
        let outcome = run_to_end(reservation, &Backend::silent(), &mut reader).await;
        assert!(
            matches!(&outcome, DeliveryOutcome::Failed(failure) if failure.reason == Reason::UpstreamTimeout),
            "{outcome:?}"
        );
        assert!(reader.events.is_empty(), "{:?}", reader.events);
        assert_eq!(claimed.state().await, State::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_stops_is_broken_off_when_the_total_time_is_over() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let mut reader = Reader::new(&claimed);
        let backend = Backend::answering(200, &[Step::Part(b"half"), Step::Silence]);
        let started = Stopwatch::start();
        let outcome = run_to_end(reservation, &backend, &mut reader).await;
        assert!(started.elapsed() >= TOTAL);
        assert!(
            matches!(&outcome, DeliveryOutcome::BrokenOff(failure) if failure.reason == Reason::UpstreamTimeout),
            "{outcome:?}"
        );
        assert_eq!(reader.body(), b"half");
        assert_eq!(claimed.state().await, State::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn cut_off_releases_the_claim_at_once() {
        for backend in [
            Backend::silent(),
            Backend::answering(200, &[Step::Part(b"half"), Step::Silence]),
        ] {
            let (claimed, reservation) = ClaimFixture::new().await;
            let mut reader = Reader::new(&claimed);
            let cut_off = CancellationToken::new();
            let started = Stopwatch::start();
            let outcome = {
                let running = run_until(&cut_off, reservation, &backend, &mut reader, 1024);
                let cutting = async {
                    tokio::time::sleep(TOTAL / 2).await;
                    cut_off.cancel();
                };
                tokio::join!(running, cutting).0
            };
            // Virtual time: the deadline of the backend was not reached.
            assert_eq!(started.elapsed(), TOTAL / 2);
            let (DeliveryOutcome::Failed(failure) | DeliveryOutcome::BrokenOff(failure)) = outcome
            else {
                panic!("{outcome:?}");
            };
            assert_eq!(failure.reason, Reason::UpstreamTimeout);
            assert_eq!(claimed.state().await, State::Free);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_is_whole_at_the_cut_off_still_reaches_the_sender() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let backend = Backend::answering(202, &[Step::Part(b"first "), Step::Part(b"last")]);
        let mut reader = Reader::new(&claimed);
        let cut_off = backend.cut_off_at_end.clone();
        let outcome = run_until(&cut_off, reservation, &backend, &mut reader, 1024).await;
        let is_received = matches!(
            outcome,
            DeliveryOutcome::Answered {
                is_received: true,
                ..
            }
        );
        assert!(is_received, "{outcome:?}");
        assert_eq!(reader.body(), b"first last");
        assert_eq!(reader.state_at_end(), Some(State::Accepted));
    }

    #[tokio::test(start_paused = true)]
    async fn sender_that_leaves_does_not_undo_an_accepted_delivery() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let mut reader = Reader::new(&claimed);
        reader.has_left = true;
        let backend = Backend::answering(202, &[Step::Part(b"first"), Step::Part(b"second")]);
        let outcome = run_to_end(reservation, &backend, &mut reader).await;
        assert!(
            matches!(
                outcome,
                DeliveryOutcome::Answered {
                    is_received: false,
                    ..
                }
            ),
            "{outcome:?}"
        );
        assert_eq!(claimed.state().await, State::Accepted);
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_pipeline_releases_the_claim() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let mut reader = Reader::new(&claimed);
        let backend = Backend::silent();
        {
            let mut running = pin!(run_to_end(reservation, &backend, &mut reader));
            let polled = poll_fn(|context| Poll::Ready(running.as_mut().poll(context))).await;
            assert!(polled.is_pending());
            assert_eq!(claimed.state().await, State::InFlight);
        }
        assert_eq!(claimed.state().await, State::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn turn_ends_with_the_answer_and_not_with_a_slow_sender() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let turns = Arc::new(Turns::default());
        let rule = Concurrency {
            per_key: 1,
            wait: Duration::ZERO,
        };
        let (endpoint, key) = ("workflows/a".parse::<EndpointId>().unwrap(), key("x"));
        let turn = turns.take(&endpoint, &key, rule).await;
        assert!(turn.is_some());
        assert!(turns.take(&endpoint, &key, rule).await.is_none());
        let reservation = reservation.with_turn(turn);
        let mut reader = Reader::new(&claimed);
        reader.is_stuck = true;
        let backend = Backend::answering(200, &[Step::Part(b"first"), Step::Part(b"second")]);
        let cut_off = CancellationToken::new();
        let running = run_until(&cut_off, reservation, &backend, &mut reader, 1024);
        let checking = async {
            // Virtual time moves only when everything waits: now the answer is whole, and only the sender is slow.
            tokio::time::sleep(TOTAL).await;
            assert!(turns.take(&endpoint, &key, rule).await.is_some());
            assert_eq!(claimed.state().await, State::Accepted);
            cut_off.cancel();
        };
        let (outcome, ()) = tokio::join!(running, checking);
        assert!(
            matches!(
                outcome,
                DeliveryOutcome::Answered {
                    is_received: false,
                    ..
                }
            ),
            "{outcome:?}"
        );
        // It was gathered, so its length is known.
        assert_eq!(reader.events[0].0, Event::Head(BodyLength::Known(11)));
    }

    #[tokio::test(start_paused = true)]
    async fn sender_that_needs_a_length_gets_one_unless_the_answer_is_too_long() {
        for (max_gathered, length) in [
            (1024, BodyLength::Known(11)),
            (11, BodyLength::UntilClose),
            (0, BodyLength::UntilClose),
        ] {
            let (claimed, reservation) = ClaimFixture::new().await;
            let mut reader = Reader::new(&claimed);
            reader.needs_length = true;
            let backend = Backend::answering(200, &[Step::Part(b"first"), Step::Part(b"second")]);
            let never = CancellationToken::new();
            run_until(&never, reservation, &backend, &mut reader, max_gathered).await;
            assert_eq!(
                reader.events[0].0,
                Event::Head(length),
                "at most {max_gathered} bytes"
            );
            assert_eq!(reader.body(), b"firstsecond");
            assert_eq!(reader.state_at_end(), Some(State::Accepted));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_breaks_off_while_it_is_gathered_is_a_failure_of_the_backend() {
        let (claimed, reservation) = ClaimFixture::new().await;
        let mut reader = Reader::new(&claimed);
        reader.needs_length = true;
        let backend = Backend::answering(200, &[Step::Part(b"half"), Step::Break]);
        let outcome = run_to_end(reservation, &backend, &mut reader).await;
        let DeliveryOutcome::Failed(failure) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(failure.status, Some(StatusCode::OK));
        // Nothing has gone to the sender, so it gets an answer of the gate.
        assert!(reader.events.is_empty(), "{:?}", reader.events);
        assert_eq!(claimed.state().await, State::Free);
    }

    /// The concurrency key of a payload with this text.
    fn key(text: &str) -> ConcurrencyKey {
        let rule = KeyRule {
            path: vec!["key".to_owned()].try_into().unwrap(),
            required: true,
        };
        let rules = PayloadRules::new(None, Some(rule)).unwrap();
        let body = format!(r#"{{"key":"{text}"}}"#);
        let payload = Payload::of(&HeaderMap::new(), body.as_bytes(), None);
        rules.examine(&payload).unwrap().unwrap()
    }
}
