//! The response to a sender, over HTTP/1 or HTTP/2: one writer for every kind of response.
//!
//! One deadline covers the whole response: its head, its body, its end, and the flush to the socket. Only
//! the time that the sender takes counts, so a slow backend is never the sender's fault. A sender that
//! reads a byte now and then does not move the deadline.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::Method;
use pingora_core::protocols::Stream;
use pingora_core::server::ShutdownWatch;
use pingora_http::ResponseHeader;
use tokio_util::sync::CancellationToken;

use super::h1_response::Http1Response;
use super::h2_response::Http2Response;
use crate::clock::Stopwatch;

/// A response that is being written: a head, parts of a body, an end.
pub(super) struct Reply {
    wire: Wire,
    patience: SendDeadline,
}

/// How long the sender may take to read its response.
#[derive(Clone)]
pub(super) struct SendDeadline {
    /// The time that is left for the whole response.
    pub(super) left: Duration,
    /// Cancelled when deliveries in flight are cut off: then the sender gets [`LAST_MOMENT`].
    pub(super) cut_off: CancellationToken,
}

enum Wire {
    Http1 {
        response: Http1Response<Stream>,
        shutdown: Option<ShutdownWatch>,
    },
    Http2(Http2Response),
}

impl Reply {
    /// A response over HTTP/1. Another request may follow if `keep_alive` is given and its shutdown has not begun when
    /// the head is written.
    pub(super) fn http1(
        stream: Stream,
        method: &Method,
        keep_alive: Option<&ShutdownWatch>,
        patience: SendDeadline,
    ) -> Self {
        let socket = stream.id();
        let response = Http1Response::new(stream, method, keep_alive.is_some());
        let wire = Wire::Http1 {
            response: response.on_socket(socket),
            shutdown: keep_alive.cloned(),
        };
        Self { wire, patience }
    }

    /// A response over HTTP/2. `answers_head` is whether the request was a `HEAD`.
    pub(super) fn http2(
        stream: SendResponse<Bytes>,
        answers_head: bool,
        patience: SendDeadline,
    ) -> Self {
        let wire = Wire::Http2(Http2Response::new(stream, answers_head));
        Self { wire, patience }
    }

    /// Writes the head. Over HTTP/1, the head of a response with a length leaves with the first part.
    pub(super) async fn head(&mut self, head: Box<ResponseHeader>) -> Result<(), SenderGoneError> {
        let writing = async {
            match &mut self.wire {
                Wire::Http1 { response, shutdown } => {
                    if shutdown.as_ref().is_some_and(|shutdown| *shutdown.borrow()) {
                        response.close_after();
                    }
                    response.head(head).await.ok()
                }
                Wire::Http2(response) => response.head(&head),
            }
        };
        in_time(&mut self.patience, writing).await
    }

    /// Writes the next part of the body.
    pub(super) async fn part(&mut self, part: Bytes) -> Result<(), SenderGoneError> {
        let writing = async {
            match &mut self.wire {
                Wire::Http1 { response, .. } => response.part(part).await.ok(),
                Wire::Http2(response) => response.part(part).await,
            }
        };
        in_time(&mut self.patience, writing).await
    }

    /// Ends the body, and waits until the last byte has left for the socket.
    pub(super) async fn end(&mut self) -> Result<(), SenderGoneError> {
        let writing = async {
            match &mut self.wire {
                Wire::Http1 { response, .. } => response.end().await.ok(),
                Wire::Http2(response) => response.end().await,
            }
        };
        in_time(&mut self.patience, writing).await
    }

    /// Writes a response whose body is complete.
    pub(super) async fn whole(
        &mut self,
        head: ResponseHeader,
        body: Bytes,
    ) -> Result<(), SenderGoneError> {
        self.head(Box::new(head)).await?;
        self.part(body).await?;
        self.end().await
    }

    /// Gives up a response that broke off. Over HTTP/2 its drop resets the stream.
    pub(super) async fn abandon(mut self) {
        if let Wire::Http1 { response, .. } = &mut self.wire {
            let writing = async { response.abandon().await.ok() };
            // The sender may be gone, which is one reason to give up.
            let _ = in_time(&mut self.patience, writing).await;
        }
    }

