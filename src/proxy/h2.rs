//! One HTTP/2 connection: its preface under a deadline, its streams in parallel.

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
use super::h2_streams::{StreamGuard, StreamMemory};
use super::head::RequestHead;
use super::raw_head::length_of;
use super::reply::Reply;
use super::respond::{self, GateHeaders};
use crate::gate::{Lease, Reason};

/// Serves deliveries until either side ends the connection.
pub(super) async fn serve(
    delivery: &Arc<Delivery>,
    stream: Stream,
    origin: Origin,
    shutdown: &ShutdownWatch,
) {
    let settings = delivery.settings();
    let (faults, memory) = (Arc::default(), Arc::default());
    // Pingora's options bound the header list, which has no limit by default.
    let mut options = default_h2_options();
    options.max_concurrent_streams(MAX_STREAMS);
    options.max_header_list_size(u32::try_from(settings.head_limits.bytes).unwrap_or(u32::MAX));
    options.max_send_buffer_size(SEND_BUFFER);
    // `H2Io` limits and leases body frames by number, so a body of one-byte frames is accepted.
    options.data_frame_budget(BODY_FRAME_BUDGET);
    let Ok(lease) = delivery.connect(origin, CONNECTION_BYTES).await else {
        return;
    };
    // `H2Io` holds the preface and the first head to a deadline.
    let socket = H2Io::new(stream, settings, &faults, &memory, &lease);
    let Ok(mut connection) = options.handshake(socket).await else {
        return;
    };
    let session = Session {
        delivery,
        origin,
        faults,
        memory,
        streams: TaskTracker::new(),
    };
    session.accept(&mut connection, shutdown).await;
    drop(connection);
    // An admitted delivery continues without its sender. Until it ends, the connection counts as open.
    session.streams.close();
    session.streams.wait().await;
}

/// A connection and its streams.
struct Session<'c> {
    delivery: &'c Arc<Delivery>,
    origin: Origin,
    faults: Arc<StreamFaults>,
    memory: Arc<StreamMemory>,
    streams: TaskTracker,
}

impl Session<'_> {
    /// Accepts streams until either side ends the connection, or the process shuts down.
    async fn accept(&self, connection: &mut Connection<H2Io, Bytes>, shutdown: &ShutdownWatch) {
        let mut shutdown = shutdown.clone();
        let settings = self.delivery.settings();
        let mut refused = 0;
        let mut idle = settings.head_timeout;
        loop {
            let streams = &self.streams;
            let accepted = tokio::select! {
                biased;
                () = async { drop(shutdown.wait_for(|shuts_down| *shuts_down).await) } => break,
                accepted = self.next(connection) => accepted,
                () = tokio::time::sleep(idle), if streams.is_empty() => return,
                () = until_idle(streams), if !streams.is_empty() => continue,
            };
            let Some(Ok((request, respond))) = accepted else {
                return;
            };
            idle = settings.keep_alive;
            let (parts, body) = request.into_parts();
            let stream = body.stream_id().as_u32();
            let fault = self.faults.take(stream);
            let served = self.memory.serve(stream);
            let answers_head = parts.method == Method::HEAD;
            let reply = Reply::http2(respond, answers_head, self.delivery.patience());
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
        self.drain(connection).await;
    }

    /// Waits for the client to open a stream. `None` once the connection has ended.
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

    /// Serves a request in a task of its own.
    fn spawn(&self, request: StreamRequest) {
        let (delivery, origin) = (Arc::clone(self.delivery), self.origin);
        let faults = Arc::clone(&self.faults);
        self.streams.spawn(async move {
            // In the task, so that no other stream of the connection waits for this one's memory.
            match delivery.begin(&request.head, origin, STREAM_BYTES).await {
                // Boxed, so that the task is small while it waits for its lease.
                Ok(lease) => Box::pin(request.serve(&delivery, origin, faults, lease)).await,
                Err(reason) => {
                    // The sender may take long to read the answer.
                    let reply = request.into_reply();
                    refuse(
                        &delivery,
                        origin,
                        reason,
                        "no memory for the request",
                        reply,
                    )
                    .await;
                }
            }
        });
    }

    /// Waits for the open streams, and refuses new ones, so that their senders may retry them
    /// (RFC 9113 §8.7). Does not wait for the client to acknowledge the GOAWAY.
    async fn drain(&self, connection: &mut Connection<H2Io, Bytes>) {
        connection.graceful_shutdown();
        self.streams.close();
        // The library needs a moment to send the last frames.
        let ended = async {
            self.streams.wait().await;
            tokio::time::sleep(LAST_FRAMES).await;
        };
        let refusing = async {
            while let Some(Ok((request, mut respond))) = self.next(connection).await {
                drop(self.memory.serve(request.body().stream_id().as_u32()));
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            }
        };
        tokio::select! {
            () = ended => {}
            () = refusing => {}
        }
    }
}

/// A stream as the library hands it over.
type NextStream = Result<(Request<RecvStream>, SendResponse<Bytes>), h2::Error>;

/// A request whose head was accepted.
struct StreamRequest {
    head: RequestHead,
    body: RecvStream,
    served: StreamGuard,
    reply: Reply,
}

impl StreamRequest {
    /// Judges and answers the request. `lease` covers its head until then.
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
        // The library refuses a body that differs from its announced length.
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
        // Unread body frames must not stop the connection from reading further ones.
        drop(body);
        delivery.answer(&mut reply, &head, judged, origin).await;
        drop(lease);
    }

    /// Frees the head and the body, which have no lease.
    fn into_reply(self) -> Reply {
        self.reply
    }
}

/// Answers a request whose head is refused. The answer may have to wait for its sender, so it needs a lease; without
/// one, the stream is refused.
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
        let stamp = GateHeaders::new(delivery.settings(), &id);
        respond::write(&mut reply, &reason.into(), &stamp).await;
    } else {
        reply.refuse_stream();
    }
}

/// Waits until no stream is open, when the idle timeout restarts.
async fn until_idle(streams: &TaskTracker) {
    while !streams.is_empty() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

const LAST_FRAMES: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Malformed heads that a connection may send before it is closed.
const MAX_REFUSED: u32 = 32;
const MAX_STREAMS: u32 = 100;
/// Memory of a stream beside its header fields: its task and the library's state.
const STREAM_BYTES: u64 = 40 * 1024;
/// Bytes of one response that the library may buffer.
const SEND_BUFFER: usize = 16 * 1024;
/// Memory of an answer that the library holds until its sender opens a window.
const REFUSAL_BYTES: u64 = 8 * 1024;
/// What HTTP/2 adds to a TLS connection: buffers and tables of the library and of `H2Frames`.
const CONNECTION_BYTES: u64 = 48 * 1024;
/// Enough for a whole window of one-byte frames, which count almost 256 bytes each.
const BODY_FRAME_BUDGET: usize = 65_535 * 256;
