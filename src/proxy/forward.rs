//! Forwarding: from an admitted delivery to the end of the backend's answer.
//!
//! This is the one place that knows how it is done: on Pingora's connectors, pool and HTTP/1 client, with
//! the head and the body in one write. It takes bytes and an upstream, and says what became of them.
//!
//! A delivery is sent once. Another connection or address is tried only while not one byte of it has
//! been taken by a socket; after that, whatever goes wrong is the sender's to repeat.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderValue, StatusCode, Version, header};
use pingora_core::connectors::{ConnectorOptions, TransportConnector};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v1::client::HttpSession;
use pingora_core::upstreams::peer::Peer;
use pingora_error::{Error, ErrorType};
use pingora_http::ResponseHeader;
use tokio::io::AsyncWriteExt;

use super::filter::strip_hop_by_hop;
use super::respond::Stamp;
use super::upstream::{Address, Upstream};
use crate::clock::within;
use crate::gate::Reason;

/// Forwards deliveries through one pool of connections.
pub struct Forwarder {
    connector: TransportConnector,
}

impl Forwarder {
    /// A forwarder that keeps up to `pool_size` unused connections.
    pub fn new(pool_size: usize) -> Self {
        Self {
            connector: TransportConnector::new(Some(ConnectorOptions::new(pool_size))),
        }
    }

    /// Sends `parcel` to `upstream`, and its answer to the sender.
    pub(super) async fn forward(
        &self,
        session: &mut ServerSession,
        parcel: &Parcel<'_>,
        upstream: &Upstream,
    ) -> Forwarded {
        let mut done = Forwarded::default();
        let way = self.there_and_back(session, parcel, upstream, &mut done);
        let result = within(upstream.settings().timeouts.total, pin!(way)).await;
        done.failure = match result {
            Some(result) => result.err(),
            // A backend that was never reached is not one that is slow.
            None if done.reached => Some(Reason::UpstreamTimeout),
            None => Some(Reason::UpstreamUnreachable),
        };
        done
    }

    async fn there_and_back(
        &self,
        session: &mut ServerSession,
        parcel: &Parcel<'_>,
        upstream: &Upstream,
        done: &mut Forwarded,
    ) -> Result<(), Reason> {
        let (stream, address, sent) = self.send(parcel, upstream).await?;
        done.reached = true;
        let mut backend = HttpSession::new(stream);
        backend.read_timeout = Some(match sent {
            Ok(()) => upstream.settings().timeouts.read,
            // It may have answered before it stopped to take the body.
            Err(_) => EARLY_ANSWER,
        });
        let answer = read_answer(&mut backend).await.map_err(|error| {
            let failed_to_send = sent.as_ref().err().copied();
            failed_to_send.unwrap_or_else(|| reason(&error))
        })?;
        done.status = Some(answer.status.as_u16());
        pass_on(session, &mut backend, answer, parcel).await?;
        if sent.is_ok() {
            backend.respect_keepalive();
            if let Some(stream) = backend.reuse().await {
                let idle = Some(upstream.settings().idle_timeout);
                let pool = address.peer().reuse_hash();
                self.connector.release_stream(stream, pool, idle);
            }
        }
        Ok(())
    }

    /// Sends the parcel over the first connection that takes any of it.
    ///
    /// The inner result is whether that one took all of it.
    async fn send(
        &self,
        parcel: &Parcel<'_>,
        upstream: &Upstream,
    ) -> Result<(Stream, Arc<Address>, Result<(), Reason>), Reason> {
        let timeout = upstream.settings().timeouts.write;
        for address in upstream.order() {
            let peer = address.peer();
            let Ok((mut stream, reused)) = self.connector.get_stream(peer).await else {
                upstream.failed(&address);
                continue;
            };
            match write(&mut stream, parcel, timeout).await {
                // A kept connection that the backend has closed: the socket has taken nothing.
                Err(Stopped { sent: 0, .. }) if reused && !peer.is_tls() => {}
                Err(stopped) => return Ok((stream, address, Err(stopped.reason))),
                Ok(()) => return Ok((stream, address, Ok(()))),
            }
            let Ok(mut stream) = self.connector.new_stream(peer).await else {
                upstream.failed(&address);
                continue;
            };
            let sent = write(&mut stream, parcel, timeout).await;
            return Ok((stream, address, sent.map_err(|stopped| stopped.reason)));
        }
        Err(Reason::UpstreamUnreachable)
    }
}

