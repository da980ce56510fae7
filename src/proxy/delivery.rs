//! One delivery, from its head to its record.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use http::{HeaderValue, Version};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer::MAX_GATHERED;
use super::ended::Ended;
use super::forward::{Forwarded, Forwarder};
use super::head::RequestHead;
use super::headers::{Additions, write_head};
use super::names::REQUEST_ID;
use super::parcel::Parcel;
use super::record::outcome;
use super::reply::{Patience, Reply};
use super::respond::{Stamp, status_and_body};
use super::{HeaderNames, PublicSettings, Upstream};
use crate::capture::{Captures, Refused};
use crate::clock::{Clock, Stopwatch};
use crate::gate::{Admitted, BodySource, Gate, Judgement, Lease, OverBudget, Passed, Reason, Turn};
use crate::ledger::Held;
use crate::telemetry::{Outcome, Telemetry, Verdict};

/// What every delivery passes through.
pub struct Delivery {
    /// How senders are dealt with.
    pub settings: PublicSettings,
    /// The names of the portal's headers.
    pub names: HeaderNames,
    /// The decision.
    pub gate: Gate,
    /// The way to the backends.
    pub forwarder: Forwarder,
    /// The backends, by name.
    pub upstreams: BTreeMap<Box<str>, Arc<Upstream>>,
    /// Where the records go.
    pub telemetry: Arc<Telemetry>,
    /// Where refused deliveries are kept.
    pub captures: Captures,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when deliveries in flight may take no longer. What the gate or a backend still does is broken off, and
    /// the sender gets a 503 or 504 that is recorded as any other.
    pub cut_off: CancellationToken,
}

/// The connection that a delivery came over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) peer: Option<IpAddr>,
    pub(super) over_tls: bool,
}

/// A delivery that was judged and waits for its answer.
pub(super) struct Judged {
    judgement: Judgement,
    request_id: HeaderValue,
    at: Timestamp,
    watch: Stopwatch,
}

impl Judged {
    /// Whether the body was read to its end.
    pub(super) fn body_received(&self) -> bool {
        self.judgement.body_received
    }
}

impl Delivery {
    /// Judges the delivery whose head was read. `fault` is what is wrong with it in any case.
    pub(super) async fn judge(
        &self,
        head: &RequestHead,
        fault: Option<Reason>,
        body: &mut impl BodySource,
        origin: Origin,
    ) -> Judged {
        let (at, watch) = (self.clock.now(), Stopwatch::start());
        let mut judged = Judged {
            judgement: if let Some(reason) = fault {
                Judgement::refused(reason)
            } else {
                let request = head.request();
                let judging = pin!(self.gate.judge(&request, body));
                let judged = self.cut_off.run_until_cancelled(judging).await;
                judged.unwrap_or_else(|| Judgement::refused_because(Reason::Overloaded, CUT_OFF))
            },
            request_id: self.request_id(head, origin),
            at,
            watch,
        };
        self.capture(head, &mut judged);
        judged
    }

    /// A lease for a request whose head was read, and that is in flight as long as the lease.
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

    /// A lease for a connection. What comes over one of a trusted proxy is charged to its clients.
    pub(super) async fn connect(&self, origin: Origin, bytes: u64) -> Result<Lease, OverBudget> {
        let trusted = &self.settings.trusted_proxies;
        let client = origin.peer.filter(|peer| !trusted.trusts(*peer));
        let mut lease = self.gate.budget().connection(client);
        lease.obtain(bytes).await?;
        Ok(lease)
    }

    /// The address of the sender, as trusted proxies tell it.
    pub(super) fn client(&self, head: &RequestHead, origin: Origin) -> Option<IpAddr> {
        let trusted = &self.settings.trusted_proxies;
        origin.peer.map(|peer| trusted.client(peer, &head.headers))
    }

