//! A session whose body was read already, as `pingora-proxy` sees it.
//!
//! Pingora has no way to read a body before it chooses an upstream and to send it from memory then. Its
//! trait for custom sessions has: this one gives the head that was prepared and the body that was
//! admitted, and hands everything about the answer to the sender's real session. The trait is hidden
//! from the documentation, so the versions are pinned and `tests/bodies.rs` holds it to its behaviour.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use tokio::sync::oneshot;

/// A sender's session with its head replaced and its body in memory.
pub(super) struct Buffered {
    /// Taken only when this is dropped.
    inner: Option<Box<ServerSession>>,
    head: RequestHeader,
    body: Bytes,
    sent: usize,
    finished: bool,
    back: Option<oneshot::Sender<Returned>>,
}

/// The sender's session, when the proxy has let go of it.
pub(super) struct Returned {
    pub(super) session: Box<ServerSession>,
    /// Whether the answer was written to its end.
    pub(super) finished: bool,
}

impl Buffered {
    /// Wraps `inner`. It comes back through the receiver whatever becomes of the proxying.
    pub(super) fn new(
        inner: Box<ServerSession>,
        head: RequestHeader,
        body: Bytes,
    ) -> (Self, oneshot::Receiver<Returned>) {
        let (back, returned) = oneshot::channel();
        let this = Self {
            inner: Some(inner),
            head,
            body,
            sent: 0,
            finished: false,
            back: Some(back),
        };
        (this, returned)
    }

    fn inner(&self) -> &ServerSession {
        self.inner
            .as_deref()
            .unwrap_or_else(|| unreachable!("the session is taken only on drop"))
    }

    fn inner_mut(&mut self) -> &mut ServerSession {
        self.inner
            .as_deref_mut()
            .unwrap_or_else(|| unreachable!("the session is taken only on drop"))
    }

    fn next_slice(&mut self) -> Option<Bytes> {
        if self.sent == self.body.len() {
            return None;
        }
        let end = self.body.len().min(self.sent + SLICE);
        let slice = self.body.slice(self.sent..end);
        self.sent = end;
        Some(slice)
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        if let (Some(session), Some(back)) = (self.inner.take(), self.back.take()) {
            // If nobody waits for it, it is closed.
            let _ = back.send(Returned {
                session,
                finished: self.finished,
            });
        }
    }
}

#[async_trait]
impl Session for Buffered {
    fn req_header(&self) -> &RequestHeader {
        &self.head
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        &mut self.head
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        Ok(self.next_slice())
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        Ok(())
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, _end: bool) -> Result<()> {
        self.inner_mut().write_response_header(head).await
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, _end: bool) -> Result<()> {
        self.inner_mut().write_response_header_ref(head).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.inner_mut().write_response_body(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.inner_mut().write_response_trailers(trailers).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        self.inner_mut().response_duplex_vec(tasks).await
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.inner_mut().set_read_timeout(timeout);
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.inner().get_read_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.inner_mut().set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.inner().get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.inner_mut().set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.inner().get_total_drain_timeout()
    }

    /// Without the target: its query may hold a token, and Pingora writes this into its log.
    fn request_summary(&self) -> String {
        format!("{} of an admitted delivery", self.head.method)
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        // A `100 Continue` counts as written for Pingora, but it is no answer.
        self.inner()
            .response_written()
            .filter(|head| !head.status.is_informational())
    }

    async fn shutdown(&mut self, _code: u32, _context: &str) {
        self.inner_mut().shutdown().await;
    }

    fn is_body_done(&mut self) -> bool {
        self.sent == self.body.len()
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner_mut().finish_body().await?;
        self.finished = true;
        Ok(())
    }

    fn is_body_empty(&mut self) -> bool {
        self.body.is_empty()
    }

    /// The next part of the body; after that, nothing, ever: a sender that half-closes or goes away
    /// does not undo a delivery that was admitted.
    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        match self.next_slice() {
            Some(slice) if !no_body_expected => Ok(Some(slice)),
            _ => std::future::pending().await,
        }
    }

    fn body_bytes_sent(&self) -> usize {
        self.inner().body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.sent
    }

    fn digest(&self) -> Option<&Digest> {
        self.inner().digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.inner_mut().digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.inner().client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.inner().server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        Bytes::new()
    }

    /// Called once for every attempt: the body is there for each of them, from its beginning.
    fn enable_retry_buffering(&mut self) {
        self.sent = 0;
    }

    fn retry_buffer_truncated(&self) -> bool {
        false
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        None
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(
        &mut self,
    ) -> Option<Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>> {
        None
    }

    fn restore_custom_message_reader(
        &mut self,
        _reader: Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>,
    ) -> Result<()> {
        Err(Error::new(ErrorType::InternalError))
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(
        &mut self,
        _writer: Box<dyn CustomMessageWrite>,
    ) -> Result<()> {
        Err(Error::new(ErrorType::InternalError))
    }
}

/// How much is handed over at once. One slice for almost every webhook; for the largest bodies, the
/// time-out of a write covers this much rather than all of it.
const SLICE: usize = 1024 * 1024;
