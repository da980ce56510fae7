//! The response on its way to the sender, over HTTP/1 or HTTP/2.
//!
//! One deadline covers the whole response: its head, its body, its end, and the flush to the socket. Only
//! the time that the sender takes counts, so a slow backend is never the sender's fault. A sender that
//! reads a byte now and then does not move the deadline.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use h2::server::SendResponse;
use http::{HeaderName, Method, StatusCode, Version, header};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::date::get_cached_date;
use pingora_http::ResponseHeader;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Stopwatch;

/// A response that is being written.
pub(super) struct Reply {
    wire: Wire,
    patience: Patience,
}

/// How long the sender may take to read its response.
#[derive(Clone)]
pub(super) struct Patience {
    /// How much longer, in all.
    pub(super) left: Duration,
    /// Cancelled when deliveries in flight are cut off: then the sender gets [`LAST_MOMENT`].
    pub(super) cut_off: CancellationToken,
}

enum Wire {
    Http1(Box<ServerSession>),
    Http2(H2Response),
}

impl Reply {
    /// A response over HTTP/1 to a request that was read whole. `None` if the request line cannot be
    /// repeated to Pingora's session.
    pub(super) async fn http1(
        stream: Stream,
        method: &Method,
        version: Version,
        keep_alive: Option<Duration>,
        patience: Patience,
    ) -> Option<Self> {
        let mut session = ServerSession::new_http1(stream);
        let version = if version == Version::HTTP_10 {
            '0'
        } else {
            '1'
        };
        let head = format!("{method} / HTTP/1.{version}\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        session.set_pipelined_prefix(BytesMut::from(head.as_bytes()));
        // All of it is there: nothing is read from the connection.
        session.read_request().await.ok().filter(|read| *read)?;
        session.set_keepalive(keep_alive.map(|time| time.as_secs().max(1)));
        Some(Self {
            wire: Wire::Http1(Box::new(session)),
            patience,
        })
    }

    /// A response over HTTP/2. `is_head` is whether the request was a `HEAD`.
    pub(super) fn http2(respond: SendResponse<Bytes>, is_head: bool, patience: Patience) -> Self {
        let (unsent, sent) = mpsc::channel(1);
        Self {
            wire: Wire::Http2(H2Response {
                respond,
                body: None,
                without_body: is_head,
                unsent: Some(unsent),
                sent,
                whole: false,
            }),
            patience,
        }
    }

    /// Writes the head.
    pub(super) async fn head(&mut self, head: Box<ResponseHeader>) -> Result<(), SenderGone> {
        let writing = async {
            match &mut self.wire {
                Wire::Http1(session) => session.write_response_header(head).await.ok(),
                Wire::Http2(response) => response.head(&head),
            }
        };
        in_time(&mut self.patience, writing).await
    }

    /// Writes the next part of the body.
    pub(super) async fn part(&mut self, part: Bytes) -> Result<(), SenderGone> {
        let writing = async {
            match &mut self.wire {
                Wire::Http1(session) => session.write_response_body(part, false).await.ok(),
                Wire::Http2(response) => response.part(part).await,
            }
        };
        in_time(&mut self.patience, writing).await
    }

    /// Ends the body, and waits until the last byte has left for the socket.
    pub(super) async fn end(&mut self) -> Result<(), SenderGone> {
        let writing = async {
            match &mut self.wire {
                Wire::Http1(session) => session.finish_body().await.ok(),
                Wire::Http2(response) => response.end().await,
            }
        };
        in_time(&mut self.patience, writing).await
    }

    /// Writes a response that is there as a whole.
    pub(super) async fn whole(
        &mut self,
        head: ResponseHeader,
        body: Bytes,
    ) -> Result<(), SenderGone> {
        self.head(Box::new(head)).await?;
        if !body.is_empty() {
            self.part(body).await?;
        }
        self.end().await
    }

    /// Refuses the stream without a response. Nothing was done for the request, so its sender may retry it
    /// (RFC 9113 §8.7).
    pub(super) fn refuse_stream(mut self) {
        if let Wire::Http2(response) = &mut self.wire {
            response.respond.send_reset(h2::Reason::REFUSED_STREAM);
        }
    }

    /// Gives the HTTP/1 connection back after a response that was sent whole.
    pub(super) async fn into_stream(mut self) -> Option<Stream> {
        let Wire::Http1(mut session) = self.wire else {
            return None;
        };
        // Whatever was told to the sender: the connection is needed to say goodbye.
        session.set_keepalive(Some(1));
        let finishing = async { session.finish().await.ok().flatten() };
        let finished = in_time(&mut self.patience, finishing).await.ok()?;
        Some(finished.into_parts().0)
    }
}

/// Waits for a write as long as the sender may still take, and takes the wait off that.
async fn in_time<T>(
    patience: &mut Patience,
    writing: impl Future<Output = Option<T>>,
) -> Result<T, SenderGone> {
    let mut writing = pin!(writing);
    let ready = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await;
    let written = match ready {
        Poll::Ready(written) => written,
        // Boxed: most writes are done at once, and a connection would keep the room for this.
        Poll::Pending => Box::pin(patience.wait(writing)).await,
    };
    written.ok_or(SenderGone)
}

impl Patience {
    async fn wait<T>(&mut self, writing: Pin<&mut impl Future<Output = Option<T>>>) -> Option<T> {
        let watch = Stopwatch::start();
        let last_moment = async {
            self.cut_off.cancelled().await;
            tokio::time::sleep(LAST_MOMENT).await;
        };
        let written = tokio::select! {
            biased;
            written = writing => written,
            () = last_moment => None,
            () = tokio::time::sleep(self.left) => None,
        };
        self.left = self.left.saturating_sub(watch.elapsed());
        written
    }
}

/// The sender has left, or did not read in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SenderGone;

/// A response on an HTTP/2 stream.
struct H2Response {
    respond: SendResponse<Bytes>,
    body: Option<SendStream<Bytes>>,
    without_body: bool,
    /// Every part holds a copy until the library has written it. Dropped with the end of the response.
    unsent: Option<mpsc::Sender<Infallible>>,
    sent: mpsc::Receiver<Infallible>,
    whole: bool,
}

impl H2Response {
    fn head(&mut self, head: &ResponseHeader) -> Option<()> {
        let mut parts = head.as_owned_parts();
        self.without_body |= matches!(
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
        // The end is a frame of its own: it tells when everything before it was written.
        self.body = Some(self.respond.send_response(response, false).ok()?);
        Some(())
    }

    async fn part(&mut self, mut part: Bytes) -> Option<()> {
        let body = self.body.as_mut()?;
        while !self.without_body && !part.is_empty() {
            body.reserve_capacity(part.len());
            let room = poll_fn(|context| body.poll_capacity(context)).await?;
            let next = part.split_to(room.ok()?.min(part.len()));
            let unsent = self.unsent.clone()?;
            let tracked = Bytes::from_owner(Unsent {
                bytes: next,
                _unsent: unsent,
            });
            body.send_data(tracked, false).ok()?;
        }
        Some(())
    }

    async fn end(&mut self) -> Option<()> {
        let last = Unsent {
            bytes: Bytes::new(),
            _unsent: self.unsent.take()?,
        };
        let body = self.body.as_mut()?;
        body.send_data(Bytes::from_owner(last), true).ok()?;
        // Nothing is ever sent over it: it closes with the last part.
        while self.sent.recv().await.is_some() {}
        self.whole = true;
        Some(())
    }
}

/// A stream that ends before its response was written is reset: half a response must not look like a
/// whole one, and what the library still holds of it is freed. A stream that has ended with its connection is
/// left alone: the library would keep it for a reset that nobody sends, and its debug builds panic over that.
impl Drop for H2Response {
    fn drop(&mut self) {
        let context = &mut Context::from_waker(Waker::noop());
        match &mut self.body {
            _ if self.whole => {}
            Some(body) => {
                if body.poll_reset(context).is_pending() {
                    body.send_reset(h2::Reason::CANCEL);
                }
            }
            None => {
                if self.respond.poll_reset(context).is_pending() {
                    self.respond.send_reset(h2::Reason::CANCEL);
                }
            }
        }
    }
}

/// A part of a body that the library has not written yet.
struct Unsent {
    bytes: Bytes,
    _unsent: mpsc::Sender<Infallible>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// How long a sender may read its response after deliveries in flight were cut off.
const LAST_MOMENT: Duration = Duration::from_millis(500);
const CONNECTION_SPECIFIC: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
