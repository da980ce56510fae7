//! The socket of an HTTP/2 connection, with the deadlines that the library does not have.
//!
//! Every frame that is not a body frame has to arrive within `head_timeout` of its first byte. So does the first head
//! of a connection. Written bytes have to be flushed within `send_timeout`. After either deadline the socket fails,
//! which ends the connection and all its streams.
//!
//! A head belongs to no request until it is served, so its memory is leased here as it arrives, and so is that of body
//! frames that the library holds. Without memory the socket fails. While the library holds many body frames, the socket
//! is not read.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pingora_core::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::PublicSettings;
use super::h2_frames::{FrameEvent, H2Frames, StreamFaults};
use super::h2_streams::StreamMemory;
use crate::gate::{Lease, OverBudgetError};

/// A socket that fails when its client stops sending or stops reading.
pub(super) struct H2Io {
    stream: Stream,
    frames: H2Frames,
    faults: Arc<StreamFaults>,
    streams: Arc<StreamMemory>,
    /// For the header block that is arriving.
    head: Lease,
    /// For the library's table of body frames.
    body_frames: Lease,
    reading: Deadline,
    /// The frame that has to arrive before the deadline; 0 for the first head.
    expected_frame: Option<u64>,
    writing: Deadline,
}

impl H2Io {
    pub(super) fn new(
        stream: Stream,
        settings: &PublicSettings,
        faults: &Arc<StreamFaults>,
        streams: &Arc<StreamMemory>,
        connection: &Lease,
    ) -> Self {
        let mut reading = Deadline::new(settings.head_timeout);
        reading.set();
        Self {
            stream,
            frames: H2Frames::new(settings.head_limits.bytes, Arc::clone(faults)),
            faults: Arc::clone(faults),
            streams: Arc::clone(streams),
            head: connection.another(),
            body_frames: connection.another(),
            reading,
            expected_frame: Some(FIRST_HEAD),
            writing: Deadline::new(settings.send_timeout),
        }
    }

    /// Observes bytes that the library is about to read, and leases what it will hold of them.
    fn lease(&mut self, bytes: &[u8]) -> std::result::Result<(), OverBudgetError> {
        let (streams, head) = (&self.streams, &mut self.head);
        let mut leased = Ok(());
        self.frames.observe(bytes, |received| match received {
            FrameEvent::Head { stream, memory } => {
                leased = leased.and(split(head, memory).map(|lease| streams.open(stream, lease)));
            }
            FrameEvent::Trailers { stream, memory } => {
                let lease = split(head, memory);
                leased = leased.and(lease.map(|lease| streams.add_trailers(stream, lease)));
            }
            FrameEvent::BodyFrame { stream } => streams.add_frame(stream),
        });
        leased?;
        self.head.grow_to(self.frames.block_memory() as u64)?;
        self.body_frames
            .grow_to((self.streams.frames() * BODY_FRAME_BYTES) as u64)
    }

    /// Restarts the deadline for reading when another frame has begun.
    fn set_deadline(&mut self) {
        if !self.frames.has_opened() {
            // The first head has one deadline, whatever frames precede it.
            return;
        }
        let expected = self.frames.under_way();
        if self.expected_frame != expected {
            self.expected_frame = expected;
            match expected {
                Some(_) => self.reading.set(),
                None => self.reading.clear(),
            }
        }
    }
}

impl AsyncRead for H2Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        this.reading.check(context)?;
        // The library reads again, so it has decoded everything before.
        this.streams.set_decoded(true);
        if this.frames.under_way().is_none() {
            // Frees the lease of a header block that the decoder refused and `H2Frames` did not report.
            this.head.shrink_to(0);
        }
        ready!(this.streams.poll_room(context));
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        this.streams.set_decoded(false);
        let leased = this.lease(into.filled().get(before..).unwrap_or_default());
        if leased.is_err() {
            return Poll::Ready(Err(ErrorKind::OutOfMemory.into()));
        }
        this.set_deadline();
        if this.frames.is_preface_malformed() || this.faults.len() > MAX_FAULTS {
            return Poll::Ready(Err(ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for H2Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.writing.wait(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        if flushed.is_ready() {
            this.writing.clear();
        }
        this.writing.wait(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let closed = Pin::new(&mut this.stream).poll_shutdown(context);
        this.writing.wait(context, closed)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.writing.wait(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Splits the lease of a complete block off the lease of the block that is arriving.
fn split(head: &mut Lease, memory: usize) -> std::result::Result<Lease, OverBudgetError> {
    let next = head.another();
    let mut complete = std::mem::replace(head, next);
    complete.shrink_to(memory as u64);
    complete.grow_to(memory as u64)?;
    Ok(complete)
}

/// A deadline that can be set and cleared.
struct Deadline {
    after: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn new(after: Duration) -> Self {
        Self { after, sleep: None }
    }

    fn set(&mut self) {
        self.sleep = Some(Box::pin(tokio::time::sleep(self.after)));
    }

    fn clear(&mut self) {
        self.sleep = None;
    }

    /// Fails once the deadline has passed, and wakes the task when it does.
    fn check(&mut self, context: &mut Context<'_>) -> Result<()> {
        let sleep = self.sleep.as_mut();
        match sleep.map(|sleep| sleep.as_mut().poll(context)) {
            Some(Poll::Ready(())) => Err(Error::from(ErrorKind::TimedOut)),
            Some(Poll::Pending) | None => Ok(()),
        }
    }

    /// Gives the result of a write through. The first write that has to wait sets the deadline.
    fn wait<T>(&mut self, context: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_pending() && self.sleep.is_none() {
            self.set();
        }
        self.check(context)?;
        written
    }
}

const FIRST_HEAD: u64 = 0;
/// Memory of a body frame beside its bytes: an entry in the library's table, which grows by doubling and never shrinks.
const BODY_FRAME_BYTES: usize = 512;
/// Faults that may wait for streams; the library has refused these streams itself.
const MAX_FAULTS: usize = 32;
