//! One HTTP/2 connection: its preface under a deadline, its streams side by side.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::{Method, header};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v2::server::default_h2_options;
use pingora_core::server::ShutdownWatch;
use tokio_util::task::TaskTracker;

use super::body::H2Body;
use super::delivery::{Delivery, Origin};
use super::h2_frames::StreamFaults;
use super::h2_io::H2Io;
use super::head::RequestHead;
use super::raw_head::length_of;
use super::reply::Reply;
use super::respond::{self, Stamp};
use crate::gate::Reason;

/// Serves a connection until one side has had enough.
pub(super) async fn serve(
    delivery: &Arc<Delivery>,
    stream: Stream,
    origin: Origin,
    shutdown: &ShutdownWatch,
) {
    let settings = delivery.settings();
    let faults = Arc::default();
    // From Pingora's bounds: without them a header list may grow without limit.
    let mut options = default_h2_options();
    options.max_concurrent_streams(MAX_STREAMS);
    options.max_header_list_size(u32::try_from(settings.head_limits.bytes).unwrap_or(u32::MAX));
    options.max_send_buffer_size(SEND_BUFFER);
    // The deadline for the preface and the first head is the socket's.
    let Ok(head) = delivery.connect(origin, 0).await else {
        return;
    };
    let socket = H2Io::new(stream, settings, &faults, head);
    let Ok(mut connection) = options.handshake(socket).await else {
        return;
    };
    let served = Served {
        delivery,
        origin,
        faults,
        streams: TaskTracker::new(),
    };
    served.accept(&mut connection, shutdown).await;
    drop(connection);
    // A delivery that was admitted goes on without its sender, and this connection counts until then.
    served.streams.close();
    served.streams.wait().await;
}

/// A connection that is being served.
struct Served<'c> {
    delivery: &'c Arc<Delivery>,
    origin: Origin,
    faults: Arc<StreamFaults>,
    streams: TaskTracker,
}

impl Served<'_> {
    /// Takes streams until one side has had enough, or the process is to end.
    async fn accept(&self, connection: &mut Connection<H2Io, Bytes>, shutdown: &ShutdownWatch) {
        let mut ending = shutdown.clone();
        let settings = self.delivery.settings();
        let mut refused = 0;
        let mut idle = settings.head_timeout;
        loop {
            let streams = &self.streams;
            let accepted = tokio::select! {
                biased;
                () = async { drop(ending.wait_for(|ending| *ending).await) } => break,
                accepted = connection.accept() => accepted,
                () = tokio::time::sleep(idle), if streams.is_empty() => return,
                () = idle_again(streams), if !streams.is_empty() => continue,
            };
            let Some(Ok((request, respond))) = accepted else {
                return;
            };
            idle = settings.keep_alive;
            let (parts, body) = request.into_parts();
            let fault = self.faults.take(body.stream_id().as_u32());
            let is_head = parts.method == Method::HEAD;
            let reply = Reply::http2(respond, is_head, settings.send_timeout);
            let head = match fault {
                Some(fault) => Err(fault),
                None => RequestHead::from_h2(parts, settings.head_limits),
            };
            match head {
                Ok(head) => self.spawn(head, body, reply),
                Err(fault) => {
                    refused += 1;
                    if refused > MAX_REFUSED {
                        return;
                    }
                    let (delivery, origin) = (Arc::clone(self.delivery), self.origin);
                    self.streams.spawn(async move {
                        let cause = fault.to_string();
                        refuse(&delivery, origin, Reason::BadRequest, &cause, reply).await;
                    });
                }
            }
        }
        say_goodbye(connection, &self.streams).await;
    }

    /// Serves one request.
    fn spawn(&self, head: RequestHead, body: RecvStream, mut reply: Reply) {
        let (delivery, origin) = (Arc::clone(self.delivery), self.origin);
        let faults = Arc::clone(&self.faults);
        self.streams.spawn(async move {
            // Here, and not where streams are accepted: nothing else of the connection waits for memory.
            let lease = match delivery.begin(&head, origin, STREAM_BYTES).await {
                Ok(lease) => lease,
                Err(reason) => {
                    return refuse(&delivery, origin, reason, "no memory is left", reply).await;
                }
            };
            // The library holds a sender to the length that it announces.
            let announced = if body.is_end_stream() {
                Some(0)
            } else {
                let length = head.headers.get(header::CONTENT_LENGTH);
                length.and_then(|length| length_of(length.as_bytes()))
            };
            let fault = head.waits().err();
            let client = delivery.client(&head, origin);
            let mut body = H2Body::new(body, announced, faults, client);
            let judged = delivery.judge(&head, fault, &mut body, origin).await;
            delivery.answer(&mut reply, &head, judged, origin).await;
            drop(lease);
        });
    }
}

/// Refuses a request by its head.
async fn refuse(
    delivery: &Delivery,
    origin: Origin,
    reason: Reason,
    cause: &str,
    mut reply: Reply,
) {
    let id = delivery.record_bad_head(origin, reason, cause);
    let stamp = Stamp::new(delivery.settings(), &id);
    respond::write(&mut reply, &reason.into(), &stamp).await;
}

/// Lets the streams end that were begun. Others are refused, which tells their senders that nothing
/// was done (RFC 9113 §8.7); nobody has to acknowledge the goodbye.
async fn say_goodbye(connection: &mut Connection<H2Io, Bytes>, streams: &TaskTracker) {
    connection.graceful_shutdown();
    streams.close();
    // What the streams have left behind needs a moment to be sent.
    let ended = async {
        streams.wait().await;
        tokio::time::sleep(GOODBYE).await;
    };
    let refusing = async {
        while let Some(Ok((_, respond))) = connection.accept().await {
            refuse_stream(respond);
        }
    };
    tokio::select! {
        () = ended => {}
        () = refusing => {}
    }
}

fn refuse_stream(mut respond: SendResponse<Bytes>) {
    respond.send_reset(h2::Reason::REFUSED_STREAM);
}

/// Waits until no stream is left, so that the idle time begins anew.
async fn idle_again(streams: &TaskTracker) {
    while !streams.is_empty() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

const GOODBYE: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Bad heads that a connection may send.
const MAX_REFUSED: u32 = 32;
const MAX_STREAMS: u32 = 100;
/// What a stream takes beside its header fields: its task, and what the library knows of it.
const STREAM_BYTES: u64 = 40 * 1024;
/// What the library may hold of one response.
const SEND_BUFFER: usize = 16 * 1024;
