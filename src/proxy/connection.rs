//! One HTTP/1 connection: heads under a deadline, deliveries one after the other.
//!
//! Pingora reads a head without an overall deadline and repairs what it reads. So the head is read here
//! first, judged as raw bytes, and given to Pingora as a prefix.

use std::pin::pin;
use std::time::Duration;

use bytes::BytesMut;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use tokio::io::AsyncReadExt;

use super::delivery::{Delivery, Origin};
use super::raw_head::{HeadFault, HeadScanner, check};
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
    let mut patience = settings.head_timeout;
    loop {
        let head = match read_head(delivery, &mut stream, patience, shutdown.clone()).await {
            Head::Complete(head) => head,
            Head::Nothing => return,
            Head::Faulty(fault) => return refuse(delivery, stream, origin, fault).await,
        };
        let mut session = Box::new(ServerSession::new_http1(stream));
        session.set_pipelined_prefix(head);
        if !matches!(session.read_request().await, Ok(true)) {
            // What Pingora's parser refuses although the raw bytes passed.
            return answer_bad_request(delivery, session, origin, "not parsed").await;
        }
        prepare(&mut session, settings.keep_alive, *shutdown.borrow());
        let Some(session) = delivery.handle(session, origin).await else {
            return;
        };
        let Ok(Some(reusable)) = session.finish().await else {
            return;
        };
        // What was read beyond the end of the request is dropped with the connection by `finish`.
        (stream, _) = reusable.into_parts();
        patience = settings.keep_alive;
    }
}

enum Head {
    /// A head, and possibly the beginning of its body.
    Complete(BytesMut),
    Faulty(HeadFault),
    /// The sender said nothing, or nothing whole, or the process is about to end.
    Nothing,
}

async fn read_head(
    delivery: &Delivery,
    stream: &mut Stream,
    patience: Duration,
    mut shutdown: ShutdownWatch,
) -> Head {
    let settings = delivery.settings();
    let mut head = BytesMut::with_capacity(HEAD_CAPACITY);
    // A connection without a request under way is closed as soon as the process is to end.
    let first = async {
        tokio::select! {
            biased;
            first = stream.read_buf(&mut head) => first.ok(),
            _ = shutdown.wait_for(|shutting_down| *shutting_down) => None,
        }
    };
    if !matches!(within(patience, pin!(first)).await.flatten(), Some(1..)) {
        return Head::Nothing;
    }
    let rest = async {
        let mut scanner = HeadScanner::default();
        loop {
            match scanner.scan(&head, settings.head_limits) {
                Err(fault) => return Some(Err(fault)),
                Ok(Some(len)) => {
                    let raw = head.get(..len).unwrap_or_default();
                    return Some(check(raw, settings.head_limits));
                }
                Ok(None) => {}
            }
            if !matches!(stream.read_buf(&mut head).await, Ok(1..)) {
                return None;
            }
        }
    };
    match within(settings.head_timeout, pin!(rest)).await.flatten() {
        Some(Ok(())) => Head::Complete(head),
        Some(Err(fault)) => Head::Faulty(fault),
        None => Head::Nothing,
    }
}

fn prepare(session: &mut ServerSession, keep_alive: Duration, shutting_down: bool) {
    // A sender that closes its sending side still wants its answer.
    session.set_abort_on_close(false);
    // The gate has one deadline for the whole body.
    session.set_read_timeout(None);
    session.set_ignore_info_resp(true);
    // What Pingora has turned off (HTTP/1.0, `Connection: close`) stays off.
    let wanted = session.get_keepalive().filter(|_| !shutting_down);
    session.set_keepalive(wanted.map(|_| keep_alive.as_secs().max(1)));
}

async fn refuse(delivery: &Delivery, stream: Stream, origin: Origin, fault: HeadFault) {
    let session = Box::new(ServerSession::new_http1(stream));
    answer_bad_request(delivery, session, origin, &fault.to_string()).await;
}

/// Answers what is no request, and closes: not a byte after it is looked at.
async fn answer_bad_request(
    delivery: &Delivery,
    mut session: Box<ServerSession>,
    origin: Origin,
    cause: &str,
) {
    let id = delivery.record_bad_head(origin, cause);
    let stamp = Stamp::new(delivery.settings(), &id);
    session.set_keepalive(None);
    let refusal = Reason::BadRequest.into();
    let answering = respond::write(&mut session, &refusal, &stamp);
    within(delivery.settings().send_timeout, pin!(answering)).await;
    session.shutdown().await;
}

/// Most heads, and the bodies of most webhooks with them.
const HEAD_CAPACITY: usize = 8 * 1024;
