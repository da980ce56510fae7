//! What the nodes of a fleet use: the memory that they share, and each its own beside it.
//!
//! A delivery is claimed in the node's own memory first, and then in the shared one; both learn what became
//! of it. So a replay to the same node is refused without a question, and while Redis is out of reach the
//! node still knows everything that it has accepted itself, before and meanwhile. What is claimed by it
//! alone is what endpoints chose ([`Alone`]); what the backend accepts then is told to Redis as soon as it
//! is back. So are all signatures whose windows are open: a Redis that was started anew, or that took
//! over from another one, may not know them any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tracing::warn;

use super::both::{Both, count};
use super::shared::{Outcome, Settlement};
use super::shared_permit::permit;
use super::{
    Alone, Entries, FleetStats, InProcess, Ledger, LedgerStats, Permit, Permits, Shared, Taken,
    Token, Unavailable, Unwatched,
};
use crate::redis::Redis;
use crate::task::Task;

/// The memory of a node and that of its fleet.
pub struct Fleet {
    both: Arc<Both>,
    teller: JoinHandle<()>,
}

impl Fleet {
    /// The two memories together.
    pub fn new(own: Arc<InProcess>, shared: Shared) -> Self {
        let tasks = shared.redis().tasks().clone();
        let both = Arc::new(Both::new(own, shared));
        let telling = Arc::clone(&both);
        let settings = both.shared.redis().settings();
        let round = settings.response_timeout + PAUSE;
        let task = Task::named("ledger_teller").beats_within(round + TELLER_SILENCE);
        Self {
            teller: tasks.supervise(task, move |pulse| Arc::clone(&telling).tell(pulse)),
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
        let settlement = Settlement::new(entries, token, Outcome::Accepted);
        self.both.settle(&settlement).await;
        Ok(())
    }

    async fn release(&self, entries: &Entries, token: Token) -> Result<(), Unavailable> {
        self.both.own.withdraw(entries, token);
        count(&self.both.answers.released);
        let settlement = Settlement::new(entries, token, Outcome::GivenUp);
        self.both.settle(&settlement).await;
        Ok(())
    }

    async fn permit(&self, wanted: &Permits<'_>) -> Result<Option<Permit>, Unavailable> {
        match permit(wanted, &self.both).await {
            Ok(permit) => Ok(permit),
            Err(_) if wanted.alone == Alone::Judged => {
                // With a claim it was counted before.
                if !wanted.claimed {
                    count(&self.both.stats.judged);
                }
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
        let settlement = Settlement::new(entries, token, Outcome::GivenUp);
        self.both.settle_unwatched(&settlement);
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
            warn!(
                settlements,
                "Redis was not told everything that it should know"
            );
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

const PAUSE: Duration = Duration::from_millis(100);
/// Longer than the teller waits between two reports of progress, on a machine that is busy.
const TELLER_SILENCE: Duration = Duration::from_secs(10);
