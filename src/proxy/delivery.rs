//! One delivery, from its head to its record.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, StatusCode, Version, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;
use uuid::Uuid;

use super::body::SessionBody;
use super::ended::Ended;
use super::forward::{Forwarded, Forwarder, Parcel};
use super::headers::{Additions, REQUEST_ID, write_head};
use super::raw_head::check_target;
use super::record::outcome;
use super::respond::Stamp;
use super::{HeaderNames, PublicSettings, Upstream};
use crate::clock::{Clock, Stopwatch};
use crate::gate::{Admitted, Gate, Judgement, Reason, Request, Timings};
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
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The connection that a delivery came over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) peer: Option<IpAddr>,
    pub(super) over_tls: bool,
}

impl Delivery {
    /// Handles the delivery whose head `session` has read.
    ///
    /// Gives the session back if another delivery may follow on its connection.
    pub(super) async fn handle(
        &self,
        mut session: Box<ServerSession>,
        origin: Origin,
    ) -> Option<Box<ServerSession>> {
        let watch = Stopwatch::start();
        let at = self.clock.now();
        session.set_write_timeout(Some(self.settings.send_timeout));
        let head = take_head(&mut session);
        let request_id = self.request_id(&head, origin);
        let client = origin
            .peer
            .map(|peer| self.settings.trusted_proxies.client(peer, &head.headers));
        let stamp = Stamp::new(&self.settings, &request_id);

        let judgement = self.judge(&head, &mut session).await;
        let ended = match &judgement.verdict {
            Err(refusal) => Ended::refused(session, refusal, judgement.body_received, &stamp).await,
            Ok(admitted) => {
                let add = self.additions(admitted, &request_id, origin);
                let parcel = Parcel {
                    head: write_head(&head, &add),
                    body: admitted.body().bytes(),
                    stamp: &stamp,
                };
                self.forward(session, &parcel, &admitted.endpoint().upstream)
                    .await
            }
        };

        self.telemetry.record(&Outcome {
            at,
            request_id: request_id.to_str().unwrap_or_default(),
            client,
            method: head.method.as_str(),
            path: head.uri.path(),
            total: watch.elapsed(),
            ..outcome(&judgement, &ended)
        });
        ended.release().await
    }

    /// Records a request that never became a delivery because its head was refused, and gives its id.
    pub(super) fn record_bad_head(&self, origin: Origin, cause: &str) -> HeaderValue {
        let id = new_request_id();
        self.telemetry.record(&Outcome {
            at: self.clock.now(),
            request_id: id.to_str().unwrap_or_default(),
            client: origin.peer,
            status: Some(StatusCode::BAD_REQUEST.as_u16()),
            cause: Some(cause),
            ..Outcome::unknown(Verdict::NotDelivered(Reason::BadRequest))
        });
        id
    }

    /// How senders are dealt with.
    pub(super) fn settings(&self) -> &PublicSettings {
        &self.settings
    }

    async fn judge(&self, head: &RequestHeader, session: &mut ServerSession) -> Judgement {
        let request = Request {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &head.headers,
        };
        let announced = announced_len(head, session);
        let waits = match expectation(head) {
            Ok(waits) => waits,
            Err(reason) => return refused(reason),
        };
        if check_target(request.path.as_bytes()).is_err() {
            return refused(Reason::BadRequest);
        }
        let mut body = SessionBody {
            session,
            announced,
            waits,
        };
        self.gate.judge(&request, &mut body).await
    }

    async fn forward(
        &self,
        mut session: Box<ServerSession>,
        parcel: &Parcel<'_>,
        upstream: &str,
    ) -> Ended {
        let watch = Stopwatch::start();
        let forwarded = match self.upstreams.get(upstream) {
            Some(upstream) => self.forwarder.forward(&mut session, parcel, upstream).await,
            // The configuration has changed since the endpoint was made; `check` says so.
            None => Forwarded::to_nowhere(),
        };
        let mut ended = Ended::forwarded(session, &forwarded, parcel.stamp).await;
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
    fn request_id(&self, head: &RequestHeader, origin: Origin) -> HeaderValue {
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

/// Takes the sender's head out of the session, and leaves what Pingora still looks at: the method, the
/// version, and whether the sender waits for `100 Continue`.
fn take_head(session: &mut ServerSession) -> RequestHeader {
    // How the body is framed is read from the head when this is asked for the first time.
    session.is_body_done();
    let (method, version) = (
        session.req_header().method.clone(),
        session.req_header().version,
    );
    let expectation = session.req_header().headers.get(header::EXPECT).cloned();
    let Ok(mut rest) = RequestHeader::build_no_case(method, b"/", None) else {
        return session.req_header().clone();
    };
    rest.set_version(version);
    if let Some(expectation) = expectation {
        // One header in an empty map.
        let _ = rest.insert_header(header::EXPECT, expectation);
    }
    std::mem::replace(session.req_header_mut(), rest)
}

fn refused(reason: Reason) -> Judgement {
    Judgement {
        found: None,
        timings: Timings::default(),
        body_received: false,
        verdict: Err(reason.into()),
    }
}

/// A UUID of version 7 (RFC 9562): ids sort by time.
fn new_request_id() -> HeaderValue {
    HeaderValue::from_str(&Uuid::now_v7().to_string())
        .unwrap_or_else(|_| unreachable!("a UUID is visible ASCII"))
}

/// The length that the head announces: its framing was checked before.
fn announced_len(head: &RequestHeader, session: &mut ServerSession) -> Option<u64> {
    match head.headers.get(header::CONTENT_LENGTH) {
        Some(value) => value.to_str().ok()?.parse().ok(),
        None => session.is_body_empty().then_some(0),
    }
}

/// Whether the sender waits for `100 Continue`. Any other expectation cannot be met
/// (RFC 9110 §10.1.1).
fn expectation(head: &RequestHeader) -> Result<bool, Reason> {
    match head.headers.get(header::EXPECT) {
        None => Ok(false),
        Some(_) if head.version == Version::HTTP_10 => Ok(false),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(Reason::ExpectationFailed),
    }
}

const MAX_REQUEST_ID_LEN: usize = 128;
