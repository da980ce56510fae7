//! One HTTP/1 connection: heads under a deadline, deliveries one after the other.
//!
//! Requests are read here, head and body, and not by Pingora: it has no deadline for a head, repairs
//! what it reads, takes an empty chunk size for a zero, and copies every body twice. Answers are
//! Pingora's again: once the body is in, the connection becomes a session that has no more to read.

use std::pin::pin;
use std::time::Duration;

use bytes::BytesMut;
use http::{Method, Version};
use pingora_core::protocols::Stream;
use pingora_core::server::ShutdownWatch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::body::WireBody;
use super::delivery::{Delivery, Origin};
use super::head::RequestHead;
use super::head_scanner::HeadScanner;
use super::raw_head::Framing;
use super::reply::Reply;
use super::respond::{self, Stamp};
use crate::clock::within;
use crate::gate::{Lease, OverBudget, Reason};

/// Serves a connection until one side has had enough.
pub(super) async fn serve(
    delivery: &Delivery,
    mut stream: Stream,
    origin: Origin,
    shutdown: &ShutdownWatch,
) {
    let settings = delivery.settings();
    let mut reader = HeadReader {
        delivery,
        ahead: BytesMut::new(),
        lease: None,
        origin,
    };
    let mut patience = settings.head_timeout;
    loop {
        let head = match reader.read(&mut stream, patience, shutdown).await {
            Head::Complete(head) => head,
            Head::Nothing => return,
            Head::Refused(reason, cause) => {
                return refuse(delivery, stream, origin, reason, &cause).await;
            }
        };
        let request = delivery.begin(&head, origin, 0).await;
        let framing = head.framing.unwrap_or(Framing::Length(0));
        let waits = head.waits();
        let client = delivery.client(&head, origin);
        let ahead = &mut reader.ahead;
        let mut body = WireBody::new(&mut stream, ahead, framing, waits == Ok(true), client);
        let fault = request.as_ref().err().copied().or(waits.err());
        let judged = delivery.judge(&head, fault, &mut body, origin).await;

        // Only where the body was read to its end is what follows known to be another request.
        let reusable = judged.body_received();
        let keep = reusable && head.keeps_connection() && !*shutdown.borrow();
        let keep_alive = keep.then_some(settings.keep_alive);
        let (method, version) = (&head.method, head.version);
        let reply = Reply::http1(stream, method, version, keep_alive, delivery.patience());
        let Some(mut reply) = reply.await else {
            return;
        };
        if !delivery.answer(&mut reply, &head, judged, origin).await {
            // Half an answer must not look like a whole one. And who did not take it is not waited for.
            return;
        }
        drop(request);
        match reply.into_stream().await {
            Some(reused) => stream = reused,
            None => return,
        }
        if !keep {
            return linger(stream, !reusable).await;
        }
        patience = settings.keep_alive;
    }
}

enum Head {
    Complete(Box<RequestHead>),
    Refused(Reason, String),
    /// The sender said nothing, or nothing whole, or the process is about to end.
    Nothing,
}

/// Reads the heads of a connection.
struct HeadReader<'d> {
    delivery: &'d Delivery,
    /// What was read beyond the last head or body.
    ahead: BytesMut,
    /// The memory for heads that are larger than most.
    lease: Option<Lease>,
    origin: Origin,
}

impl HeadReader<'_> {
    /// Reads a head, whose first byte has to come within `patience`.
    async fn read(
        &mut self,
        stream: &mut Stream,
        patience: Duration,
        shutdown: &ShutdownWatch,
    ) -> Head {
        if self.ahead.is_empty() {
            self.ahead = BytesMut::with_capacity(HEAD_CAPACITY);
            self.lease = None;
            let mut ending = shutdown.clone();
            let ahead = &mut self.ahead;
            // A connection without a request under way is closed as soon as the process is to end.
            let first = async {
                tokio::select! {
                    biased;
                    first = stream.read_buf(ahead) => first.ok(),
                    _ = ending.wait_for(|ending| *ending) => None,
                }
            };
            if !matches!(within(patience, pin!(first)).await.flatten(), Some(1..)) {
                return Head::Nothing;
            }
        }
        let timeout = self.delivery.settings().head_timeout;
        let whole = self.whole(stream);
        within(timeout, pin!(whole)).await.unwrap_or(Head::Nothing)
    }

    /// Reads the rest of a head.
    async fn whole(&mut self, stream: &mut Stream) -> Head {
        let limits = self.delivery.settings().head_limits;
        let mut scanner = HeadScanner::default();
        loop {
            let parsed = match scanner.scan(&self.ahead, limits) {
                Err(fault) => Err(fault),
                Ok(Some(len)) => {
                    let head = self.ahead.split_to(len).freeze();
                    RequestHead::parse(&head, limits)
                }
                Ok(None) => {
                    if self.make_room().await.is_err() {
                        let cause = "no memory is left for a large head";
                        return Head::Refused(Reason::Overloaded, cause.to_owned());
                    }
                    if !matches!(stream.read_buf(&mut self.ahead).await, Ok(1..)) {
                        return Head::Nothing;
                    }
                    continue;
                }
            };
            return match parsed {
                Ok(head) => Head::Complete(Box::new(head)),
                Err(fault) => Head::Refused(Reason::BadRequest, fault.to_string()),
            };
        }
    }

    /// Makes room for more. The first piece is a part of what a connection costs.
    async fn make_room(&mut self) -> Result<(), OverBudget> {
        let len = self.ahead.len();
        if len == self.ahead.capacity() {
            if self.lease.is_none() {
                self.lease = Some(self.delivery.connect(self.origin, 0).await?);
            }
            if let Some(lease) = &mut self.lease {
                // For a moment there are both, the old piece and the new one.
                lease.obtain(3 * len as u64).await?;
                self.ahead.reserve(len);
                lease.shrink_to(self.ahead.capacity() as u64);
            }
        }
        Ok(())
    }
}

/// Answers what is no request, and closes: not a byte after it is looked at.
async fn refuse(delivery: &Delivery, stream: Stream, origin: Origin, reason: Reason, cause: &str) {
    let id = delivery.record_bad_head(origin, reason, cause, true);
    let stamp = Stamp::new(delivery.settings(), &id);
    let patience = delivery.patience();
    let reply = Reply::http1(stream, &Method::POST, Version::HTTP_11, None, patience);
    let Some(mut reply) = reply.await else {
        return;
    };
    let refusal = reason.into();
    if respond::write(&mut reply, &refusal, &stamp).await.is_some()
        && let Some(stream) = reply.into_stream().await
    {
        linger(stream, true).await;
    }
}

/// Ends the sending side, and takes for a moment what the sender still sends: closing at once would
/// reset the connection, and the sender would see that instead of the answer.
async fn linger(mut stream: Stream, more_to_come: bool) {
    let goodbye = async {
        if AsyncWriteExt::shutdown(&mut stream).await.is_err() || !more_to_come {
            return;
        }
        let mut waste = vec![0; WASTE];
        while matches!(stream.read(&mut waste).await, Ok(1..)) {}
    };
    within(LINGER, pin!(goodbye)).await;
}

/// Most heads, and the bodies of most webhooks with them.
const HEAD_CAPACITY: usize = 8 * 1024;
const LINGER: Duration = Duration::from_secs(2);
const WASTE: usize = 16 * 1024;
