//! Settlements that wait until Redis can be reached.
//!
//! Only this node knows what the backend accepted during an outage. It tells Redis when the connection is back, so
//! that the other nodes know it too.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::in_redis::{Settlement, SettlementKind};

/// A bounded queue of settlements.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: Mutex<VecDeque<Settlement>>,
    /// Notified when a settlement is added.
    added: Notify,
    dropped: AtomicU64,
}

impl Backlog {
    /// Adds a settlement. A full queue drops the oldest one, which this node still remembers itself. Releases expire
    /// by themselves soon, so they may fill only half of the queue.
    pub(super) fn push(&self, settlement: &Settlement) {
        let mut waiting = self.waiting.lock();
        if settlement.outcome != SettlementKind::Accepted && waiting.len() >= CAPACITY / 2 {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if waiting.len() >= CAPACITY {
            waiting.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(*settlement);
        drop(waiting);
        self.added.notify_one();
    }

    /// Takes the oldest settlements, at most one batch.
    pub(super) fn take_batch(&self) -> Vec<Settlement> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }

    /// Waits until the queue is not empty.
    pub(super) async fn wait(&self) {
        while self.len() == 0 {
            self.added.notified().await;
        }
    }

    /// The number of waiting settlements.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// The number of dropped settlements.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// About 17 MB in the worst case.
const CAPACITY: usize = 65_536;
/// The size of one round trip, small enough that deliveries are sent in between.
const BATCH: usize = 128;
