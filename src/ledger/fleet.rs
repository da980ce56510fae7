//! The ledger of a fleet: the memory that the nodes share, and the node's own.
//!
//! A delivery is claimed in the node's own memory first and in Redis second, and settled in both. A replay to the
//! same node is refused without a round trip. During an outage of Redis the node still knows every delivery that it
//! has accepted. An endpoint chooses whether such a node admits deliveries alone ([`OutagePolicy`]).
//!
//! After an outage the node sends Redis what the backend accepted meanwhile, and every signature whose window is
//! open. A restarted server or a replica may have lost these.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::backlog::Backlog;
use super::claim::poll_once;
use super::in_redis::{Settlement, SettlementKind};
use super::shared_permit::permit;
use super::{
    ClaimToken, Conflict, DetachedWork, Entries, Entry, InProcessLedger, Ledger, LedgerStats,
    OutagePolicy, Permit, Permits, RedisLedger, Unavailable,
};
use crate::redis::{Redis, RedisFault};
use crate::task::{Heartbeat, Task};

/// The ledger of a fleet.
pub struct FleetLedger {
    tiers: Arc<TieredLedger>,
    resync: JoinHandle<()>,
}

impl FleetLedger {
    /// Combines the two memories and starts the resync task.
    pub fn new(own: Arc<InProcessLedger>, shared: RedisLedger) -> Self {
        let tasks = shared.redis().tasks().clone();
        let tiers = Arc::new(TieredLedger::new(own, shared));
        let work = Arc::clone(&tiers);
        let settings = tiers.shared.redis().settings();
        let round = settings.response_timeout + PAUSE;
        let task = Task::named("ledger_teller").beats_within(round + RESYNC_SILENCE);
        Self {
            resync: tasks.supervise(task, move |heartbeat| Arc::clone(&work).resync(heartbeat)),
            tiers,
        }
    }

    /// The connection to Redis.
    pub fn redis(&self) -> &Redis {
        self.tiers.shared.redis()
    }

    /// The results that deliveries got from both memories together.
    pub fn answers(&self) -> &Arc<LedgerStats> {
        &self.tiers.answers
    }

    /// Deliveries that arrived while Redis could not be reached.
    pub fn stats(&self) -> &FleetStats {
        &self.tiers.stats
    }

    /// Settlements that wait until Redis can be reached.
    pub fn pending_settlements(&self) -> usize {
        self.tiers.backlog.len()
    }

    /// Open windows that were resent to Redis since the start.
    pub fn resent_windows(&self) -> u64 {
        self.tiers.resent.load(Ordering::Relaxed)
    }

    /// Settlements that were dropped because too many waited.
    pub fn dropped_settlements(&self) -> u64 {
        self.tiers.backlog.dropped()
    }
}

#[async_trait]
impl Ledger for FleetLedger {
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<ClaimToken, Conflict>, Unavailable> {
        let TieredLedger { own, shared, .. } = &*self.tiers;
        let token = shared.token();
        // If this node has no room, Redis can still decide.
        let own_claim = match own.claim_as(token, entries, lease) {
            Ok(Err(known)) => {
                self.tiers.answers.count_known(known.state);
                return Ok(Err(known));
            }
            Ok(Ok(())) => Ok(()),
            Err(full) => Err(full),
        };
        let guard = ClaimGuard {
            fleet: self,
            entries,
            token,
            disarmed: false,
        };
        let claimed = shared.claim_as(token, entries, lease).await;
        guard.disarm();
        let answer = match claimed {
            Ok(Ok(())) => Ok(Ok(token)),
            Ok(Err(known)) => {
                own.withdraw(entries, token);
                Ok(Err(known))
            }
            Err(fault) => self
                .tiers
                .claim_without_redis(fault, entries, token, own_claim)
                .map(Ok),
        };
        match &answer {
            Ok(Ok(_)) => count(&self.tiers.answers.claimed),
            Ok(Err(known)) => self.tiers.answers.count_known(known.state),
            Err(_) => {}
        }
        answer
    }

    /// Redis may get the settlement later, so this never fails.
    async fn commit(&self, entries: &Entries, token: ClaimToken) -> Result<(), Unavailable> {
        // A node without room relies on Redis.
        let _ = self.tiers.own.commit_now(entries);
        count(&self.tiers.answers.committed);
        let settlement = Settlement::new(entries, token, SettlementKind::Accepted);
        self.tiers.settle(&settlement).await;
        Ok(())
    }

