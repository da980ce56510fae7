//! Receiving a body: once, within its limits, into one piece of memory, hashed as it arrives.

use std::pin::{Pin, pin};
use std::time::Duration;

use super::scan::Scan;
use super::{Body, BodyError, BodySource, Lease, OverBudget, Reason, Refusal};
use crate::auth::Verification;
use crate::clock::within;

/// What a body has to keep to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BodyRules {
    pub(super) limit_bytes: u64,
    pub(super) timeout: Duration,
}

/// Who looks at a body as it arrives.
#[derive(Default)]
pub(super) struct Watchers<'w> {
    pub(super) verification: Option<&'w mut Verification>,
    pub(super) scan: Option<&'w mut Scan>,
}

impl Watchers<'_> {
    /// Shows what has come: `body` is all of it, of which `before` bytes were shown already.
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

/// Receives the body of `source`, and shows it to `watchers`.
pub(super) async fn receive(
    source: &mut impl BodySource,
    rules: BodyRules,
    lease: Lease,
    watchers: Watchers<'_>,
) -> Result<Body, Refusal> {
    let receiving = async {
        source.invite().await?;
        gather(source, rules.limit_bytes, lease, watchers).await
    };
    // One deadline over the whole body: a byte now and then does not move it.
    within(rules.timeout, pin!(receiving))
        .await
        .unwrap_or_else(|| Err(Reason::BodyTimeout.into()))
}

/// Shows a body that was received before to other `watchers`. A large one does not keep a thread for itself.
pub(super) async fn show_again(
    body: &Body,
    rules: BodyRules,
    mut watchers: Watchers<'_>,
) -> Result<(), Refusal> {
    if body.len() as u64 > rules.limit_bytes {
        return Err(Refusal::too_large(rules.limit_bytes));
    }
    let mut shown = 0;
    while shown < body.len() {
        let next = shown.saturating_add(SHOWN_AT_ONCE).min(body.len());
        watchers.show(body.bytes().get(..next).unwrap_or_default(), shown)?;
        shown = next;
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn gather(
    source: &mut impl BodySource,
    limit_bytes: u64,
    lease: Lease,
    mut watchers: Watchers<'_>,
) -> Result<Body, Refusal> {
    let mut buffer = Buffer {
        // One byte more than the limit is enough to know that it is exceeded.
        most: source
            .announced_len()
            .unwrap_or(limit_bytes.saturating_add(1)),
        bytes: Vec::new(),
        lease,
    };
    loop {
        let before = buffer.bytes.len();
        if buffer.is_full() {
            // Memory is leased for bytes that are there, and not for a sender that says nothing.
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
        watchers.show(&buffer.bytes, before)?;
    }
}

/// Waits for the sender as long as the memory is not needed by somebody who has less.
async fn unless_revoked<F: Future>(
    lease: &Lease,
    waiting: Pin<&mut F>,
) -> Result<F::Output, OverBudget> {
    tokio::select! {
        biased;
        done = waiting => Ok(done),
        () = lease.revoked() => Err(OverBudget),
    }
}

/// A body in the making.
struct Buffer {
    /// As long as it can become.
    most: u64,
    bytes: Vec<u8>,
    lease: Lease,
}

impl Buffer {
    fn is_full(&self) -> bool {
        self.bytes.len() == self.bytes.capacity()
    }

    /// Makes room for more, and says for how much: for nothing if all of it has come.
    async fn make_room(&mut self) -> Result<usize, OverBudget> {
        let len = self.bytes.len() as u64;
        let old = self.bytes.capacity() as u64;
        if len == old && len < self.most {
            let new = next_capacity(old, self.most);
            // For a moment there are both, the old piece and the new one.
            self.lease.obtain(old.saturating_add(new)).await?;
            self.bytes.reserve_exact(to_usize(new - len));
            self.lease.shrink_to(new);
        }
        Ok(self.bytes.capacity() - self.bytes.len())
    }
}

/// The capacity that follows `old` for a body of at most `most` bytes.
///
/// Twice as much each time, so that every byte is moved a bounded number of times; but never all that was
/// announced before it has come: a sender's word costs no memory. The steps are halves of `most`, so
/// that the last two pieces take one and a half times `most` together and not twice.
fn next_capacity(old: u64, most: u64) -> u64 {
    let mut next = most;
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

impl From<OverBudget> for Refusal {
    fn from(_: OverBudget) -> Self {
        Reason::Overloaded.into()
    }
}

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
