//! One HTTP/1 connection: heads under a deadline, deliveries one after the other.
//!
//! The gate reads requests and writes responses itself. Pingora's session has no deadline for a head,
//! repairs what it reads, accepts an empty chunk size as zero, and copies every body twice.

use std::pin::pin;
use std::time::Duration;

use bytes::BytesMut;
use http::Method;
use pingora_core::protocols::Stream;
use pingora_core::server::ShutdownWatch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::body::WireBody;
use super::delivery::{Delivery, Origin};
use super::head::RequestHead;
use super::head_scanner::HeadScanner;
use super::raw_head::Framing;
use super::reply::Reply;
use super::respond::{self, GateHeaders};
use crate::clock::within;
use crate::gate::{Lease, OverBudgetError, Reason};

/// Serves deliveries until either side ends the connection.
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
    let mut first_byte_timeout = settings.head_timeout;
    loop {
        let head = match reader.read(&mut stream, first_byte_timeout, shutdown).await {
            ReadHead::Complete(head) => head,
            ReadHead::Closed => return,
            ReadHead::Refused(reason, cause) => {
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

        // Bytes that follow an unread body are never read as a request.
        let is_body_read = judged.body_received();
        let keep_alive = (is_body_read && head.keeps_connection()).then_some(shutdown);
        let mut reply = Reply::http1(stream, &head.method, keep_alive, delivery.patience());
        if !delivery.answer(&mut reply, &head, judged, origin).await {
            // Closed without the end: a truncated response must not look complete.
            return reply.abandon().await;
        }
        drop(request);
        match reply.into_stream() {
            Some((kept, true)) => stream = kept,
            Some((ended, false)) => return linger(ended, !is_body_read).await,
            None => return,
        }
        first_byte_timeout = settings.keep_alive;
    }
}

/// The result of waiting for a head.
enum ReadHead {
    Complete(Box<RequestHead>),
    Refused(Reason, String),
    /// The sender sent nothing or a part of a head, or the process shuts down.
    Closed,
}

/// Reads the heads of a connection.
struct HeadReader<'d> {
    delivery: &'d Delivery,
    /// Bytes that were read beyond the last head or body.
    ahead: BytesMut,
    /// Memory for a head beyond [`HEAD_CAPACITY`], which the connection's own lease does not cover.
    lease: Option<Lease>,
    origin: Origin,
}

impl HeadReader<'_> {
    /// Reads a head. Its first byte has to arrive within `first_byte_timeout`.
    async fn read(
        &mut self,
        stream: &mut Stream,
        first_byte_timeout: Duration,
        shutdown: &ShutdownWatch,
    ) -> ReadHead {
        if self.ahead.is_empty() {
            self.ahead = BytesMut::with_capacity(HEAD_CAPACITY);
            self.lease = None;
            let mut shutdown = shutdown.clone();
            let ahead = &mut self.ahead;
            // An idle connection is closed as soon as the process shuts down.
            let first = async {
                tokio::select! {
                    biased;
                    first = stream.read_buf(ahead) => first.ok(),
                    _ = shutdown.wait_for(|shuts_down| *shuts_down) => None,
                }
            };
            let first = within(first_byte_timeout, pin!(first)).await;
            if !matches!(first.flatten(), Some(1..)) {
                return ReadHead::Closed;
            }
        }
        let timeout = self.delivery.settings().head_timeout;
        let rest = self.read_rest(stream);
        within(timeout, pin!(rest))
            .await
            .unwrap_or(ReadHead::Closed)
    }

    async fn read_rest(&mut self, stream: &mut Stream) -> ReadHead {
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
                        let cause = "no memory for a large head";
                        return ReadHead::Refused(Reason::Overloaded, cause.to_owned());
                    }
                    if !matches!(stream.read_buf(&mut self.ahead).await, Ok(1..)) {
                        return ReadHead::Closed;
                    }
                    continue;
                }
            };
            return match parsed {
                Ok(head) => ReadHead::Complete(Box::new(head)),
                Err(fault) => ReadHead::Refused(Reason::BadRequest, fault.to_string()),
            };
        }
    }

    /// Makes room for more bytes once the buffer is full.
    async fn make_room(&mut self) -> Result<(), OverBudgetError> {
        let len = self.ahead.len();
        if len == self.ahead.capacity() {
            if self.lease.is_none() {
                self.lease = Some(self.delivery.connect(self.origin, 0).await?);
            }
            if let Some(lease) = &mut self.lease {
                // While the bytes are copied, the old buffer and one of twice its size exist.
                lease.obtain(3 * len as u64).await?;
                self.ahead.reserve(len);
                lease.shrink_to(self.ahead.capacity() as u64);
            }
        }
        Ok(())
    }
}

/// Answers a malformed head, and closes: no byte after it is parsed.
async fn refuse(delivery: &Delivery, stream: Stream, origin: Origin, reason: Reason, cause: &str) {
    let id = delivery.record_bad_head(origin, reason, cause, true);
    let stamp = GateHeaders::new(delivery.settings(), &id);
    // The method is unknown; any but `HEAD` gets a body.
    let mut reply = Reply::http1(stream, &Method::POST, None, delivery.patience());
    let refusal = reason.into();
    if respond::write(&mut reply, &refusal, &stamp).await.is_some()
        && let Some((stream, _)) = reply.into_stream()
    {
        linger(stream, true).await;
    }
}

/// Ends the sending side, and reads for a moment what the sender still sends. To close at once would
/// reset the connection, and the sender could see the reset instead of the response.
async fn linger(mut stream: Stream, expects_more: bool) {
    let lingering = async {
        if AsyncWriteExt::shutdown(&mut stream).await.is_err() || !expects_more {
            return;
        }
        let mut discarded = vec![0; DISCARD_BUFFER];
        while matches!(stream.read(&mut discarded).await, Ok(1..)) {}
    };
    within(LINGER, pin!(lingering)).await;
}

/// Holds most heads, and the bodies of most webhooks with them.
const HEAD_CAPACITY: usize = 8 * 1024;
const LINGER: Duration = Duration::from_secs(2);
const DISCARD_BUFFER: usize = 16 * 1024;