    async fn release(&self, entries: &Entries, token: ClaimToken) -> Result<(), Unavailable> {
        self.tiers.own.withdraw(entries, token);
        count(&self.tiers.answers.released);
        let settlement = Settlement::new(entries, token, SettlementKind::Released);
        self.tiers.settle(&settlement).await;
        Ok(())
    }

    async fn permit(&self, wanted: &Permits<'_>) -> Result<Option<Permit>, Unavailable> {
        match permit(wanted, &self.tiers).await {
            Ok(permit) => Ok(permit),
            Err(_) if wanted.alone == OutagePolicy::Local => {
                // A delivery with a claim was counted with that claim.
                if !wanted.claimed {
                    count(&self.tiers.stats.judged);
                }
                Ok(Some(Permit::unshared()))
            }
            Err(fault) => {
                count(&self.tiers.stats.refused);
                Err(Unavailable::Unreachable(fault))
            }
        }
    }

    fn abandon(&self, entries: &Entries, token: ClaimToken) {
        self.tiers.own.withdraw(entries, token);
        count(&self.tiers.answers.released);
        let settlement = Settlement::new(entries, token, SettlementKind::Released);
        self.tiers.settle_detached(&settlement);
    }

    fn spawn_detached(&self, rest: DetachedWork) {
        self.tiers.background.spawn(rest);
    }

    async fn drain(&self) {
        self.tiers.background.close();
        self.tiers.background.wait().await;
        // The backlog gets the time of one answer.
        let redis = self.redis();
        let limit = redis.settings().response_timeout + PAUSE;
        let drained = async {
            while self.pending_settlements() > 0 && redis.status().is_ok() {
                tokio::time::sleep(PAUSE / 10).await;
            }
        };
        let _ = tokio::time::timeout(limit, drained).await;
        if self.pending_settlements() > 0 {
            let settlements = self.pending_settlements();
            warn!(settlements, "shutdown before Redis got every settlement");
        }
    }
}

impl Drop for FleetLedger {
    fn drop(&mut self) {
        self.resync.abort();
    }
}

/// A claim in progress. Dropping it releases the claim, in case the delivery is aborted meanwhile.
struct ClaimGuard<'a> {
    fleet: &'a FleetLedger,
    entries: &'a Entries,
    token: ClaimToken,
    disarmed: bool,
}

impl ClaimGuard<'_> {
    fn disarm(mut self) {
        self.disarmed = true;
    }
}

impl Drop for ClaimGuard<'_> {
    fn drop(&mut self) {
        if !self.disarmed {
            self.fleet.abandon(self.entries, self.token);
        }
    }
}

/// The two memories and the state between them.
pub(super) struct TieredLedger {
    own: Arc<InProcessLedger>,
    pub(super) shared: RedisLedger,
    backlog: Backlog,
    resent: AtomicU64,
    /// Settlements that run in the background.
    background: TaskTracker,
    /// The results that deliveries got from both memories.
    answers: Arc<LedgerStats>,
    stats: FleetStats,
}

/// Deliveries that arrived while Redis could not be reached.
#[derive(Debug, Default)]
pub struct FleetStats {
    refused: AtomicU64,
    judged: AtomicU64,
}

impl FleetStats {
    /// Deliveries that were refused (fail-closed).
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Deliveries that were judged by this node's memory alone (fail-open).
    pub fn judged_locally(&self) -> u64 {
        self.judged.load(Ordering::Relaxed)
    }
}

impl TieredLedger {
    fn new(own: Arc<InProcessLedger>, shared: RedisLedger) -> Self {
        Self {
            own,
            shared,
            backlog: Backlog::default(),
            resent: AtomicU64::new(0),
            background: TaskTracker::new(),
            answers: Arc::default(),
            stats: FleetStats::default(),
        }
    }

    /// The result of a claim that Redis did not answer.
    fn claim_without_redis(
        &self,
        fault: RedisFault,
        entries: &Entries,
        token: ClaimToken,
        own: Result<(), Unavailable>,
    ) -> Result<ClaimToken, Unavailable> {
        match (entries.outage_policy(), own) {
            (OutagePolicy::Local, Ok(())) => {
                count(&self.stats.judged);
                return Ok(token);
            }
            (OutagePolicy::Local, Err(_)) => count(&self.answers.full),
            (OutagePolicy::Reject, _) => self.own.withdraw(entries, token),
        }
        count(&self.stats.refused);
        if let RedisFault::Lost(_) = fault {
            // Redis may have executed the claim before the connection broke: a retry must not find it in flight.
            self.backlog
                .push(&Settlement::new(entries, token, SettlementKind::Released));
        }
        Err(Unavailable::Unreachable(fault))
    }

