//! Observes the frames of an HTTP/2 connection before the library reads them (RFC 9113 §4).
//!
//! The library does not report when a head begins, so it has no deadline for one. It also hides two faults
//! of a request: it cuts a fragment off `:path`, and it drops pseudo-headers of trailers. The observer
//! decodes header blocks with the library's own decoder, so both read the same. It changes nothing. A fuzz
//! target feeds it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use h2::Codec;
use h2::frame::{Frame, Headers, Pseudo};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::h2_fields::FieldCounter;
use super::raw_head::{HeadFault, check_target};

/// Observes all bytes that a client sends, beginning with its preface.
pub struct H2Frames {
    /// The bytes of the preface that are still to come.
    preface: usize,
    /// Whether the first frame is not SETTINGS.
    is_preface_malformed: bool,
    /// The bytes of the frame header that have arrived.
    header: Vec<u8>,
    /// The bytes of the frame's payload that are still to come.
    payload: usize,
    /// Whether a header block is incomplete: CONTINUATION has to follow.
    in_block: bool,
    /// The length so far of the header block that is arriving.
    block_bytes: usize,
    /// The fields in its complete frames.
    block_fields: FieldCounter,
    /// The most fields that the library keeps.
    max_fields: usize,
    /// Counts frames; a header block counts once.
    unit: u64,
    /// The highest stream that the client has opened.
    last_opened: u32,
    blocks: Codec<Blocks, Bytes>,
    faults: Arc<StreamFaults>,
}

impl H2Frames {
    /// An observer of a new connection. `max_header_list` has to be the limit that the library has.
    pub fn new(max_header_list: usize, faults: Arc<StreamFaults>) -> Self {
        let mut blocks = Codec::new(Blocks::default());
        blocks.set_max_recv_header_list_size(max_header_list);
        Self {
            preface: PREFACE_LEN,
            is_preface_malformed: false,
            header: Vec::with_capacity(HEADER_LEN),
            payload: 0,
            in_block: false,
            block_bytes: 0,
            block_fields: FieldCounter::default(),
            max_fields: max_header_list / FIELD_OVERHEAD,
            unit: 0,
            last_opened: 0,
            blocks,
            faults,
        }
    }

    /// Observes the next bytes, and reports what the library is about to hold for a stream.
    pub fn observe(&mut self, bytes: &[u8], mut report: impl FnMut(FrameEvent)) {
        let mut rest = bytes.get(self.preface..).unwrap_or_default();
        self.preface = self.preface.saturating_sub(bytes.len());
        while !rest.is_empty() {
            let wanted = if self.header.len() < HEADER_LEN {
                HEADER_LEN - self.header.len()
            } else {
                self.payload
            };
            let (bytes, after) = rest.split_at(wanted.min(rest.len()));
            rest = after;
            if self.header.len() < HEADER_LEN {
                if self.header.is_empty() && !self.in_block {
                    self.unit += 1;
                }
                self.header.extend_from_slice(bytes);
                if self.header.len() < HEADER_LEN {
                    return;
                }
                self.payload = self.payload_len();
                self.is_preface_malformed |= self.unit == FIRST && self.kind() != SETTINGS;
                if self.is_of_block() {
                    self.blocks.get_mut().0.extend_from_slice(&self.header);
                }
            } else {
                self.payload -= bytes.len();
                if self.is_of_block() {
                    self.block_bytes += bytes.len();
                    self.blocks.get_mut().0.extend_from_slice(bytes);
                }
            }
            if self.payload == 0 {
                self.end_frame(&mut report);
            }
        }
    }

    /// The number of the frame or header block that is arriving. A body has its own deadline, so a DATA frame
    /// counts only until its header is complete.
    pub fn under_way(&self) -> Option<u64> {
        let in_frame = match self.header.get(KIND_AT) {
            Some(_) if self.header.len() == HEADER_LEN => self.kind() != DATA,
            _ => !self.header.is_empty(),
        };
        (in_frame || self.in_block).then_some(self.unit)
    }

    /// The most memory that the arriving header block takes, here and in the library. Complete blocks are
    /// reported instead.
    pub fn block_memory(&self) -> usize {
        let fields = self.block_fields.fields().min(self.max_fields);
        self.block_bytes * BYTE_MEMORY + fields * FIELD_MEMORY
    }

    /// Whether the first frame is not SETTINGS (RFC 9113 §3.4). The library does not check that.
    pub const fn is_preface_malformed(&self) -> bool {
        self.is_preface_malformed
    }

    /// Whether the client has opened a stream.
    pub const fn has_opened(&self) -> bool {
        self.last_opened > 0
    }

    fn end_frame(&mut self, report: &mut impl FnMut(FrameEvent)) {
        if self.is_of_block() {
            self.count_fields();
            self.in_block = self.flags() & END_HEADERS == 0;
            self.check_blocks(report);
            if !self.in_block {
                self.block_bytes = 0;
                self.block_fields = FieldCounter::default();
            }
        } else if self.kind() == DATA {
            report(FrameEvent::BodyFrame {
                stream: self.stream(),
            });
        }
        self.header.clear();
    }

    /// Counts the fields of the complete frame.
    fn count_fields(&mut self) {
        let payload = self.blocks.get_ref().0.get(HEADER_LEN..);
        let payload = payload.unwrap_or_default();
        let (mut start, mut end) = (0, payload.len());
        if self.kind() == HEADERS {
            let flags = self.flags();
            if flags & PADDED != 0 {
                start += 1;
                end = end.saturating_sub(payload.first().copied().unwrap_or_default().into());
            }
            if flags & PRIORITY != 0 {
                start += PRIORITY_LEN;
            }
        }
        let fragment = payload.get(start..end).unwrap_or_default();
        self.block_fields.count(fragment);
    }

