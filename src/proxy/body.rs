//! The body of a Pingora session, as the gate reads it.

use bytes::Bytes;
use pingora_core::protocols::http::ServerSession;
use pingora_error::ErrorType;

use crate::gate::{BodyError, BodySource};

/// A session whose head was read.
pub(super) struct SessionBody<'s> {
    pub(super) session: &'s mut ServerSession,
    /// The announced length; HTTP checks have made sure that it is unambiguous.
    pub(super) announced: Option<u64>,
    /// Whether the sender waits for `100 Continue`.
    pub(super) waits: bool,
}

impl BodySource for SessionBody<'_> {
    fn announced_len(&self) -> Option<u64> {
        self.announced
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        if !self.waits {
            return Ok(());
        }
        // Pingora never answers the expectation by itself. Writing the answer turns keep-alive off,
        // as any response before the end of the request does.
        let keepalive = self.session.get_keepalive();
        self.session
            .write_continue_response()
            .await
            .map_err(|_| BodyError::SenderLeft)?;
        self.session.set_keepalive(keepalive);
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.session
            .read_request_body()
            .await
            .map_err(|error| match error.etype() {
                // The names that Pingora's chunked reader gives its own errors.
                ErrorType::Custom("InvalidChunk" | "InvalidTrailerEnd")
                | ErrorType::InvalidHTTPHeader => BodyError::Malformed,
                ErrorType::ReadTimedout => BodyError::Stalled,
                _ => BodyError::SenderLeft,
            })
    }
}