    /// Refuses an HTTP/2 stream without a response.
    pub(super) fn refuse_stream(self) {
        if let Wire::Http2(response) = self.wire {
            response.refuse();
        }
    }

    /// The HTTP/1 connection after a response that was written to its end, and whether another request may
    /// follow.
    pub(super) fn into_stream(self) -> Option<(Stream, bool)> {
        match self.wire {
            Wire::Http1 { response, .. } => response.into_stream(),
            Wire::Http2(_) => None,
        }
    }
}

/// Waits for a write as long as the sender has time left, and charges the wait to it.
async fn in_time<T>(
    patience: &mut SendDeadline,
    writing: impl Future<Output = Option<T>>,
) -> Result<T, SenderGoneError> {
    let mut writing = pin!(writing);
    let ready = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await;
    let written = match ready {
        Poll::Ready(written) => written,
        // Boxed: most writes are done at once, and a connection would keep the room for this.
        Poll::Pending => Box::pin(patience.wait(writing)).await,
    };
    written.ok_or(SenderGoneError)
}

impl SendDeadline {
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
pub(super) struct SenderGoneError;

/// How long a sender may read its response after deliveries in flight were cut off.
const LAST_MOMENT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream};

    use super::*;

    /// A response over a connection that holds `capacity` bytes, and the sender's end of it.
    fn reply(capacity: usize) -> (Reply, DuplexStream, CancellationToken) {
        let (stream, sender) = tokio::io::duplex(capacity);
        let cut_off = CancellationToken::new();
        let patience = SendDeadline {
            left: SEND_TIMEOUT,
            cut_off: cut_off.clone(),
        };
        let reply = Reply::http1(Box::new(stream), &Method::POST, None, patience);
        (reply, sender, cut_off)
    }

    fn head(len: usize) -> ResponseHeader {
        let mut head = ResponseHeader::build(202, None).unwrap();
        head.set_content_length(len).unwrap();
        head
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_reads_in_drops_does_not_move_the_deadline() {
        let (mut reply, mut sender, _cut_off) = reply(16);
        let reading = async {
            while matches!(sender.read(&mut [0]).await, Ok(1..)) {
                tokio::time::sleep(SEND_TIMEOUT / 20).await;
            }
        };
        let watch = Stopwatch::start();
        let writing = async {
            let written = reply.whole(head(1000), vec![b'x'; 1000].into()).await;
            assert_eq!(written, Err(SenderGoneError));
            assert_eq!(watch.elapsed(), SEND_TIMEOUT);
            assert!(reply.into_stream().is_none());
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_time_of_the_sender_counts() {
        let (mut reply, mut sender, _cut_off) = reply(16);
        let reading = async {
            let mut read = Vec::new();
            sender.read_to_end(&mut read).await.unwrap();
            read
        };
        let writing = async {
            reply.head(Box::new(head(40))).await.unwrap();
            for _ in 0..4 {
                // A slow backend.
                tokio::time::sleep(SEND_TIMEOUT).await;
                reply.part(vec![b'x'; 10].into()).await.unwrap();
            }
            reply.end().await.unwrap();
            drop(reply.into_stream().unwrap());
        };
        let (read, ()) = tokio::join!(reading, writing);
        assert!(read.ends_with(&[b'x'; 40]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_gets_a_last_moment_once_deliveries_are_cut_off() {
        let (mut reply, _sender, cut_off) = reply(16);
        cut_off.cancel();
        let watch = Stopwatch::start();
        let written = reply.whole(head(1000), vec![b'x'; 1000].into()).await;
        assert_eq!(written, Err(SenderGoneError));
        assert_eq!(watch.elapsed(), LAST_MOMENT);
    }

    #[tokio::test]
    async fn a_sender_that_left_is_gone() {
        let (mut reply, sender, _cut_off) = reply(16);
        drop(sender);
        assert_eq!(
            reply.whole(head(0), Bytes::new()).await,
            Err(SenderGoneError)
        );
        assert!(reply.into_stream().is_none());
    }

    const SEND_TIMEOUT: Duration = Duration::from_secs(10);
}
