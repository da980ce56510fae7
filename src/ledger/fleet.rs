//! What the nodes of a fleet use: the memory that they share, and each its own beside it.
//!
//! A delivery is claimed in the node's own memory first, and then in the shared one; both learn what became
//! of it. So a replay to the same node is refused without a question, and while Redis is out of reach the
//! node still knows everything that it has accepted itself, before and meanwhile. What is claimed by it
//! alone is what endpoints chose ([`Alone`]); what the backend accepts then is told to Redis as soon as it
//! is back. So are all signatures whose windows are open: a Redis that was started anew, or that took
//! over from another one, may not know them any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::backlog::Backlog;
use super::held::begun;
use super::shared::Settlement;
use super::{
    Alone, Entries, InProcess, Ledger, LedgerStats, Permit, Permits, Shared, Taken, Token,
    Unavailable, Unwatched,
};
use crate::redis::{Fault, Redis};

/// The memory of a node and that of its fleet.
pub struct Fleet {
    both: Arc<Both>,
    teller: JoinHandle<()>,
}

pub(super) struct Both {
    pub(super) own: Arc<InProcess>,
    pub(super) shared: Shared,
    pub(super) backlog: Backlog,
    pub(super) retold: AtomicU64,
    /// What nobody waits for.
    unwatched: TaskTracker,
    /// What deliveries were told by the two together.
    answers: Arc<LedgerStats>,
    stats: FleetStats,
}

/// What became of deliveries that Redis could not be asked for.
#[derive(Debug, Default)]
pub struct FleetStats {
    refused: AtomicU64,
    judged: AtomicU64,
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

impl Fleet {
    /// The two memories together.
    pub fn new(own: Arc<InProcess>, shared: Shared) -> Self {
        let both = Arc::new(Both {
            own,
            shared,
            backlog: Backlog::default(),
            retold: AtomicU64::new(0),
            unwatched: TaskTracker::new(),
            answers: Arc::default(),
            stats: FleetStats::default(),
        });
        Self {
            teller: tokio::spawn(Arc::clone(&both).tell()),
            both,
        }
    }

    /// The connection to Redis.
    pub fn redis(&self) -> &Redis {
        self.both.shared.redis()
    }

    /// What deliveries were told by the two memories together.
    pub fn answers(&self) -> &Arc<LedgerStats> {
        &self.both.answers
    }

    /// What became of those that Redis could not be asked for.
    pub fn stats(&self) -> &FleetStats {
        &self.both.stats
    }

    /// How many settlements wait until Redis can be told.
    pub fn untold(&self) -> usize {
        self.both.backlog.len()
    }

    /// How many open windows were told to a Redis that may have forgotten them.
    pub fn retold(&self) -> u64 {
        self.both.retold.load(Ordering::Relaxed)
    }

    /// How many settlements were not told to Redis, because too many waited.
    pub fn never_told(&self) -> u64 {
        self.both.backlog.dropped()
    }
}

impl Both {
    /// What becomes of a delivery that Redis was not asked for, or from which no answer came.
    fn alone(
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
            self.backlog.keep(&Settlement::new(entries, token, false));
        }
        Err(Unavailable::OutOfReach(fault))
    }

    /// Tells Redis that a claim is given up, and waits for nothing.
    pub(super) fn give_up(self: &Arc<Self>, entries: &Entries, token: Token) {
        // Without a runtime the process is ending, and the lease ends the claim.
        if let Ok(runtime) = Handle::try_current() {
            let both = Arc::clone(self);
            let settlement = Settlement::new(entries, token, false);
            let telling: Unwatched = Box::pin(async move { both.settle(&settlement).await });
            if let Some(rest) = begun(telling) {
                self.unwatched.spawn_on(rest, &runtime);
            }
        }
    }

    /// Tells Redis, or remembers that it has to be told.
    async fn settle(&self, settlement: &Settlement) {
        if self.shared.settle(settlement).await.is_err() {
            self.backlog.keep(settlement);
        }
    }
}

#[async_trait]
impl Ledger for Fleet {
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<Token, Taken>, Unavailable> {
        let Both { own, shared, .. } = &*self.both;
        let token = shared.token();
        // Whoever has no room here can still ask Redis.
        let own_claim = match own.claim_as(token, entries, lease) {
            Ok(Err(known)) => {
                self.both.answers.taken(known.standing);
                return Ok(Err(known));
            }
            Ok(Ok(())) => Ok(()),
            Err(full) => Err(full),
        };
        let unfinished = Unfinished {
            fleet: self,
            entries,
            token,
            finished: false,
        };
        let claimed = shared.claim_as(token, entries, lease).await;
        unfinished.finish();
        let answer = match claimed {
            Ok(Ok(())) => Ok(Ok(token)),
            Ok(Err(known)) => {
                own.withdraw(entries, token);
                Ok(Err(known))
            }
            Err(fault) => self.both.alone(fault, entries, token, own_claim).map(Ok),
        };
        match &answer {
            Ok(Ok(_)) => count(&self.both.answers.claimed),
            Ok(Err(known)) => self.both.answers.taken(known.standing),
            Err(_) => {}
        }
        answer
    }

    /// What Redis does not take in now it is told later; so this never fails.
    async fn commit(&self, entries: &Entries, token: Token) -> Result<(), Unavailable> {
        // A node without room for it counts on Redis.
        let _ = self.both.own.commit_now(entries);
        count(&self.both.answers.committed);
        let settlement = Settlement::new(entries, token, true);
        self.both.settle(&settlement).await;
        Ok(())
    }

    async fn release(&self, entries: &Entries, token: Token) -> Result<(), Unavailable> {
        self.both.own.withdraw(entries, token);
        count(&self.both.answers.released);
        let settlement = Settlement::new(entries, token, false);
        self.both.settle(&settlement).await;
        Ok(())
    }

    async fn permit(&self, wanted: &Permits<'_>) -> Result<Option<Permit>, Unavailable> {
        match Permit::among(wanted, &self.both).await {
            Ok(permit) => Ok(permit),
            Err(_) if wanted.alone == Alone::Judged => {
                count(&self.both.stats.judged);
                Ok(Some(Permit::unshared()))
            }
            Err(fault) => {
                count(&self.both.stats.refused);
                Err(Unavailable::OutOfReach(fault))
            }
        }
    }

    fn abandon(&self, entries: &Entries, token: Token) {
        self.both.own.withdraw(entries, token);
        count(&self.both.answers.released);
        self.both.give_up(entries, token);
    }

    fn go_on(&self, rest: Unwatched) {
        self.both.unwatched.spawn(rest);
    }

    async fn come_to_rest(&self) {
        self.both.unwatched.close();
        self.both.unwatched.wait().await;
        // What waits for Redis gets as long as a connection may take.
        let redis = self.redis();
        let limit = redis.settings().response_timeout + PAUSE;
        let told = async {
            while self.untold() > 0 && redis.standing().is_ok() {
                tokio::time::sleep(PAUSE / 10).await;
            }
        };
        let _ = tokio::time::timeout(limit, told).await;
        if self.untold() > 0 {
            let settlements = self.untold();
            warn!(settlements, "Redis was not told what became of deliveries");
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.teller.abort();
    }
}

/// A claim that is being made. If its delivery is broken off meanwhile, it is given up.
struct Unfinished<'a> {
    fleet: &'a Fleet,
    entries: &'a Entries,
    token: Token,
    finished: bool,
}

impl Unfinished<'_> {
    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.fleet.abandon(self.entries, self.token);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

const PAUSE: Duration = Duration::from_millis(100);
