//! Receiving a body: once, within its limits, hashed as it arrives.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Body, BodyError, BodySource, Budget, Lease, OverBudget, Reason, Refusal};
use crate::auth::Verification;
use crate::clock::within;

/// What a body has to keep to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BodyRules {
    pub(super) limit_bytes: u64,
    pub(super) timeout: Duration,
}

/// Receives the body of `source`, and feeds `verification` with it if there is one.
pub(super) async fn receive(
    source: &mut impl BodySource,
    rules: BodyRules,
    budget: &Arc<Budget>,
    verification: Option<&mut Verification>,
) -> Result<Body, Refusal> {
    let receiving = async {
        source.invite().await?;
        gather(source, rules.limit_bytes, budget.lease(), verification).await
    };
    // One deadline over the whole body: a byte now and then does not move it.
    within(rules.timeout, pin!(receiving))
        .await
        .unwrap_or_else(|| Err(Reason::BodyTimeout.into()))
}

async fn gather(
    source: &mut impl BodySource,
    limit_bytes: u64,
    lease: Lease,
    mut verification: Option<&mut Verification>,
) -> Result<Body, Refusal> {
    let mut buffer = Buffer {
        announced: source.announced_len(),
        limit_bytes,
        lease,
        kept: Kept::One(Bytes::new()),
    };
    while let Some(chunk) = source.next().await? {
        let len = buffer.len() + chunk.len() as u64;
        if len > limit_bytes {
            return Err(Refusal::too_large(limit_bytes));
        }
        if let Some(verification) = verification.as_deref_mut() {
            verification.update(&chunk);
        }
        buffer.push(chunk)?;
    }
    Ok(buffer.finish())
}

/// A body in the making, in one piece.
struct Buffer {
    announced: Option<u64>,
    limit_bytes: u64,
    lease: Lease,
    kept: Kept,
}

enum Kept {
    /// The one chunk that has come, as it came: most bodies are never copied.
    One(Bytes),
    Many(Vec<u8>),
}

impl Buffer {
    fn len(&self) -> u64 {
        match &self.kept {
            Kept::One(chunk) => chunk.len() as u64,
            Kept::Many(bytes) => bytes.len() as u64,
        }
    }

    fn push(&mut self, chunk: Bytes) -> Result<(), OverBudget> {
        let len = self.len() + chunk.len() as u64;
        let bytes = match &mut self.kept {
            Kept::One(first) if first.is_empty() => {
                self.lease.grow_to(len)?;
                *first = chunk;
                return Ok(());
            }
            Kept::One(first) => {
                let capacity = capacity(len, 0, self.announced, self.limit_bytes);
                self.lease.grow_to(capacity)?;
                let mut bytes = Vec::new();
                bytes.reserve_exact(to_usize(capacity));
                bytes.extend_from_slice(first);
                self.kept = Kept::Many(bytes);
                return self.push(chunk);
            }
            Kept::Many(bytes) => bytes,
        };
        let old = bytes.capacity() as u64;
        if len > old {
            let new = capacity(len, old, self.announced, self.limit_bytes);
            // For a moment there are both, the old piece and the new one.
            self.lease.grow_to(old + new)?;
            bytes.reserve_exact(to_usize(new) - bytes.len());
            self.lease.shrink_to(new);
        }
        bytes.extend_from_slice(&chunk);
        Ok(())
    }

    fn finish(self) -> Body {
        let bytes = match self.kept {
            Kept::One(chunk) => chunk,
            Kept::Many(bytes) => Bytes::from(bytes),
        };
        Body::new(bytes, self.lease)
    }
}

/// How much to allocate for `len` bytes where `old` were allocated before.
///
/// Twice as much each time, so that every byte is moved a bounded number of times; but never more than
/// was announced, and never all that was announced before it has come: a sender's word costs no memory.
fn capacity(len: u64, old: u64, announced: Option<u64>, limit_bytes: u64) -> u64 {
    let end = announced.filter(|end| *end >= len).unwrap_or(limit_bytes);
    old.saturating_mul(2)
        .max(FIRST_ALLOCATION)
        .min(end)
        .max(len)
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Reason::BadRequest.into(),
            BodyError::SenderLeft => Reason::SenderLeft.into(),
            BodyError::Stalled => Reason::BodyTimeout.into(),
        }
    }
}

impl From<OverBudget> for Refusal {
    fn from(_: OverBudget) -> Self {
        Reason::Overloaded.into()
    }
}

const FIRST_ALLOCATION: u64 = 64 * 1024;
