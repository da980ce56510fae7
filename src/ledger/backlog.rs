//! Settlements that Redis could not be told, kept until it can.
//!
//! What the backend has accepted while Redis was away is known to this node alone. It is told to Redis as
//! soon as that is back, so that the other nodes know it, too.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::shared::{Outcome, Settlement};

/// What waits to be told.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: Mutex<VecDeque<Settlement>>,
    /// Something has come.
    more: Notify,
    dropped: AtomicU64,
}

impl Backlog {
    /// Keeps one more. There is room for many; beyond that the oldest one is dropped: this node still
    /// remembers it. What ends by itself before long takes no room away from what was accepted.
    pub(super) fn keep(&self, settlement: &Settlement) {
        let mut waiting = self.waiting.lock();
        if settlement.outcome != Outcome::Accepted && waiting.len() >= MOST / 2 {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if waiting.len() >= MOST {
            waiting.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(*settlement);
        drop(waiting);
        self.more.notify_one();
    }

    /// Takes out the oldest ones.
    pub(super) fn take(&self) -> Vec<Settlement> {
        let mut waiting = self.waiting.lock();
        let many = waiting.len().min(AT_ONCE);
        waiting.drain(..many).collect()
    }

    /// Waits until there is something.
    pub(super) async fn some(&self) {
        while self.len() == 0 {
            self.more.notified().await;
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// How many were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// 17 MB, if it comes to that.
const MOST: usize = 65_536;
/// So many in one round trip, so that deliveries pass in between.
const AT_ONCE: usize = 128;
