//! A backend's answer on its way to the sender: its framing is written anew, and its bytes stay the same.
//!
//! The gate decides what an answer means. Here is how it is read from a backend's connection, where it ends, and how it
//! is written to the sender.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Version, header};
use pingora_core::connectors::TransportConnector;
use pingora_core::protocols::http::v1::client::HttpSession;
use pingora_core::upstreams::peer::Peer;
use pingora_error::{Error, ErrorType};
use pingora_http::ResponseHeader;

use super::filter::strip_hop_by_hop;
use super::raw_head::length_of;
use super::reply::Reply;
use super::respond::GateHeaders;
use super::upstream::Address;
use crate::gate::{BodyLength, Reason, ResponseSink, SenderLeft, UpstreamBody, UpstreamFault};

/// Reads the head of the final answer. Informational answers go no further than to the gate.
pub(super) async fn read_head(
    session: &mut HttpSession,
) -> Result<Box<ResponseHeader>, Box<Error>> {
    for _ in 0..MAX_INFORMATIONAL {
        session.read_response().await?;
        match session.resp_header() {
            Some(head) if !head.status.is_informational() => return Ok(Box::new(head.clone())),
            // No request asks for another protocol.
            Some(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => break,
            _ => {}
        }
    }
    Err(Error::new_up(ErrorType::InvalidHTTPHeader))
}

/// How the end of the answer is marked; `None` if two readers could disagree (RFC 9112 §6.3). `raw` is the head as it
/// came: Pingora drops a length beside a transfer coding.
pub(super) fn body_length(head: &ResponseHeader, raw: &[u8]) -> Option<BodyLength> {
    let length = declared_length(head)?;
    let has_two_lengths = head.headers.contains_key(header::TRANSFER_ENCODING)
        && raw.split(|byte| *byte == b'\n').any(|line| {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"content-length")
        });
    (!has_two_lengths).then_some(length)
}

fn declared_length(head: &ResponseHeader) -> Option<BodyLength> {
    if matches!(
        head.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        return Some(BodyLength::None);
    }
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    match (codings.next(), codings.next(), lengths.next()) {
        (None, _, None) => Some(BodyLength::Chunked),
        (None, _, Some(first)) if lengths.all(|other| other == first) => {
            length_of(first.as_bytes()).map(BodyLength::Known)
        }
        (Some(only), None, None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Some(BodyLength::Chunked)
        }
        _ => None,
    }
}

/// The body of an answer, on the connection of a backend.
pub struct BackendBody {
    session: HttpSession,
    address: Arc<Address>,
    /// The pool that the connection returns to; `None` if the delivery was not sent whole.
    pool: Option<Arc<TransportConnector>>,
    idle_timeout: Duration,
}

impl BackendBody {
    pub(super) fn new(
        session: HttpSession,
        address: Arc<Address>,
        pool: Option<Arc<TransportConnector>>,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            session,
            address,
            pool,
            idle_timeout,
        }
    }

    /// How long the connection may be kept: shorter than the backend keeps it, if it says so. Otherwise a delivery could
    /// meet the close of the connection and be lost.
    fn keep_for(&self) -> Option<Duration> {
        let header = self.session.resp_header()?.headers.get("keep-alive");
        let seconds = header.and_then(|value| {
            let parameters = value.to_str().ok()?.split(',');
            let mut timeouts = parameters.filter_map(|it| it.trim().strip_prefix("timeout="));
            timeouts.next()?.trim().parse().ok()
        });
        match seconds.map(Duration::from_secs) {
            None => Some(self.idle_timeout),
            Some(announced) => announced
                .checked_sub(CLOSING_MARGIN)
                .filter(|left| !left.is_zero())
                .map(|left| left.min(self.idle_timeout)),
        }
    }
}

impl UpstreamBody for BackendBody {
    async fn next(&mut self) -> Result<Option<&[u8]>, UpstreamFault> {
        let part = self.session.read_body_ref().await;
        part.map_err(|error| match reason(&error) {
            Reason::UpstreamTimeout => UpstreamFault::Timeout,
            _ => UpstreamFault::Reset,
        })
    }

    fn is_whole(&mut self) -> bool {
        self.session.is_body_done()
    }

    fn address(&self) -> String {
        self.address.shown()
    }

    async fn release(mut self) {
        let (Some(idle), Some(pool)) = (self.keep_for(), self.pool) else {
            return;
        };
        self.session.respect_keepalive();
        if let Some(stream) = self.session.reuse().await {
            let group = self.address.peer().reuse_hash();
            pool.release_stream(stream, group, Some(idle));
        }
    }
}

/// The sender of a delivery, who gets the answer of the backend.
pub(super) struct AnswerWriter<'r> {
    pub(super) reply: &'r mut Reply,
    pub(super) stamp: &'r GateHeaders,
    /// HTTP/1.0 has no chunks.
    pub(super) is_http10: bool,
}

impl ResponseSink<Box<ResponseHeader>> for AnswerWriter<'_> {
    fn needs_length(&self) -> bool {
        self.is_http10
    }

    async fn head(
        &mut self,
        mut head: Box<ResponseHeader>,
        length: BodyLength,
    ) -> Result<(), SenderLeft> {
        // Neither can fail: the names and values are well-formed.
        write_framing(&mut head, length).map_err(|_| SenderLeft)?;
        self.stamp
            .put(&mut head, "admitted")
            .map_err(|_| SenderLeft)?;
        self.reply.head(head).await.map_err(|_| SenderLeft)
    }

    async fn part(&mut self, part: Bytes) -> Result<(), SenderLeft> {
        self.reply.part(part).await.map_err(|_| SenderLeft)
    }

    async fn end(&mut self) -> Result<(), SenderLeft> {
        self.reply.end().await.map_err(|_| SenderLeft)
    }
}

fn write_framing(head: &mut ResponseHeader, length: BodyLength) -> pingora_error::Result<()> {
    strip_hop_by_hop(head);
    head.set_version(Version::HTTP_11);
    head.remove_header(&header::TRANSFER_ENCODING);
    head.remove_header(&header::CONTENT_LENGTH);
    match length {
        BodyLength::None | BodyLength::UntilClose => Ok(()),
        BodyLength::Known(len) => {
            head.insert_header(header::CONTENT_LENGTH, HeaderValue::from(len))
        }
        BodyLength::Chunked => head.insert_header(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        ),
    }
}

/// The reason of a failure to read from a backend.
pub(super) fn reason(error: &Error) -> Reason {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Reason::UpstreamTimeout,
        _ => Reason::UpstreamUnreachable,
    }
}

/// The gate closes a kept connection at least this much earlier than its backend.
const CLOSING_MARGIN: Duration = Duration::from_secs(1);
/// No backend needs more informational answers.
const MAX_INFORMATIONAL: usize = 8;
