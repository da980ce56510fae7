//! The memory that the HTTP/2 library uses for streams and that no request has leased.
//!
//! The library decodes a head before a task serves it, and keeps body frames until that task reads them. The lease
//! of a head stays here until the request has its own. Body frames are counted, because each takes memory beyond its
//! bytes, and flow control counts bytes only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::gate::Lease;

/// What the library holds for all streams of one connection.
#[derive(Debug, Default)]
pub(super) struct StreamMemory(Mutex<Streams>);

#[derive(Debug, Default)]
struct Streams {
    open: BTreeMap<u32, OpenStream>,
    /// The body frames of all streams that the library holds.
    frames: usize,
    /// The task that reads the socket, while it waits for streams to read their frames.
    reader: Option<Waker>,
    /// Whether the library has decoded all bytes that were read from the socket.
    is_decoded: bool,
}

#[derive(Debug, Default)]
struct OpenStream {
    /// The lease of a head that no task serves yet.
    head: Option<Lease>,
    trailers: Option<Lease>,
    frames: usize,
}

impl StreamMemory {
    /// Keeps the lease of a head until its stream is served.
    pub(super) fn open(&self, stream: u32, head: Lease) {
        let opened = OpenStream {
            head: Some(head),
            ..OpenStream::default()
        };
        self.0.lock().open.insert(stream, opened);
    }

    /// Keeps the lease of trailers until their stream ends.
    pub(super) fn add_trailers(&self, stream: u32, trailers: Lease) {
        if let Some(opened) = self.0.lock().open.get_mut(&stream) {
            opened.trailers = Some(trailers);
        }
    }

    /// Counts a body frame that the library is about to hold. Frames of unknown streams do not count.
    pub(super) fn add_frame(&self, stream: u32) {
        let streams = &mut *self.0.lock();
        if let Some(opened) = streams.open.get_mut(&stream) {
            opened.frames += 1;
            streams.frames += 1;
        }
    }

    /// The number of body frames that the library holds.
    pub(super) fn frames(&self) -> usize {
        self.0.lock().frames
    }

    /// Ready while the library holds fewer than [`MAX_FRAMES`] body frames.
    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        let streams = &mut *self.0.lock();
        if streams.frames < MAX_FRAMES {
            return Poll::Ready(());
        }
        streams.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Records whether the library has decoded all bytes that were read from the socket.
    pub(super) fn set_decoded(&self, is_decoded: bool) {
        self.0.lock().is_decoded = is_decoded;
    }

    /// Hands the lease of a head over to the task that serves its stream.
    pub(super) fn serve(self: &Arc<Self>, stream: u32) -> StreamGuard {
        let streams = &mut *self.0.lock();
        let opened = streams.open.get_mut(&stream);
        StreamGuard {
            head: opened.and_then(|opened| opened.head.take()),
            memory: Arc::clone(self),
            stream,
        }
    }

    /// Releases the leases of heads that the library has refused itself. Call it when the library has no stream
    /// to hand over.
    pub(super) fn close_unserved(&self) {
        let streams = &mut *self.0.lock();
        if streams.is_decoded {
            let closed = streams
                .open
                .extract_if(.., |_, opened| opened.head.is_some());
            streams.frames -= closed.map(|(_, closed)| closed.frames).sum::<usize>();
        }
    }
}

impl Streams {
    fn wake_reader(&mut self) {
        if self.frames < MAX_FRAMES
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }
}

/// A stream that a task serves. Its entry ends when this is dropped.
#[derive(Debug)]
pub(super) struct StreamGuard {
    memory: Arc<StreamMemory>,
    stream: u32,
    head: Option<Lease>,
}

impl StreamGuard {
    /// Releases the lease of the head, once the request has its own.
    pub(super) fn release_head(&mut self) {
        self.head = None;
    }

    /// Counts a body frame that the task has read.
    pub(super) fn read_frame(&self) {
        let streams = &mut *self.memory.0.lock();
        if let Some(opened) = streams.open.get_mut(&self.stream)
            && opened.frames > 0
        {
            opened.frames -= 1;
            streams.frames -= 1;
            streams.wake_reader();
        }
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let streams = &mut *self.memory.0.lock();
        if let Some(closed) = streams.open.remove(&self.stream) {
            streams.frames -= closed.frames;
            streams.wake_reader();
        }
    }
}

/// The number of body frames at which the gate stops reading the socket.
const MAX_FRAMES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Budget;

    fn lease(budget: &Arc<Budget>, bytes: u64) -> Lease {
        let mut lease = budget.connection(None);
        lease.grow_to(bytes).unwrap();
        lease
    }

    #[test]
    fn leases_of_heads_and_trailers_end_with_their_streams() {
        let budget = Budget::new(1000);
        let memory = Arc::new(StreamMemory::default());
        memory.open(1, lease(&budget, 10));
        memory.open(3, lease(&budget, 20));
        let mut served = memory.serve(1);
        assert_eq!(budget.leased(), 30);
        // The library may still hand over stream 3.
        memory.close_unserved();
        assert_eq!(budget.leased(), 30);
        memory.set_decoded(true);
        memory.close_unserved();
        assert_eq!(budget.leased(), 10);
        served.release_head();
        assert_eq!(budget.leased(), 0);
        memory.add_trailers(1, lease(&budget, 40));
        memory.add_trailers(3, lease(&budget, 50));
        memory.close_unserved();
        assert_eq!(budget.leased(), 40);
        drop(served);
        assert_eq!(budget.leased(), 0);
    }

    #[test]
    fn reading_waits_until_frames_are_read_or_their_stream_ends() {
        let budget = Budget::new(1000);
        let memory = Arc::new(StreamMemory::default());
        let context = Context::from_waker(Waker::noop());
        memory.open(1, lease(&budget, 1));
        memory.open(3, lease(&budget, 1));
        let (first, third) = (memory.serve(1), memory.serve(3));
        for _ in 0..MAX_FRAMES - 1 {
            memory.add_frame(1);
        }
        // Stream 5 was never opened.
        memory.add_frame(5);
        assert!(memory.poll_room(&context).is_ready());
        memory.add_frame(3);
        assert!(memory.poll_room(&context).is_pending());
        third.read_frame();
        third.read_frame();
        assert!(memory.poll_room(&context).is_ready());
        memory.add_frame(3);
        assert!(memory.poll_room(&context).is_pending());
        drop(first);
        assert!(memory.poll_room(&context).is_ready());
        assert_eq!(memory.frames(), 1);
    }
}
