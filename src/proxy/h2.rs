//! One HTTP/2 connection: its preface under a deadline, its streams side by side.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::{Method, Request, header};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v2::server::default_h2_options;
use pingora_core::server::ShutdownWatch;
use tokio_util::task::TaskTracker;

use super::body::H2Body;
use super::delivery::{Delivery, Origin};
use super::h2_frames::StreamFaults;
use super::h2_io::H2Io;
use super::h2_streams::{ServedStream, StreamMemory};
use super::head::RequestHead;
use super::raw_head::length_of;
use super::reply::Reply;
use super::respond::{self, Stamp};
use crate::gate::{Lease, Reason};

/// Serves a connection until one side has had enough.
pub(super) async fn serve(
    delivery: &Arc<Delivery>,
    stream: Stream,
    origin: Origin,
    shutdown: &ShutdownWatch,
) {
    let settings = delivery.settings();
    let (faults, memory) = (Arc::default(), Arc::default());
    // From Pingora's bounds: without them a header list may grow without limit.
    let mut options = default_h2_options();
    options.max_concurrent_streams(MAX_STREAMS);
    options.max_header_list_size(u32::try_from(settings.head_limits.bytes).unwrap_or(u32::MAX));
    options.max_send_buffer_size(SEND_BUFFER);
    // The socket bounds and leases body frames by their number: a body in single bytes is the same body.
    options.data_frame_budget(BODY_FRAME_BUDGET);
    let Ok(lease) = delivery.connect(origin, CONNECTION_BYTES).await else {
        return;
    };
    // The deadline for the preface and the first head is the socket's.
    let socket = H2Io::new(stream, settings, &faults, &memory, &lease);
    let Ok(mut connection) = options.handshake(socket).await else {
        return;
    };
    let served = Served {
        delivery,
        origin,
        faults,
        memory,
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
    memory: Arc<StreamMemory>,
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
                accepted = self.next(connection) => accepted,
                () = tokio::time::sleep(idle), if streams.is_empty() => return,
                () = idle_again(streams), if !streams.is_empty() => continue,
            };
            let Some(Ok((request, respond))) = accepted else {
                return;
            };
            idle = settings.keep_alive;
            let (parts, body) = request.into_parts();
            let stream = body.stream_id().as_u32();
            let fault = self.faults.take(stream);
            let served = self.memory.serve(stream);
            let is_head = parts.method == Method::HEAD;
            let reply = Reply::http2(respond, is_head, self.delivery.patience());
            let head = match fault {
                Some(fault) => Err(fault),
                None => RequestHead::from_h2(parts, settings.head_limits),
            };
            match head {
                Ok(head) => self.spawn(StreamRequest {
                    head,
                    body,
                    served,
                    reply,
                }),
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
        self.say_goodbye(connection).await;
    }

    /// The next stream that a client has opened.
    async fn next(&self, connection: &mut Connection<H2Io, Bytes>) -> Option<NextStream> {
        poll_fn(|context| {
            let next = connection.poll_accept(context);
            if next.is_pending() {
                self.memory.close_unserved();
            }
            next
        })
        .await
    }

    /// Serves one request.
    fn spawn(&self, request: StreamRequest) {
        let (delivery, origin) = (Arc::clone(self.delivery), self.origin);
        let faults = Arc::clone(&self.faults);
        self.streams.spawn(async move {
            // Here, and not where streams are accepted: nothing else of the connection waits for memory.
            match delivery.begin(&request.head, origin, STREAM_BYTES).await {
                // Boxed, so that the task of a request without a lease is small.
                Ok(lease) => Box::pin(request.serve(&delivery, origin, faults, lease)).await,
                Err(reason) => {
                    // Nothing of the request is kept while its sender does not read the answer.
                    let reply = request.into_reply();
                    refuse(&delivery, origin, reason, "no memory is left", reply).await;
                }
            }
        });
    }

    /// Lets the streams end that were begun. Others are refused, which tells their senders that nothing
    /// was done (RFC 9113 §8.7); nobody has to acknowledge the goodbye.
    async fn say_goodbye(&self, connection: &mut Connection<H2Io, Bytes>) {
        connection.graceful_shutdown();
        self.streams.close();
        // What the streams have left behind needs a moment to be sent.
        let ended = async {
            self.streams.wait().await;
            tokio::time::sleep(GOODBYE).await;
        };
        let refusing = async {
            while let Some(Ok((request, respond))) = self.next(connection).await {
                drop(self.memory.serve(request.body().stream_id().as_u32()));
                refuse_stream(respond);
            }
        };
        tokio::select! {
            () = ended => {}
            () = refusing => {}
        }
    }
}

/// What the library hands over for a stream.
type NextStream = Result<(Request<RecvStream>, SendResponse<Bytes>), h2::Error>;

/// A request whose head was accepted.
struct StreamRequest {
    head: RequestHead,
    body: RecvStream,
    served: ServedStream,
    reply: Reply,
}

impl StreamRequest {
    /// Judges and answers the request, which has a lease.
    async fn serve(
        self,
        delivery: &Delivery,
        origin: Origin,
        faults: Arc<StreamFaults>,
        lease: Lease,
    ) {
        let Self {
            head,
            body,
            mut served,
            mut reply,
        } = self;
        served.release_head();
        // The library holds a sender to the length that it announces.
        let announced = if body.is_end_stream() {
            Some(0)
        } else {
            let length = head.headers.get(header::CONTENT_LENGTH);
            length.and_then(|length| length_of(length.as_bytes()))
        };
        let fault = head.waits().err();
        let client = delivery.client(&head, origin);
        let mut body = H2Body::new(body, announced, faults, served, client);
        let judged = delivery.judge(&head, fault, &mut body, origin).await;
        // Body frames that nobody reads must not keep the connection from reading on.
        drop(body);
        delivery.answer(&mut reply, &head, judged, origin).await;
        drop(lease);
    }

    /// Frees the request, and leaves what an answer needs.
    fn into_reply(self) -> Reply {
        self.reply
    }
}

/// Refuses a request by its head. Without memory for an answer that may have to wait, its stream is refused.
async fn refuse(
    delivery: &Delivery,
    origin: Origin,
    reason: Reason,
    cause: &str,
    mut reply: Reply,
) {
    let lease = delivery.connect(origin, REFUSAL_BYTES).await;
    let id = delivery.record_bad_head(origin, reason, cause, lease.is_ok());
    if lease.is_ok() {
        let stamp = Stamp::new(delivery.settings(), &id);
        respond::write(&mut reply, &reason.into(), &stamp).await;
    } else {
        reply.refuse_stream();
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
/// What an answer takes that the library holds until its sender opens a window.
const REFUSAL_BYTES: u64 = 8 * 1024;
/// What HTTP/2 adds to a connection over TLS: buffers and tables of the library and of the observer.
const CONNECTION_BYTES: u64 = 48 * 1024;
/// Enough for a window of single bytes, each of which counts almost 256 bytes.
const BODY_FRAME_BUDGET: usize = 65_535 * 256;
