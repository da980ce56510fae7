//! The observer of HTTP/2 frames, fed with whatever a client may send.
//!
//! However the bytes are cut, it must come to the same end: the same frame under way, and the same faults
//! of the same streams, and the same reports.
//!
//! Input: one byte that chooses the size of pieces, then what comes off the wire.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use portcullis::proxy::{FrameEvent, H2Frames, HeadFault, StreamFaults};

const MAX_HEADER_LIST: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, wire)) = data.split_first() else {
        return;
    };
    let at_once = observed(wire, wire.len().max(1));
    assert_eq!(observed(wire, 1), at_once);
    assert_eq!(observed(wire, usize::from(choice).max(1)), at_once);
});

/// Whether a frame is under way, what is wrong with which streams, and what is reported of them.
fn observed(wire: &[u8], piece: usize) -> (bool, bool, Vec<(u32, HeadFault)>, Vec<FrameEvent>) {
    let faults: Arc<StreamFaults> = Arc::default();
    let mut frames = H2Frames::new(MAX_HEADER_LIST, Arc::clone(&faults));
    let mut reports = Vec::new();
    for piece in wire.chunks(piece) {
        frames.observe(piece, |received| reports.push(received));
    }
    let streams = (0..=64).filter_map(|stream| Some((stream, faults.take(stream)?)));
    let streams = streams.collect();
    (
        frames.under_way().is_some(),
        frames.has_opened(),
        streams,
        reports,
    )
}