    /// Checks the header blocks that are complete.
    fn check_blocks(&mut self, report: &mut impl FnMut(FrameEvent)) {
        let mut context = Context::from_waker(Waker::noop());
        // The library uses the same decoder, so it refuses every block that fails here.
        while let Poll::Ready(Some(frame)) = Pin::new(&mut self.blocks).poll_next(&mut context) {
            if let Ok(Frame::Headers(headers)) = frame {
                self.check(headers, report);
            }
        }
        // An idle connection keeps no buffer for heads.
        self.blocks.get_mut().0 = BytesMut::new();
    }

    fn check(&mut self, headers: Headers, report: &mut impl FnMut(FrameEvent)) {
        let stream = u32::from(headers.stream_id());
        // From here on only the library keeps it, which halves its memory.
        let memory = self.block_memory() / 2;
        let (pseudo, _) = headers.into_parts();
        let fault = if stream > self.last_opened {
            self.last_opened = stream;
            report(FrameEvent::Head { stream, memory });
            fault_of(&pseudo)
        } else {
            report(FrameEvent::Trailers { stream, memory });
            // Trailers must not have pseudo-headers (RFC 9113 §8.1).
            (pseudo != Pseudo::default()).then_some(HeadFault::HeaderLine)
        };
        if let Some(fault) = fault {
            self.faults.0.lock().insert(stream, fault);
        }
    }

    fn payload_len(&self) -> usize {
        let bytes = self.header.iter().take(LENGTH_LEN);
        bytes.fold(0, |len, byte| (len << 8) | usize::from(*byte))
    }

    fn kind(&self) -> u8 {
        self.header.get(KIND_AT).copied().unwrap_or_default()
    }

    fn flags(&self) -> u8 {
        self.header.get(FLAGS_AT).copied().unwrap_or_default()
    }

    fn stream(&self) -> u32 {
        let bytes = self.header.iter().skip(STREAM_AT);
        let number = bytes.fold(0, |number, byte| (number << 8) | u32::from(*byte));
        // The first bit is reserved (RFC 9113 §4.1).
        number & (u32::MAX >> 1)
    }

    /// Whether the frame is part of a header block. The library ends the connection over one that is too
    /// large, so none of it is kept.
    fn is_of_block(&self) -> bool {
        matches!(self.kind(), HEADERS | CONTINUATION) && self.payload_len() <= MAX_FRAME
    }
}

/// A fault of a head that the library accepts.
fn fault_of(pseudo: &Pseudo) -> Option<HeadFault> {
    if pseudo.scheme.as_deref() == Some("") {
        return Some(HeadFault::HeaderLine);
    }
    let path = pseudo.path.as_deref();
    path.and_then(|path| check_target(path.as_bytes()).err())
}

/// A complete head, trailers or body frame that the library is about to hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameEvent {
    /// The head of a request.
    Head {
        /// The stream that it opens.
        stream: u32,
        /// The most bytes that it takes in memory.
        memory: usize,
    },
    /// Trailers of a request.
    Trailers {
        /// The stream that they end.
        stream: u32,
        /// The most bytes that they take in memory.
        memory: usize,
    },
    /// A DATA frame.
    BodyFrame {
        /// The stream whose body it continues.
        stream: u32,
    },
}

/// Faults of heads and trailers, by stream, until the task of the stream takes them.
#[derive(Debug, Default)]
pub struct StreamFaults(Mutex<BTreeMap<u32, HeadFault>>);

impl StreamFaults {
    /// Removes the fault of a stream's head or trailers.
    pub fn take(&self, stream: u32) -> Option<HeadFault> {
        self.0.lock().remove(&stream)
    }

    /// The number of faults that were not taken.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether all faults were taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Frames of header blocks, as the decoder's input.
#[derive(Debug, Default)]
struct Blocks(BytesMut);

impl AsyncRead for Blocks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let len = self.0.len().min(into.remaining());
        into.put_slice(self.0.get(..len).unwrap_or_default());
        self.0.advance(len);
        Poll::Ready(Ok(()))
    }
}

/// `Codec` requires it, and never writes here.
impl AsyncWrite for Blocks {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// `PRI * HTTP/2.0`, an empty line, `SM`, an empty line (RFC 9113 §3.4).
const PREFACE_LEN: usize = 24;
/// The number of the frame that follows the preface.
const FIRST: u64 = 1;
/// Three bytes of length, the type, the flags, and four bytes of stream number (RFC 9113 §4.1).
const HEADER_LEN: usize = 9;
const LENGTH_LEN: usize = 3;
const KIND_AT: usize = 3;
const FLAGS_AT: usize = 4;
const STREAM_AT: usize = 5;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;
/// A stream number and a weight (RFC 9113 §6.2).
const PRIORITY_LEN: usize = 5;
/// The largest frame that the library accepts: the default, since it announces no other (RFC 9113 §6.5.2).
const MAX_FRAME: usize = 16_384;
/// What a field adds to the library's limit beside its name and value (RFC 9113 §6.5.2).
const FIELD_OVERHEAD: usize = 32;
/// Memory per byte of a block while the library and the observer keep and decode it. Measured: 4.5 bytes, with few
/// large fields and with many small ones.
const BYTE_MEMORY: usize = 5;
/// Memory of a field: an entry in two header maps, each grown to twice its need.
const FIELD_MEMORY: usize = 4 * 72;
