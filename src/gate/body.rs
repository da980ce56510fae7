//! A body: where it comes from, and what it becomes.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::{Lease, OverBudget};

/// Where the bytes of a body come from.
pub trait BodySource: Send {
    /// The length that the sender announced.
    fn announced_len(&self) -> Option<u64>;

    /// The address of the sender, as far as it can be told: a share of the memory is charged to it.
    fn client(&self) -> Option<IpAddr> {
        None
    }

    /// Waits until something more has come, or the end. A source that has all of it never waits.
    fn arrived(&mut self) -> impl Future<Output = Result<(), BodyError>> + Send {
        async { Ok(()) }
    }

    /// Tells a sender that waits for it to go on (`100 Continue`, RFC 9110 §10.1.1).
    ///
    /// It is called once, and only for a delivery that the head does not decide.
    fn invite(&mut self) -> impl Future<Output = Result<(), BodyError>> + Send;

    /// Appends the next bytes to `into`, at most `room`, and says how many they were: none at the end.
    ///
    /// There is no room only when everything that was announced has come; then more is an error.
    fn read(
        &mut self,
        into: &mut Vec<u8>,
        room: usize,
    ) -> impl Future<Output = Result<usize, BodyError>> + Send;
}

/// A body that did not arrive whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Its framing is wrong.
    #[error("the framing of the body is wrong")]
    Malformed,

    /// The connection is gone.
    #[error("the sender went away")]
    SenderLeft,
}

/// A whole body: one contiguous run of bytes, exactly as they were sent.
#[derive(Debug)]
pub struct Body {
    bytes: Bytes,
    /// Held as long as the bytes are.
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

    /// The same body, for somebody who may outlive this one.
    pub(super) fn share(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            lease: Arc::clone(&self.lease),
        }
    }

    /// Room for a second piece of the same length.
    pub(super) async fn room_for_copy(&self) -> Result<Lease, OverBudget> {
        let mut lease = self.lease.another();
        lease.obtain(self.bytes.len() as u64).await?;
        Ok(lease)
    }

    /// Room for the response to this delivery: the backend's, on its way to a sender that may be slow.
    pub(super) async fn room_for_response(&self) -> Result<Lease, OverBudget> {
        let mut lease = self.lease.another();
        lease.obtain(RESPONSE_BYTES).await?;
        Ok(lease)
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The head for the backend, Pingora's buffers for its answer, and the parts that a sender has not taken.
pub(super) const RESPONSE_BYTES: u64 = 128 * 1024;
