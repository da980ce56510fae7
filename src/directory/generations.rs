//! Whether something was forgotten while it was read, or since somebody went by it.
//!
//! A read of a store takes time, over a network more of it than there is between two looks at the changes.
//! What it brings may be older than a change that was already applied, and must not be kept.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts how often names were forgotten. Names share counters, which only costs a read now and then.
pub(super) struct Generations {
    hasher: RandomState,
    counts: [AtomicU64; SHARDS],
}

impl Generations {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            counts: [const { AtomicU64::new(0) }; SHARDS],
        }
    }

    /// The generation of a name: another one after it was forgotten.
    pub(super) fn of(&self, name: &str) -> u64 {
        self.count(name)
            .map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Begins a new generation of a name.
    pub(super) fn forget(&self, name: &str) {
        if let Some(count) = self.count(name) {
            count.fetch_add(1, Ordering::Release);
        }
    }

    /// Begins a new generation of every name.
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
