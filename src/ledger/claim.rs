//! The claim of one delivery, until it is settled.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tracing::warn;

use super::{ClaimToken, Conflict, DetachedWork, Entries, Ledger, Unavailable};

/// A claim of one delivery. Dropping an unsettled claim releases it, so that the retry of an aborted delivery is
/// admitted.
#[must_use = "a claim that is dropped is released"]
pub struct LedgerClaim {
    ledger: Arc<dyn Ledger>,
    entries: Entries,
    token: ClaimToken,
    settled: bool,
}

impl LedgerClaim {
    /// Claims `entries` in `ledger` for `lease`.
    pub async fn claim(
        ledger: &Arc<dyn Ledger>,
        entries: Entries,
        lease: Duration,
    ) -> Result<Result<Self, Conflict>, Unavailable> {
        let claimed = ledger.claim(&entries, lease).await?;
        Ok(claimed.map(|token| Self {
            ledger: Arc::clone(ledger),
            entries,
            token,
            settled: false,
        }))
    }

    /// Settles the claim without awaiting a server.
    ///
    /// A ledger in memory is settled when this returns. For a remote ledger the request is on its way, before any
    /// later request. If the request fails, the claim ends with its lease.
    pub fn settle_detached(mut self, accepted: bool) {
        if let Some(settled) = self.ledger.settle_now(&self.entries, self.token, accepted) {
            self.settled = true;
            return report(settled);
        }
        let ledger = Arc::clone(&self.ledger);
        let settling = async move { report(self.settle(accepted).await) };
        if let Some(rest) = poll_once(Box::pin(settling)) {
            ledger.spawn_detached(rest);
        }
    }

    /// Settles the claim: commits it if the backend has accepted the delivery, and releases it otherwise.
    ///
    /// If the request fails, the claim ends with its lease.
    pub async fn settle(mut self, accepted: bool) -> Result<(), Unavailable> {
        // Set before the first await: an accepted delivery must not be released, whatever happens next.
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
        warn!(%error, "the result of a delivery was not recorded in the ledger");
    }
}

/// Polls `work` once and returns it if it is still pending. A request to a server is written by then, before any
/// later request.
pub(super) fn poll_once(mut work: DetachedWork) -> Option<DetachedWork> {
    let mut context = Context::from_waker(Waker::noop());
    let polled = work.as_mut().poll(&mut context);
    polled.is_pending().then_some(work)
}

impl Drop for LedgerClaim {
    fn drop(&mut self) {
        if !self.settled {
            self.ledger.abandon(&self.entries, self.token);
        }
    }
}

impl fmt::Debug for LedgerClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerClaim").finish_non_exhaustive()
    }
}
