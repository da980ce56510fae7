//! The bounded queue of recorded deliveries, and the one task that writes them to the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, mpsc, watch};
use tracing::warn;

use super::counter::{Counting, DeliveryCounter, UnwrittenCounts};
use super::{CountKey, DeliveryLimits, DeliveryStore, NewDelivery, OutcomeClass, UnrecordedCounts};
use crate::clock::{Clock, Stopwatch};
use crate::secrets::StoreError;
use crate::task::{Heartbeat, Task};

/// Records deliveries as they end.
pub struct DeliveryRecorder {
    queue: mpsc::Sender<NewDelivery>,
    counter: Arc<DeliveryCounter>,
    unrecorded: Arc<UnrecordedCounts>,
}

/// The end of a delivery, as far as it is counted.
#[derive(Clone, Debug)]
pub struct EndedDelivery {
    /// The endpoint.
    pub key: CountKey,
    /// When the head was read.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: OutcomeClass,
    /// The reason, as one word.
    pub reason: &'static str,
}

/// Writes queued deliveries and counts to the store.
pub struct DeliveryWriter {
    pending: Mutex<Pending>,
    counter: Arc<DeliveryCounter>,
    unrecorded: Arc<UnrecordedCounts>,
    store: Arc<dyn DeliveryStore>,
    clock: Arc<dyn Clock>,
    limits: DeliveryLimits,
}

/// The receiving end, and what is not written yet. After a panic, the next run continues with both.
struct Pending {
    queue: mpsc::Receiver<NewDelivery>,
    batch: Vec<NewDelivery>,
    counts: UnwrittenCounts,
    /// Since when nothing was left to expire.
    expired: Option<Stopwatch>,
}

impl DeliveryRecorder {
    /// Creates the recorder and its writer. Deliveries that are not recorded are counted in `unrecorded`.
    pub fn new(
        store: Arc<dyn DeliveryStore>,
        clock: Arc<dyn Clock>,
        limits: DeliveryLimits,
        unrecorded: Arc<UnrecordedCounts>,
    ) -> (Self, DeliveryWriter) {
        let (sender, queue) = mpsc::channel(MAX_QUEUED);
        let counter = Arc::new(DeliveryCounter::new(MAX_ENDPOINTS));
        let writer = DeliveryWriter {
            pending: Mutex::new(Pending {
                queue,
                batch: Vec::new(),
                counts: UnwrittenCounts::default(),
                expired: None,
            }),
            counter: Arc::clone(&counter),
            unrecorded: Arc::clone(&unrecorded),
            store,
            clock,
            limits,
        };
        let recorder = Self {
            queue: sender,
            counter,
            unrecorded,
        };
        (recorder, writer)
    }

    /// Counts a delivery, and queues its row if there is room. `row` is called only then. It never waits.
    pub fn record(&self, ended: EndedDelivery, row: impl FnOnce() -> NewDelivery) {
        let EndedDelivery {
            key,
            at,
            outcome,
            reason,
        } = ended;
        let lost = match self.counter.count(key, at, outcome, reason) {
            Counting::WithRow => match self.queue.try_reserve() {
                Ok(room) => {
                    room.send(row());
                    return;
                }
                Err(_) => &self.unrecorded.queue,
            },
            Counting::WithoutRow => &self.unrecorded.rate,
            Counting::NoRoom => &self.unrecorded.counts,
        };
        lost.fetch_add(1, Ordering::Relaxed);
    }
}

impl DeliveryWriter {
    /// The supervised task that calls [`run`](Self::run).
    pub const TASK: Task = Task::named("deliveries").beats_within(SILENCE);

    /// Writes until `shutdown`. A failed write is retried; meanwhile the queue fills and drops rows.
    pub async fn run(self: Arc<Self>, mut shutdown: watch::Receiver<bool>, heartbeat: Heartbeat) {
        let mut pending = self.pending.lock().await;
        let pending = &mut *pending;
        let mut pause = WRITE_EVERY;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = shutdown.changed() => break,
            }
            pause = match self.write(pending).await {
                Ok(()) => WRITE_EVERY,
                Err(error) => {
                    warn!(%error, "recorded deliveries could not be written; retrying");
                    RETRY_EVERY
                }
            };
            heartbeat.beat();
        }
        if let Err(error) = self.write(pending).await {
            warn!(%error, "the last recorded deliveries could not be written");
        }
    }

    async fn write(&self, pending: &mut Pending) -> Result<(), StoreError> {
        let lost = self.counter.drain_into(&mut pending.counts);
        self.unrecorded.counts.fetch_add(lost, Ordering::Relaxed);
        while pending.batch.len() < MAX_QUEUED
            && let Ok(next) = pending.queue.try_recv()
        {
            pending.batch.push(next);
        }
        if !pending.batch.is_empty() {
            let per_endpoint = self.limits.per_endpoint;
            self.store
                .record_deliveries(&pending.batch, per_endpoint)
                .await?;
            pending.batch.clear();
        }
        while !pending.counts.is_empty() {
            let counts = pending.counts.first(MAX_COUNTS_AT_ONCE);
            self.store.add_delivery_counts(&counts).await?;
            pending.counts.remove(&counts);
        }
        let is_due = |since: Stopwatch| since.elapsed() >= EXPIRE_EVERY;
        if pending.expired.is_none_or(is_due) {
            let now = self.clock.now();
            let is_unfinished = self.store.expire_deliveries(&self.limits, now).await?;
            pending.expired = (!is_unfinished).then(Stopwatch::start);
        }
        Ok(())
    }
}

/// The most rows in the queue, of at most 2 KiB each. As many wait to be written.
const MAX_QUEUED: usize = 1024;
/// The most endpoints that are counted between two writes, of about 400 bytes each. As many wait to be written.
const MAX_ENDPOINTS: usize = 100_000;
/// Small enough that a transaction is short.
const MAX_COUNTS_AT_ONCE: usize = 500;
const WRITE_EVERY: Duration = Duration::from_secs(1);
const RETRY_EVERY: Duration = Duration::from_secs(5);
const EXPIRE_EVERY: Duration = Duration::from_mins(1);
/// Without progress for this time, the task counts as not running.
const SILENCE: Duration = Duration::from_mins(3);