    /// Keeps a refused delivery for whoever has to explain it, if its endpoint asks for that.
    fn capture(&self, head: &RequestHead, judged: &mut Judged) {
        let judgement = &mut judged.judgement;
        let body = judgement.refused_body.take();
        if let (Err(refusal), Some(found)) = (&judgement.verdict, &judgement.found)
            && found.endpoint.capture.is_some()
        {
            self.captures.offer(&Refused {
                endpoint: &found.endpoint,
                request: &head.request(),
                body: body.as_ref().map(|body| &**body.bytes()),
                request_id: judged.request_id.to_str().unwrap_or_default(),
                at: judged.at,
                reason: refusal.reason,
            });
        }
    }

    /// Answers it: forwards what was admitted, answers handshakes, acknowledges what nobody asked for, refuses the rest, and records what
    /// became of it.
    ///
    /// False if the answer did not get to the sender, or not whole.
    pub(super) async fn answer(
        &self,
        reply: &mut Reply,
        head: &RequestHead,
        judged: Judged,
        origin: Origin,
    ) -> bool {
        let Judged {
            mut judgement,
            request_id,
            at,
            watch,
        } = judged;
        let stamp = Stamp::new(&self.settings, &request_id);
        let ended = match &mut judgement.verdict {
            Err(refusal) => Ended::refused(reply, refusal, &stamp).await,
            Ok(Passed::Answered(answer)) => Ended::handshaken(reply, answer, &stamp).await,
            Ok(Passed::Ignored) => Ended::ignored(reply, &stamp).await,
            Ok(Passed::Admitted(admitted)) => {
                let (unsettled, turn) = (admitted.take_held(), admitted.take_turn());
                let old_sender = head.version == Version::HTTP_10;
                let gathers =
                    (old_sender || turn.is_some()) && admitted.make_room_for_response(MAX_GATHERED);
                let parcel = Parcel {
                    head: write_head(head, &self.additions(admitted, &request_id, origin)),
                    body: admitted.body().bytes(),
                    stamp: &stamp,
                    old_sender,
                    in_turn: turn.is_some(),
                    most_gathered: if gathers { MAX_GATHERED } else { 0 },
                };
                let name = &admitted.endpoint().upstream;
                self.forward(reply, &parcel, (unsettled, turn), name).await
            }
        };
        self.telemetry.record(&Outcome {
            at,
            request_id: request_id.to_str().unwrap_or_default(),
            client: self.client(head, origin),
            method: head.method.as_str(),
            path: head.path(),
            total: watch.elapsed(),
            ..outcome(&judgement, &ended)
        });
        ended.whole
    }

    /// Records a request that never became a delivery because its head was refused, and gives its id.
    /// `is_answered` is false if its stream is refused without a response.
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
    pub(super) fn patience(&self) -> Patience {
        Patience {
            left: self.settings.send_timeout,
            cut_off: self.cut_off.clone(),
        }
    }

    /// How senders are dealt with.
    pub(super) fn settings(&self) -> &PublicSettings {
        &self.settings
    }

    async fn forward(
        &self,
        reply: &mut Reply,
        parcel: &Parcel<'_>,
        (held, turn): (Option<Held>, Option<Turn>),
        upstream: &str,
    ) -> Ended {
        let watch = Stopwatch::start();
        let forwarded = if let Some(upstream) = self.upstreams.get(upstream) {
            let forwarder = &self.forwarder;
            let claimed = (held, turn);
            forwarder
                .forward(reply, parcel, claimed, upstream, &self.cut_off)
                .await
        } else {
            // The configuration has changed since the endpoint was made; `check` says so.
            if let Some(held) = held {
                held.settle_unwatched(false);
            }
            Forwarded::to_nowhere(upstream)
        };
        let mut ended = Ended::forwarded(reply, &forwarded, parcel.stamp).await;
        ended.backend = Some(watch.elapsed());
        ended
    }

    fn additions<'a>(
        &'a self,
        admitted: &'a Admitted,
        request_id: &'a HeaderValue,
        origin: Origin,
    ) -> Additions<'a> {
        let upstream = self.upstreams.get(&admitted.endpoint().upstream);
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

    /// A new id, or the one that a trusted proxy gave.
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
