//! What a ledger counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Standing;

/// What a ledger counts.
#[derive(Debug, Default)]
pub struct LedgerStats {
    pub(super) entries: AtomicU64,
    pub(super) claimed: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) full: AtomicU64,
    pub(super) committed: AtomicU64,
    pub(super) released: AtomicU64,
    pub(super) forgotten: AtomicU64,
}

impl LedgerStats {
    /// Counts a delivery that somebody has claimed before.
    pub(super) fn taken(&self, standing: Standing) {
        let counter = match standing {
            Standing::Accepted => &self.accepted,
            Standing::InFlight => &self.in_flight,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What is remembered, and what has expired and was not met yet.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Deliveries that were new.
    pub fn claimed(&self) -> u64 {
        self.claimed.load(Ordering::Relaxed)
    }

    /// Deliveries that were accepted before.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Deliveries that were under way.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Deliveries that found no room.
    pub fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// Claims of deliveries that the backend accepted.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Claims of deliveries that it did not, or that were broken off.
    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }

    /// Entries that were forgotten before their time, to make room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
}
