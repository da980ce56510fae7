//! Detects that a name was invalidated while it was read.
//!
//! A read over a network can take longer than the interval between two polls. Its result may be older than a change
//! that was already applied, and must not be cached.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts invalidations by name. Names share counters, so an unrelated invalidation sometimes costs one more read.
pub(super) struct InvalidationCounters {
    hasher: RandomState,
    counts: [AtomicU64; SHARDS],
}

impl InvalidationCounters {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            counts: [const { AtomicU64::new(0) }; SHARDS],
        }
    }

    /// The generation of a name. It changes with every invalidation.
    pub(super) fn of(&self, name: &str) -> u64 {
        self.count(name)
            .map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Starts a new generation of a name.
    pub(super) fn forget(&self, name: &str) {
        if let Some(count) = self.count(name) {
            count.fetch_add(1, Ordering::Release);
        }
    }

    /// Starts a new generation of every name.
    pub(super) fn forget_all(&self) {
        for count in &self.counts {
            count.fetch_add(1, Ordering::Release);
        }
    }

    fn count(&self, name: &str) -> Option<&AtomicU64> {
        let hash = self.hasher.hash_one(name);
        usize::try_from(hash % SHARDS as u64)
            .ok()
            .and_then(|shard| self.counts.get(shard))
    }
}

const SHARDS: usize = 256;