    /// Sends a settlement to Redis without awaiting the answer.
    pub(super) fn settle_detached(self: &Arc<Self>, settlement: &Settlement) {
        // Without a runtime the process is ending. The lease then ends the claim.
        if let Ok(runtime) = Handle::try_current() {
            let (tiers, settlement) = (Arc::clone(self), *settlement);
            let work: DetachedWork = Box::pin(async move { tiers.settle(&settlement).await });
            if let Some(rest) = poll_once(work) {
                self.background.spawn_on(rest, &runtime);
            }
        }
    }

    /// Sends a settlement to Redis, or queues it for later.
    async fn settle(&self, settlement: &Settlement) {
        if self.shared.settle(settlement).await.is_err() {
            self.backlog.push(settlement);
        }
    }

    /// Resends open windows after every reconnect, then drains the backlog.
    async fn resync(self: Arc<Self>, heartbeat: Heartbeat) {
        let mut up = self.shared.redis().watch();
        loop {
            tokio::select! {
                is_up = up.wait_for(|up| *up == Some(true)) => match is_up {
                    Ok(_) => {}
                    Err(_) => return,
                },
                () = tokio::time::sleep(BEAT_EVERY) => {
                    heartbeat.beat();
                    continue;
                }
            }
            // If Redis is lost again meanwhile, the whole resync is repeated.
            up.mark_unchanged();
            self.resend_windows(&heartbeat).await;
            loop {
                heartbeat.beat();
                tokio::select! {
                    _ = up.changed() => break,
                    () = self.backlog.wait() => self.send_backlog().await,
                    () = tokio::time::sleep(BEAT_EVERY) => {}
                }
            }
        }
    }

    /// Resends every open signature window that this node knows.
    async fn resend_windows(&self, heartbeat: &Heartbeat) {
        let before = self.resent.load(Ordering::Relaxed);
        for part in self.own.pinned() {
            for entries in part.chunks(BATCH) {
                heartbeat.beat();
                let one = |entry: &Entry| {
                    let entries = Entries::from([Some(*entry), None, None, None, None, None, None]);
                    Settlement::new(&entries, ClaimToken(0), SettlementKind::Accepted)
                };
                let settlements: Vec<Settlement> = entries.iter().map(one).collect();
                let Ok(answers) = self.shared.settle_all(&settlements).await else {
                    return; // Lost again: the resync starts again.
                };
                for (settlement, answer) in settlements.iter().zip(&answers) {
                    if answer.is_ok() {
                        self.resent.fetch_add(1, Ordering::Relaxed);
                    } else {
                        self.backlog.push(settlement);
                    }
                }
            }
        }
        let windows = self.resent.load(Ordering::Relaxed) - before;
        if windows > 0 {
            info!(windows, "every open signature window was resent to Redis");
        }
    }

    /// Sends the oldest batch of the backlog.
    async fn send_backlog(&self) {
        let mut batch = BacklogBatch {
            backlog: &self.backlog,
            settlements: self.backlog.take_batch(),
        };
        if let Ok(answers) = self.shared.settle_all(&batch.settlements).await {
            let mut answers = answers.iter();
            batch
                .settlements
                .retain(|_| answers.next().is_none_or(Result::is_err));
        }
        let is_rejected = !batch.settlements.is_empty();
        drop(batch);
        if self.backlog.len() == 0 {
            info!("the settlements that waited for Redis were sent");
        }
        if is_rejected {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Settlements that return to the backlog when dropped, unless Redis has taken them. This holds even if the task
/// panics.
struct BacklogBatch<'a> {
    backlog: &'a Backlog,
    settlements: Vec<Settlement>,
}

impl Drop for BacklogBatch<'_> {
    fn drop(&mut self) {
        for settlement in &self.settlements {
            self.backlog.push(settlement);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The size of one round trip, small enough that deliveries are sent in between.
const BATCH: usize = 128;
const BEAT_EVERY: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
/// Longer than the task needs between two reports of progress, even on a busy machine.
const RESYNC_SILENCE: Duration = Duration::from_secs(10);
