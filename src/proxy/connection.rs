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
use super::raw_head::{Framing, HeadFault};
use super::reply::Reply;
use super::respond::{self, Stamp};
use crate::clock::within;
use crate::gate::Reason;

/// Serves a connection until one side has had enough.
pub(super) async fn serve(
    delivery: &Delivery,
    mut stream: Stream,
    origin: Origin,
    shutdown: &ShutdownWatch,
) {
    let settings = delivery.settings();
    let mut ahead = BytesMut::new();
    let mut patience = settings.head_timeout;
    loop {
        let head = match read_head(delivery, &mut stream, &mut ahead, patience, shutdown).await {
            Head::Complete(head) => head,
            Head::Nothing => return,
            Head::Faulty(fault) => return refuse(delivery, stream, origin, fault).await,
        };
        let framing = head.framing.unwrap_or(Framing::Length(0));
        let waits = head.waits();
        let mut body = WireBody::new(&mut stream, &mut ahead, framing, waits == Ok(true));
        let judged = delivery.judge(&head, waits.err(), &mut body, origin).await;

        // Only where the body was read to its end is what follows known to be another request.
        let reusable = judged.body_received();
        let keep = reusable && head.keeps_connection() && !*shutdown.borrow();
        let keep_alive = keep.then_some(settings.keep_alive);
        let (method, version) = (&head.method, head.version);
        let reply = Reply::http1(stream, method, version, keep_alive, settings.send_timeout);
        let Some(mut reply) = reply.await else {
            return;
        };
        if !delivery.answer(&mut reply, &head, judged, origin).await {
            // Half an answer must not look like a whole one. And who did not take it is not waited for.
            return;
        }
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
    Faulty(HeadFault),
    /// The sender said nothing, or nothing whole, or the process is about to end.
    Nothing,
}

/// Reads a head. What was read beyond it stays in `ahead`.
async fn read_head(
    delivery: &Delivery,
    stream: &mut Stream,
    ahead: &mut BytesMut,
    patience: Duration,
    shutdown: &ShutdownWatch,
) -> Head {
    let settings = delivery.settings();
    if ahead.is_empty() {
        ahead.reserve(HEAD_CAPACITY);
        let mut ending = shutdown.clone();
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
    let whole = async {
        let mut scanner = HeadScanner::default();
        loop {
            match scanner.scan(ahead, settings.head_limits) {
                Err(fault) => return Some(Err(fault)),
                Ok(Some(len)) => {
                    let head = ahead.split_to(len).freeze();
                    return Some(RequestHead::parse(&head, settings.head_limits));
                }
                Ok(None) => {}
            }
            if !matches!(stream.read_buf(ahead).await, Ok(1..)) {
                return None;
            }
        }
    };
    match within(settings.head_timeout, pin!(whole)).await.flatten() {
        Some(Ok(head)) => Head::Complete(Box::new(head)),
        Some(Err(fault)) => Head::Faulty(fault),
        None => Head::Nothing,
    }
}

/// Answers what is no request, and closes: not a byte after it is looked at.
async fn refuse(delivery: &Delivery, stream: Stream, origin: Origin, fault: HeadFault) {
    let id = delivery.record_bad_head(origin, &fault.to_string());
    let stamp = Stamp::new(delivery.settings(), &id);
    let patience = delivery.settings().send_timeout;
    let reply = Reply::http1(stream, &Method::POST, Version::HTTP_11, None, patience);
    let Some(mut reply) = reply.await else {
        return;
    };
    let refusal = Reason::BadRequest.into();
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