/// What is sent: the head as it goes on the wire, and the body as it came.
pub(super) struct Parcel<'a> {
    pub(super) head: Vec<u8>,
    pub(super) body: &'a Bytes,
    /// What the answer is marked with.
    pub(super) stamp: &'a Stamp,
    /// Whether the sender speaks HTTP/1.0, which knows no chunks.
    pub(super) old_sender: bool,
}

/// What became of a delivery.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    /// The status that the backend answered with, if it did.
    pub(super) status: Option<u16>,
    /// Why there is no answer, or no whole one.
    pub(super) failure: Option<Reason>,
    reached: bool,
}

impl Forwarded {
    /// There is no such upstream.
    pub(super) fn to_nowhere() -> Self {
        Self {
            failure: Some(Reason::UpstreamUnreachable),
            ..Self::default()
        }
    }
}

/// A write that did not come to its end.
struct Stopped {
    /// The bytes that the connection had taken.
    sent: usize,
    reason: Reason,
}

/// Writes head and body, together if the socket takes them. The time-out is for each part of it.
async fn write(stream: &mut Stream, parcel: &Parcel<'_>, timeout: Duration) -> Result<(), Stopped> {
    let mut parts = parcel.head.as_slice().chain(parcel.body.as_ref());
    let whole = parts.remaining();
    let stopped = |sent, reason| Stopped { sent, reason };
    while parts.has_remaining() {
        let sent = whole - parts.remaining();
        match within(timeout, pin!(stream.write_buf(&mut parts))).await {
            Some(Ok(1..)) => {}
            Some(_) => return Err(stopped(sent, Reason::UpstreamUnreachable)),
            None => return Err(stopped(sent, Reason::UpstreamTimeout)),
        }
    }
    match within(timeout, pin!(stream.flush())).await {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) => Err(stopped(whole, Reason::UpstreamUnreachable)),
        None => Err(stopped(whole, Reason::UpstreamTimeout)),
    }
}

/// The head of the final answer. What comes before it is between the backend and the gate.
async fn read_answer(backend: &mut HttpSession) -> Result<Box<ResponseHeader>, Box<Error>> {
    for _ in 0..MAX_INFORMATIONAL {
        backend.read_response().await?;
        match backend.resp_header() {
            Some(head) if !head.status.is_informational() => return Ok(Box::new(head.clone())),
            // Nobody asked for another protocol.
            Some(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => break,
            _ => {}
        }
    }
    Err(Error::new_up(ErrorType::InvalidHTTPHeader))
}

/// Passes the answer on, part by part.
async fn pass_on(
    session: &mut ServerSession,
    backend: &mut HttpSession,
    mut head: Box<ResponseHeader>,
    parcel: &Parcel<'_>,
) -> Result<(), Reason> {
    let has_body = !backend.is_body_done();
    prepare(&mut head, has_body, parcel).map_err(|error| reason(&error))?;
    session
        .write_response_header(head)
        .await
        .map_err(|_| Reason::SenderLeft)?;
    while let Some(part) = backend.read_body_ref().await.map_err(|e| reason(&e))? {
        let part = Bytes::copy_from_slice(part);
        session
            .write_response_body(part, false)
            .await
            .map_err(|_| Reason::SenderLeft)?;
    }
    session.finish_body().await.map_err(|_| Reason::SenderLeft)
}

/// Makes the backend's head one for the sender: its framing is the gate's, and so are two headers.
fn prepare(
    head: &mut ResponseHeader,
    has_body: bool,
    parcel: &Parcel<'_>,
) -> pingora_error::Result<()> {
    strip_hop_by_hop(head);
    head.set_version(Version::HTTP_11);
    if parcel.old_sender {
        // The end of the connection is the end of the answer.
        head.remove_header(&header::TRANSFER_ENCODING);
    } else if has_body && !head.headers.contains_key(header::CONTENT_LENGTH) {
        let chunked = HeaderValue::from_static("chunked");
        head.insert_header(header::TRANSFER_ENCODING, chunked)?;
    }
    parcel.stamp.put(head, "admitted")
}

fn reason(error: &Error) -> Reason {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Reason::UpstreamTimeout,
        _ => Reason::UpstreamUnreachable,
    }
}

/// How long a backend that stopped to take the body may take to say why.
const EARLY_ANSWER: Duration = Duration::from_millis(250);
/// No backend has more to say before its answer.
const MAX_INFORMATIONAL: usize = 8;
