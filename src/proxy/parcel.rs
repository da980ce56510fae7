//! What goes to a backend in one write: a head and a body.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes};
use pingora_core::protocols::Stream;
use tokio::io::AsyncWriteExt;

use super::respond::Stamp;
use crate::clock::within;
use crate::gate::Reason;

/// What is sent: the head as it goes on the wire, and the body as it came.
pub(super) struct Parcel<'a> {
    pub(super) head: Vec<u8>,
    pub(super) body: &'a Bytes,
    /// What the answer is marked with.
    pub(super) stamp: &'a Stamp,
    /// Whether the sender speaks HTTP/1.0, which knows no chunks.
    pub(super) old_sender: bool,
    /// Whether others wait for the backend to be done, and not for the sender to have read its answer.
    pub(super) in_turn: bool,
    /// How much of an answer there is memory for, where it is read before it is passed on.
    pub(super) most_gathered: usize,
}

/// A write that did not come to its end.
pub(super) struct Stopped {
    /// The bytes that the connection had taken.
    pub(super) sent: usize,
    pub(super) reason: Reason,
}

/// Writes head and body, together if the socket takes them. The time-out is for each part of it.
pub(super) async fn write(
    stream: &mut Stream,
    parcel: &Parcel<'_>,
    timeout: Duration,
) -> Result<(), Stopped> {
    let mut parts = parcel.head.as_slice().chain(parcel.body.as_ref());
    let whole = parts.remaining();
    let stopped = |sent, reason| Stopped { sent, reason };
    while parts.has_remaining() {
        let sent = whole - parts.remaining();
        match within(timeout, pin!(stream.write_buf(&mut parts))).await {
            Some(Ok(1..)) => {}
            Some(_) => return Err(stopped(sent, Reason::UpstreamUnreachable)),
            None => return Err(stopped(sent, Reason::UpstreamTimeout)),
        }
    }
    match within(timeout, pin!(stream.flush())).await {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) => Err(stopped(whole, Reason::UpstreamUnreachable)),
        None => Err(stopped(whole, Reason::UpstreamTimeout)),
    }
}
