//! A claim that one delivery holds, until it is settled.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Entries, Ledger, Taken, Token, Unavailable};

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
