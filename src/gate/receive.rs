//! Receives a body: once, within its limits, into one piece of memory, and hashed on arrival.

use std::pin::{Pin, pin};
use std::time::Duration;

use super::scan::MultipartScan;
use super::{Body, BodyError, BodySource, Lease, OverBudgetError, Reason, Refusal};
use crate::auth::Verification;
use crate::clock::within;

/// The limits of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BodyRules {
    pub(super) limit_bytes: u64,
    pub(super) timeout: Duration,
}

impl BodyRules {
    /// Refuses a body whose announced length is over the limit, before any of it is read.
    pub(super) fn check_announced(&self, announced_len: Option<u64>) -> Result<(), Refusal> {
        match announced_len.filter(|len| *len > self.limit_bytes) {
            Some(announced) => Err(Refusal {
                cause: Some(format!("the announced length is {announced} bytes")),
                ..Refusal::too_large(self.limit_bytes)
            }),
            None => Ok(()),
        }
    }
}

/// Observers of the body stream.
#[derive(Default)]
pub(super) struct BodyObservers<'w> {
    pub(super) verification: Option<&'w mut Verification>,
    pub(super) scan: Option<&'w mut MultipartScan>,
}

impl BodyObservers<'_> {
    /// Shows the body as far as it has arrived. The first `before` bytes were shown already.
    fn show(&mut self, body: &[u8], before: usize) -> Result<(), Refusal> {
        if let Some(verification) = self.verification.as_deref_mut() {
            verification.update(body.get(before..).unwrap_or_default());
        }
        match &mut self.scan {
            Some(scan) => scan.advance(body),
            None => Ok(()),
        }
    }
}

/// Receives the body of `source`, and shows it to `observers`.
pub(super) async fn receive(
    source: &mut impl BodySource,
    rules: BodyRules,
    lease: Lease,
    observers: BodyObservers<'_>,
) -> Result<Body, Refusal> {
    let receiving = async {
        source.invite().await?;
        gather(source, rules.limit_bytes, lease, observers).await
    };
    // One deadline covers the whole body: single bytes do not extend it.
    within(rules.timeout, pin!(receiving))
        .await
        .unwrap_or_else(|| Err(Reason::BodyTimeout.into()))
}

/// Shows the body of an earlier attempt to new `observers`. It yields now and then: a large body takes milliseconds.
pub(super) async fn replay_body(
    body: &Body,
    rules: BodyRules,
    mut observers: BodyObservers<'_>,
) -> Result<(), Refusal> {
    if body.len() as u64 > rules.limit_bytes {
        return Err(Refusal::too_large(rules.limit_bytes));
    }
    let mut shown = 0;
    while shown < body.len() {
        let next = shown.saturating_add(SHOWN_AT_ONCE).min(body.len());
        observers.show(body.bytes().get(..next).unwrap_or_default(), shown)?;
        shown = next;
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn gather(
    source: &mut impl BodySource,
    limit_bytes: u64,
    lease: Lease,
    mut observers: BodyObservers<'_>,
) -> Result<Body, Refusal> {
    let mut buffer = Buffer {
        // One byte more than the limit is enough to know that it is exceeded.
        max_len: source
            .announced_len()
            .unwrap_or(limit_bytes.saturating_add(1)),
        bytes: Vec::new(),
        lease,
    };
    loop {
        let before = buffer.bytes.len();
        if buffer.is_full() {
            // Memory is leased for bytes that have arrived, and not for a silent sender.
            unless_revoked(&buffer.lease, pin!(source.arrived())).await??;
        }
        let room = buffer.make_room().await?;
        let read =
            unless_revoked(&buffer.lease, pin!(source.read(&mut buffer.bytes, room))).await??;
        if read == 0 {
            return Ok(Body::new(buffer.bytes, buffer.lease));
        }
        if buffer.bytes.len() as u64 > limit_bytes {
            return Err(Refusal::too_large(limit_bytes));
        }
        observers.show(&buffer.bytes, before)?;
    }
}

/// Waits for the sender, unless the budget takes the memory back for somebody who holds less.
async fn unless_revoked<F: Future>(
    lease: &Lease,
    waiting: Pin<&mut F>,
) -> Result<F::Output, OverBudgetError> {
    tokio::select! {
        biased;
        done = waiting => Ok(done),
        () = lease.revoked() => Err(OverBudgetError),
    }
}

/// The buffer of a body that is being received.
struct Buffer {
    /// The largest length that the body can have.
    max_len: u64,
    bytes: Vec<u8>,
    lease: Lease,
}

impl Buffer {
    fn is_full(&self) -> bool {
        self.bytes.len() == self.bytes.capacity()
    }

    /// Makes room for more and returns its size, which is zero once the whole body has arrived.
    async fn make_room(&mut self) -> Result<usize, OverBudgetError> {
        let len = self.bytes.len() as u64;
        let old = self.bytes.capacity() as u64;
        if len == old && len < self.max_len {
            let new = next_capacity(old, self.max_len);
            // Both pieces exist while the bytes are moved.
            self.lease.obtain(old.saturating_add(new)).await?;
            self.bytes.reserve_exact(to_usize(new - len));
            self.lease.shrink_to(new);
        }
        Ok(self.bytes.capacity() - self.bytes.len())
    }
}

/// The capacity that follows `old` for a body of at most `max_len` bytes.
///
/// It doubles each time, so that every byte is moved a bounded number of times. An announced length alone costs no
/// memory. The steps are halves of `max_len`, so that the last two pieces together take one and a half times `max_len`,
/// and not twice.
fn next_capacity(old: u64, max_len: u64) -> u64 {
    let mut next = max_len;
    loop {
        let half = next.div_ceil(2);
        if half <= old || half < FIRST_ALLOCATION {
            return next;
        }
        next = half;
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Reason::BadRequest.into(),
            BodyError::SenderLeft => Reason::SenderLeft.into(),
        }
    }
}

impl From<OverBudgetError> for Refusal {
    fn from(_: OverBudgetError) -> Self {
        Reason::Overloaded.into()
    }
}

/// Hashing this much takes well under a millisecond.
const SHOWN_AT_ONCE: usize = 256 * 1024;
const FIRST_ALLOCATION: u64 = 4 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_of_any_length_grows_in_few_steps_and_never_far_ahead_of_what_has_come(
            most in 1..200_000_000_u64
        ) {
            let (mut capacity, mut moved, mut peak) = (0, 0, 0);
            while capacity < most {
                let next = next_capacity(capacity, most);
                prop_assert!(next > capacity);
                prop_assert!(next <= (2 * capacity).max(2 * FIRST_ALLOCATION));
                moved += capacity;
                peak = peak.max(capacity + next);
                capacity = next;
            }
            prop_assert_eq!(capacity, most);
            prop_assert!(moved <= most + 64);
            prop_assert!(peak <= most + most.div_ceil(2));
        }
    }
}
