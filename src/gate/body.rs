//! The body of a delivery: its source, and the whole body in memory.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::{Lease, OverBudgetError};

/// The source of a body: a connection, a stream, or memory.
pub trait BodySource: Send {
    /// The length that the sender announced, in bytes.
    fn announced_len(&self) -> Option<u64>;

    /// The address of the sender, if it is known. A share of the memory budget is charged to it.
    fn client(&self) -> Option<IpAddr> {
        None
    }

    /// Waits until more of the body has arrived, or its end. A source in memory never waits.
    fn arrived(&mut self) -> impl Future<Output = Result<(), BodyError>> + Send {
        async { Ok(()) }
    }

    /// Sends `100 Continue` to a sender that waits for it (RFC 9110 §10.1.1).
    ///
    /// It is called once, and only for a delivery that its head does not decide.
    fn invite(&mut self) -> impl Future<Output = Result<(), BodyError>> + Send;

    /// Appends at most `room` bytes to `into` and returns their number, which is zero at the end.
    ///
    /// `room` is zero only when all announced bytes have arrived. Then another byte is an error.
    fn read(
        &mut self,
        into: &mut Vec<u8>,
        room: usize,
    ) -> impl Future<Output = Result<usize, BodyError>> + Send;
}

/// A body that did not arrive completely.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The framing contradicts itself or RFC 9112 §7.
    #[error("the framing of the body is wrong")]
    Malformed,

    /// The connection was closed within the body.
    #[error("the sender went away")]
    SenderLeft,
}

/// A whole body in one piece of memory, byte for byte as it was sent.
#[derive(Debug)]
pub struct Body {
    bytes: Bytes,
    /// The leased memory of the bytes.
    lease: Arc<Lease>,
}

impl Body {
    pub(super) fn new(bytes: Vec<u8>, mut lease: Lease) -> Self {
        lease.keep();
        Self {
            bytes: Bytes::from(bytes),
            lease: Arc::new(lease),
        }
    }

    /// A second handle to the same bytes and their lease.
    pub(super) fn share(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            lease: Arc::clone(&self.lease),
        }
    }

    /// Leases memory for a copy.
    pub(super) async fn room_for_copy(&self) -> Result<Lease, OverBudgetError> {
        let mut lease = self.lease.another();
        lease.obtain(self.bytes.len() as u64).await?;
        Ok(lease)
    }

    /// Leases memory for the response, whose sender may read slowly.
    pub(super) async fn room_for_response(&self) -> Result<Lease, OverBudgetError> {
        let mut lease = self.lease.another();
        lease.obtain(RESPONSE_BYTES).await?;
        Ok(lease)
    }

    /// The bytes, without a copy.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the body has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The head for the backend, Pingora's buffers for the answer, and the parts that the sender has not read yet.
pub(super) const RESPONSE_BYTES: u64 = 128 * 1024;
