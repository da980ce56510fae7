//! One delivery, from its head to its record: judged by the gate, then answered.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use http::{HeaderValue, Version};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer::AnswerWriter;
use super::forward::Forwarder;
use super::head::RequestHead;
use super::headers::{Additions, write_head};
use super::names::REQUEST_ID;
use super::outcome::ResponseOutcome;
use super::reply::{Reply, SendDeadline};
use super::respond::{GateHeaders, status_and_body};
use super::{HeaderNames, PublicSettings};
use crate::capture::{CaptureQueue, RefusedDelivery};
use crate::clock::{Clock, Stopwatch};
use crate::gate::{
    Admitted, Body, BodySource, Decision, DeliveryFacts, Gate, Judgement, Lease, OverBudgetError,
    Reason, Refusal,
};
use crate::telemetry::{Outcome, Telemetry, Verdict};

/// Everything that a delivery passes through.
pub struct Delivery {
    /// The limits and timeouts of the public listener.
    pub settings: PublicSettings,
    /// The names of the headers that the gate adds.
    pub names: HeaderNames,
    /// The decision.
    pub gate: Gate,
    /// The transport to the backends.
    pub forwarder: Forwarder,
    /// The access log and the metrics.
    pub telemetry: Arc<Telemetry>,
    /// The queue of captured refused deliveries.
    pub captures: CaptureQueue,
    /// The time of the records.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when a shutdown cuts off the deliveries in flight. The gate and the backend then get no more time, and the
    /// sender gets a 503 or 504, which is recorded as any other.
    pub cut_off: CancellationToken,
}

/// The connection of a delivery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) peer: Option<IpAddr>,
    pub(super) over_tls: bool,
}

/// A judged delivery that has no answer yet.
pub(super) struct PendingAnswer {
    facts: DeliveryFacts,
    verdict: Result<Decision, Refusal>,
    request_id: HeaderValue,
    at: Timestamp,
    watch: Stopwatch,
}

impl PendingAnswer {
    /// Whether the body was read to its end.
    pub(super) fn body_received(&self) -> bool {
        self.facts.body_received
    }
}

impl Delivery {
    /// Judges a delivery whose head was read. A `fault` of the head refuses it without a look at the rest.
    pub(super) async fn judge(
        &self,
        head: &RequestHead,
        fault: Option<Reason>,
        body: &mut impl BodySource,
        origin: Origin,
    ) -> PendingAnswer {
        let (at, watch) = (self.clock.now(), Stopwatch::start());
        let judgement = if let Some(reason) = fault {
            Judgement::refused(reason, None)
        } else {
            let request = head.request();
            let judging = pin!(self.gate.judge(&request, body));
            let judgement = self.cut_off.run_until_cancelled(judging).await;
            judgement.unwrap_or_else(|| Judgement::refused(Reason::Overloaded, Some(CUT_OFF)))
        };
        let Judgement {
            facts,
            refused_body,
            verdict,
        } = judgement;
        let pending = PendingAnswer {
            facts,
            verdict,
            request_id: self.request_id(head, origin),
            at,
            watch,
        };
        self.capture(head, &pending, refused_body.as_ref());
        pending
    }

    /// Leases memory for a request whose head was read. The request is in flight as long as the lease lives.
    pub(super) async fn begin(
        &self,
        head: &RequestHead,
        origin: Origin,
        bytes: u64,
    ) -> Result<Lease, Reason> {
        let client = self.client(head, origin);
        let bytes = bytes + head.memory_bytes();
        let request = self.gate.budget().request(client);
        let mut lease = request.map_err(|_| Reason::Overloaded)?;
        let obtained = self.cut_off.run_until_cancelled(lease.obtain(bytes)).await;
        match obtained {
            Some(Ok(())) => Ok(lease),
            _ => Err(Reason::Overloaded),
        }
    }

    /// Leases memory for a connection. That of a trusted proxy is charged to no client.
    pub(super) async fn connect(
        &self,
        origin: Origin,
        bytes: u64,
    ) -> Result<Lease, OverBudgetError> {
        let trusted = &self.settings.trusted_proxies;
        let client = origin.peer.filter(|peer| !trusted.trusts(*peer));
        let mut lease = self.gate.budget().connection(client);
        lease.obtain(bytes).await?;
        Ok(lease)
    }

    /// The address of the sender: the peer, or the client that a trusted proxy names.
    pub(super) fn client(&self, head: &RequestHead, origin: Origin) -> Option<IpAddr> {
        let trusted = &self.settings.trusted_proxies;
        origin.peer.map(|peer| trusted.client(peer, &head.headers))
    }

