//! The sources of bodies: an HTTP/1 connection, or an HTTP/2 stream.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::RecvStream;
use http::HeaderMap;
use pingora_core::protocols::Stream;
use tokio::io::AsyncReadExt;

use super::chunked::Chunked;
use super::h1_response::write_continue;
use super::h2_frames::StreamFaults;
use super::h2_streams::StreamGuard;
use super::head::is_trimmed;
use super::raw_head::Framing;
use crate::gate::{BodyError, BodySource};

/// The body of an HTTP/1 request, read from its connection directly into the gate's buffer.
pub(super) struct WireBody<'c> {
    stream: &'c mut Stream,
    /// The bytes that were read beyond the head. Those after the end of the body belong to the next request.
    ahead: &'c mut BytesMut,
    rest: Rest,
    announced: Option<u64>,
    expects_continue: bool,
    client: Option<IpAddr>,
}

enum Rest {
    Chunked(Chunked),
    Length(u64),
}

impl<'c> WireBody<'c> {
    /// The body that follows a head. `expects_continue` is whether the sender waits for `100 Continue`.
    pub(super) fn new(
        stream: &'c mut Stream,
        ahead: &'c mut BytesMut,
        framing: Framing,
        expects_continue: bool,
        client: Option<IpAddr>,
    ) -> Self {
        let (rest, announced) = match framing {
            Framing::Chunked => (Rest::Chunked(Chunked::new()), None),
            Framing::Length(len) => (Rest::Length(len), Some(len)),
        };
        Self {
            stream,
            ahead,
            rest,
            announced,
            expects_continue,
            client,
        }
    }
}

impl BodySource for WireBody<'_> {
    fn announced_len(&self) -> Option<u64> {
        self.announced
    }

    fn client(&self) -> Option<IpAddr> {
        self.client
    }

    async fn arrived(&mut self) -> Result<(), BodyError> {
        let is_whole = match &self.rest {
            Rest::Length(left) => *left == 0,
            Rest::Chunked(chunked) => chunked.is_end(),
        };
        if is_whole || !self.ahead.is_empty() {
            return Ok(());
        }
        self.ahead.reserve(READ_AHEAD);
        match self.stream.read_buf(self.ahead).await {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(BodyError::SenderLeft),
        }
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        // A sender that has begun its body waits no more, and an empty body needs no invitation.
        if !self.expects_continue || !self.ahead.is_empty() || self.announced == Some(0) {
            return Ok(());
        }
        let invited = write_continue(self.stream).await;
        invited.map_err(|_| BodyError::SenderLeft)
    }

    async fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<usize, BodyError> {
        match &mut self.rest {
            Rest::Length(left) => {
                if *left == 0 {
                    return Ok(0);
                }
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(room);
                if most == 0 {
                    return Err(BodyError::Malformed);
                }
                let read = if self.ahead.is_empty() {
                    let read = self.stream.read_buf(&mut into.limit(most)).await;
                    read.ok()
                        .filter(|read| *read > 0)
                        .ok_or(BodyError::SenderLeft)?
                } else {
                    let len = most.min(self.ahead.len());
                    into.extend_from_slice(self.ahead.get(..len).unwrap_or_default());
                    self.ahead.advance(len);
                    len
                };
                *left -= read as u64;
                Ok(read)
            }
            Rest::Chunked(chunked) => loop {
                let before = into.len();
                let taken = chunked
                    .decode(self.ahead, into, room)
                    .map_err(|_| BodyError::Malformed)?;
                self.ahead.advance(taken);
                if into.len() > before || chunked.is_end() {
                    return Ok(into.len() - before);
                }
                if room == 0 {
                    // The bytes that were read ahead would never be consumed.
                    return Err(BodyError::Malformed);
                }
                self.ahead.reserve(READ_AHEAD);
                let read = self.stream.read_buf(self.ahead).await;
                read.ok()
                    .filter(|read| *read > 0)
                    .ok_or(BodyError::SenderLeft)?;
            },
        }
    }
}

/// The body of an HTTP/2 request.
pub(super) struct H2Body {
    stream: RecvStream,
    announced: Option<u64>,
    /// The bytes of a frame that did not fit into the buffer.
    ahead: Bytes,
    faults: Arc<StreamFaults>,
    served: StreamGuard,
    client: Option<IpAddr>,
}

impl H2Body {
    pub(super) fn new(
        stream: RecvStream,
        announced: Option<u64>,
        faults: Arc<StreamFaults>,
        served: StreamGuard,
        client: Option<IpAddr>,
    ) -> Self {
        Self {
            stream,
            announced,
            ahead: Bytes::new(),
            faults,
            served,
            client,
        }
    }

    /// Waits for the next bytes and keeps them in `ahead`, which stays empty at the end.
    async fn fill(&mut self) -> Result<(), BodyError> {
        while self.ahead.is_empty() {
            match self.stream.data().await {
                Some(Ok(data)) => {
                    self.served.read_frame();
                    // An error here is one of the stream, and the next read reports it.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    self.ahead = data;
                }
                Some(Err(_)) => return Err(BodyError::SenderLeft),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads and drops the trailers, because nothing downstream may act on them. Malformed ones make the whole request
    /// malformed (RFC 9113 §8.1.1).
    async fn end(&mut self) -> Result<(), BodyError> {
        let trailers = self.stream.trailers().await;
        let trailers = trailers.map_err(|_| BodyError::SenderLeft)?;
        let is_well_formed = |trailers: HeaderMap| trailers.values().all(is_trimmed);
        let fault = self.faults.take(self.stream.stream_id().as_u32());
        if fault.is_none() && trailers.is_none_or(is_well_formed) {
            Ok(())
        } else {
            Err(BodyError::Malformed)
        }
    }
}

impl BodySource for H2Body {
    fn announced_len(&self) -> Option<u64> {
        self.announced
    }

    fn client(&self) -> Option<IpAddr> {
        self.client
    }

    async fn arrived(&mut self) -> Result<(), BodyError> {
        self.fill().await
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        // HTTP/2 senders have flow control instead, and the library cannot send informational responses.
        Ok(())
    }

    async fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<usize, BodyError> {
        self.fill().await?;
        if self.ahead.is_empty() {
            return self.end().await.map(|()| 0);
        }
        if room == 0 {
            return Err(BodyError::Malformed);
        }
        let part = self.ahead.split_to(room.min(self.ahead.len()));
        into.extend_from_slice(&part);
        Ok(part.len())
    }
}

const READ_AHEAD: usize = 8 * 1024;
