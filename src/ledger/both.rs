//! A node's own memory and the shared one: what is told to the second, and what holds while it cannot be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::backlog::Backlog;
use super::held::begun;
use super::shared::{Outcome, Settlement};
use super::{Alone, Entries, InProcess, LedgerStats, Shared, Token, Unavailable, Unwatched};
use crate::redis::Fault;

/// The two memories, and what is between them.
pub(super) struct Both {
    pub(super) own: Arc<InProcess>,
    pub(super) shared: Shared,
    pub(super) backlog: Backlog,
    pub(super) retold: AtomicU64,
    /// What nobody waits for.
    pub(super) unwatched: TaskTracker,
    /// What deliveries were told by the two together.
    pub(super) answers: Arc<LedgerStats>,
    pub(super) stats: FleetStats,
}

/// What became of deliveries that Redis could not be asked for.
#[derive(Debug, Default)]
pub struct FleetStats {
    pub(super) refused: AtomicU64,
    pub(super) judged: AtomicU64,
}

impl FleetStats {
    /// Those that were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Those that were judged by what the node remembers.
    pub fn judged(&self) -> u64 {
        self.judged.load(Ordering::Relaxed)
    }
}

impl Both {
    pub(super) fn new(own: Arc<InProcess>, shared: Shared) -> Self {
        Self {
            own,
            shared,
            backlog: Backlog::default(),
            retold: AtomicU64::new(0),
            unwatched: TaskTracker::new(),
            answers: Arc::default(),
            stats: FleetStats::default(),
        }
    }

    /// What becomes of a delivery that Redis was not asked for, or from which no answer came.
    pub(super) fn alone(
        &self,
        fault: Fault,
        entries: &Entries,
        token: Token,
        own: Result<(), Unavailable>,
    ) -> Result<Token, Unavailable> {
        match (entries.when_alone(), own) {
            (Alone::Judged, Ok(())) => {
                count(&self.stats.judged);
                return Ok(token);
            }
            (Alone::Judged, Err(_)) => count(&self.answers.full),
            (Alone::Refused, _) => self.own.withdraw(entries, token),
        }
        count(&self.stats.refused);
        if let Fault::Lost(_) = fault {
            // It may have been carried out all the same: a retry must not find it in flight.
            self.backlog
                .keep(&Settlement::new(entries, token, Outcome::GivenUp));
        }
        Err(Unavailable::OutOfReach(fault))
    }

    /// Tells Redis, and waits for nothing.
    pub(super) fn settle_unwatched(self: &Arc<Self>, settlement: &Settlement) {
        // Without a runtime the process is ending, and the lease ends what was taken.
        if let Ok(runtime) = Handle::try_current() {
            let (both, settlement) = (Arc::clone(self), *settlement);
            let telling: Unwatched = Box::pin(async move { both.settle(&settlement).await });
            if let Some(rest) = begun(telling) {
                self.unwatched.spawn_on(rest, &runtime);
            }
        }
    }

    /// Tells Redis, or remembers that it has to be told.
    pub(super) async fn settle(&self, settlement: &Settlement) {
        if self.shared.settle(settlement).await.is_err() {
            self.backlog.keep(settlement);
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