    /// Captures a refused delivery for `explain`, if its endpoint asks for that.
    fn capture(&self, head: &RequestHead, pending: &PendingAnswer, body: Option<&Body>) {
        if let (Err(refusal), Some(endpoint)) = (&pending.verdict, pending.facts.endpoint())
            && endpoint.capture.is_some()
        {
            self.captures.offer(&RefusedDelivery {
                endpoint,
                request: &head.request(),
                body: body.map(|body| &**body.bytes()),
                request_id: pending.request_id.to_str().unwrap_or_default(),
                at: pending.at,
                reason: refusal.reason,
            });
        }
    }

    /// Answers a delivery by the verdict of the gate, and records how it ended.
    ///
    /// False if the sender did not get a whole answer.
    pub(super) async fn answer(
        &self,
        reply: &mut Reply,
        head: &RequestHead,
        pending: PendingAnswer,
        origin: Origin,
    ) -> bool {
        let (facts, request_id) = (&pending.facts, &pending.request_id);
        let stamp = GateHeaders::new(&self.settings, request_id);
        let outcome = match pending.verdict {
            Err(refusal) => ResponseOutcome::refused(reply, refusal, facts, &stamp).await,
            Ok(Decision::Challenge(answer)) => {
                ResponseOutcome::challenge(reply, &answer, &stamp).await
            }
            Ok(Decision::Ignored) => ResponseOutcome::ignored(reply, &stamp).await,
            Ok(Decision::Admitted(admitted)) => {
                let added = self.additions(&admitted, request_id, origin);
                let upstream_head = write_head(head, &added);
                let generation = admitted.verified().generation();
                let mut sender = AnswerWriter {
                    reply,
                    stamp: &stamp,
                    is_http10: head.version == Version::HTTP_10,
                };
                let sending = Stopwatch::start();
                let delivered = admitted
                    .deliver(&upstream_head, &self.forwarder, &mut sender, &self.cut_off)
                    .await;
                ResponseOutcome::forwarded(sender.reply, delivered, generation, &stamp)
                    .await
                    .after(sending.elapsed())
            }
        };
        self.telemetry.record(&Outcome {
            at: pending.at,
            request_id: request_id.to_str().unwrap_or_default(),
            client: self.client(head, origin),
            method: head.method.as_str(),
            path: head.path(),
            total: pending.watch.elapsed(),
            ..outcome.record(facts)
        });
        outcome.is_whole
    }

    /// Records a request whose head was refused, and returns its id. `is_answered` is false if its stream is refused
    /// without a response.
    pub(super) fn record_bad_head(
        &self,
        origin: Origin,
        reason: Reason,
        cause: &str,
        is_answered: bool,
    ) -> HeaderValue {
        let id = new_request_id();
        self.telemetry.record(&Outcome {
            at: self.clock.now(),
            request_id: id.to_str().unwrap_or_default(),
            client: origin.peer,
            status: is_answered.then(|| status_and_body(&reason.into()).0.as_u16()),
            cause: Some(cause),
            ..Outcome::unknown(Verdict::NotDelivered(reason))
        });
        id
    }

    /// How long a sender may take to read its response.
    pub(super) fn patience(&self) -> SendDeadline {
        SendDeadline {
            left: self.settings.send_timeout,
            cut_off: self.cut_off.clone(),
        }
    }

    /// The limits and timeouts of the public listener.
    pub(super) fn settings(&self) -> &PublicSettings {
        &self.settings
    }

    fn additions<'a>(
        &'a self,
        admitted: &'a Admitted,
        request_id: &'a HeaderValue,
        origin: Origin,
    ) -> Additions<'a> {
        let upstream = self.forwarder.upstream(&admitted.endpoint().upstream);
        Additions {
            admitted,
            names: &self.names,
            trusted: &self.settings.trusted_proxies,
            request_id,
            peer: origin.peer,
            over_tls: origin.over_tls,
            host: upstream.and_then(|upstream| upstream.settings().host.as_ref()),
        }
    }

    /// The request id: a new one, or that of a trusted proxy.
    fn request_id(&self, head: &RequestHead, origin: Origin) -> HeaderValue {
        let given = origin
            .peer
            .filter(|peer| self.settings.trusted_proxies.trusts(*peer))
            .and_then(|_| head.headers.get(REQUEST_ID))
            .filter(|id| {
                (1..=MAX_REQUEST_ID_LEN).contains(&id.len())
                    && id.as_bytes().iter().all(u8::is_ascii_graphic)
            });
        given.cloned().unwrap_or_else(new_request_id)
    }
}

/// A UUID of version 7 (RFC 9562): ids sort by time.
fn new_request_id() -> HeaderValue {
    HeaderValue::from_str(&Uuid::now_v7().to_string())
        .unwrap_or_else(|_| unreachable!("a UUID is visible ASCII"))
}

const MAX_REQUEST_ID_LEN: usize = 128;
const CUT_OFF: &str = "the gate stopped before the delivery was judged";
