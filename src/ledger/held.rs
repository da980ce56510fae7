//! A claim that one delivery holds, until it is settled.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tracing::warn;

use super::{Entries, Ledger, Taken, Token, Unavailable, Unwatched};

/// A claim. Dropped without being settled it is given up: whatever broke the delivery off, its retry
/// gets through.
#[must_use = "a claim that is dropped is given up"]
pub struct Held {
    ledger: Arc<dyn Ledger>,
    entries: Entries,
    token: Token,
    settled: bool,
}

impl Held {
    /// Claims `entries` in `ledger`.
    pub async fn claim(
        ledger: &Arc<dyn Ledger>,
        entries: Entries,
        lease: Duration,
    ) -> Result<Result<Self, Taken>, Unavailable> {
        let claimed = ledger.claim(&entries, lease).await?;
        Ok(claimed.map(|token| Self {
            ledger: Arc::clone(ledger),
            entries,
            token,
            settled: false,
        }))
    }

    /// Puts it on its way what became of the delivery, and waits for nothing. With a ledger in memory it is
    /// settled when this returns; to one that is far away it has been said, before anything that is said
    /// to it later.
    ///
    /// If the ledger does not take that in, the claim ends with its lease.
    pub fn settle_unwatched(mut self, accepted: bool) {
        if let Some(settled) = self.ledger.settle_now(&self.entries, self.token, accepted) {
            self.settled = true;
            return report(settled);
        }
        let ledger = Arc::clone(&self.ledger);
        let settling = async move { report(self.settle(accepted).await) };
        if let Some(rest) = begun(Box::pin(settling)) {
            ledger.go_on(rest);
        }
    }

    /// Says what became of the delivery: whether the backend has accepted it.
    ///
    /// If the ledger does not take that in, the claim ends with its lease.
    pub async fn settle(mut self, accepted: bool) -> Result<(), Unavailable> {
        // Before anything is waited for: what was accepted must not be given up, whatever happens now.
        self.settled = true;
        if accepted {
            self.ledger.commit(&self.entries, self.token).await
        } else {
            self.ledger.release(&self.entries, self.token).await
        }
    }
}

fn report(settled: Result<(), Unavailable>) {
    if let Err(error) = settled {
        warn!(%error, "the ledger does not know what became of a delivery");
    }
}

/// Does at once what can be done at once, and gives what is left. What is said to a server is on its way
/// then, before anything that is said to it later.
pub(super) fn begun(mut work: Unwatched) -> Option<Unwatched> {
    let mut context = Context::from_waker(Waker::noop());
    let polled = work.as_mut().poll(&mut context);
    polled.is_pending().then_some(work)
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.settled {
            self.ledger.abandon(&self.entries, self.token);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}
