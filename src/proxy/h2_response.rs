//! Writes a response to an HTTP/2 stream.
//!
//! The library takes parts before it writes them. So that the end of a response means the end of its writing,
//! every part holds a sender of one channel, which closes once the library has dropped the last part.

use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Context, Waker};

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;
use http::{HeaderName, StatusCode, Version, header};
use pingora_core::protocols::http::date::get_cached_date;
use pingora_http::ResponseHeader;
use tokio::sync::mpsc;

/// A response on an HTTP/2 stream.
pub(super) struct Http2Response {
    stream: SendResponse<Bytes>,
    /// `None` until the head was sent.
    body: Option<SendStream<Bytes>>,
    has_no_body: bool,
    /// Cloned into every part, and dropped with the last one.
    unsent: Option<mpsc::Sender<Infallible>>,
    sent: mpsc::Receiver<Infallible>,
    is_complete: bool,
}

impl Http2Response {
    /// A response to a request. `answers_head` is whether that was a `HEAD`.
    pub(super) fn new(stream: SendResponse<Bytes>, answers_head: bool) -> Self {
        let (unsent, sent) = mpsc::channel(1);
        Self {
            stream,
            body: None,
            has_no_body: answers_head,
            unsent: Some(unsent),
            sent,
            is_complete: false,
        }
    }

    /// Sends the head. `None` if the stream has ended.
    pub(super) fn head(&mut self, head: &ResponseHeader) -> Option<()> {
        let mut parts = head.as_owned_parts();
        self.has_no_body |= matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        parts.version = Version::HTTP_2;
        parts.headers.insert(header::DATE, get_cached_date());
        // RFC 9113 §8.2.2: HTTP/2 has no connection-specific headers.
        for name in CONNECTION_SPECIFIC {
            parts.headers.remove(name);
        }
        let response = http::Response::from_parts(parts, ());
        // The end is a frame of its own, which shows when everything before it was written.
        self.body = Some(self.stream.send_response(response, false).ok()?);
        Some(())
    }

    /// Sends the next part of the body, as far as the sender's window lets it.
    pub(super) async fn part(&mut self, mut part: Bytes) -> Option<()> {
        let body = self.body.as_mut()?;
        while !self.has_no_body && !part.is_empty() {
            body.reserve_capacity(part.len());
            let room = poll_fn(|context| body.poll_capacity(context)).await?;
            let bytes = part.split_to(room.ok()?.min(part.len()));
            let unsent = self.unsent.clone()?;
            let tracked = Bytes::from_owner(TrackedPart {
                bytes,
                _unsent: unsent,
            });
            body.send_data(tracked, false).ok()?;
        }
        Some(())
    }

    /// Ends the body, and waits until the library has written all of it.
    pub(super) async fn end(&mut self) -> Option<()> {
        let body = self.body.as_mut()?;
        let last = TrackedPart {
            bytes: Bytes::new(),
            _unsent: self.unsent.take()?,
        };
        body.send_data(Bytes::from_owner(last), true).ok()?;
        // Nothing is ever sent over the channel.
        while self.sent.recv().await.is_some() {}
        self.is_complete = true;
        Some(())
    }

    /// Refuses the stream without a response. Nothing was done for the request, so its sender may retry it
    /// (RFC 9113 §8.7).
    pub(super) fn refuse(mut self) {
        self.stream.send_reset(h2::Reason::REFUSED_STREAM);
    }
}

/// A stream whose response breaks off is reset: a truncated response must not look complete, and the library
/// frees what it holds of it. A stream that has ended with its connection is left alone: the library would keep
/// it for a reset that nobody sends, and its debug builds panic over that.
impl Drop for Http2Response {
    fn drop(&mut self) {
        let context = &mut Context::from_waker(Waker::noop());
        match &mut self.body {
            _ if self.is_complete => {}
            Some(body) => {
                if body.poll_reset(context).is_pending() {
                    body.send_reset(h2::Reason::CANCEL);
                }
            }
            None => {
                if self.stream.poll_reset(context).is_pending() {
                    self.stream.send_reset(h2::Reason::CANCEL);
                }
            }
        }
    }
}

/// A part of a body that the library has not written yet.
struct TrackedPart {
    bytes: Bytes,
    _unsent: mpsc::Sender<Infallible>,
}

impl AsRef<[u8]> for TrackedPart {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

const CONNECTION_SPECIFIC: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
