//! Counters of a ledger.

use std::sync::atomic::{AtomicU64, Ordering};

use super::EntryState;

/// Counters of a ledger since the start. Only `entries` can fall.
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
    /// Counts a delivery whose key was already known.
    pub(super) fn count_known(&self, state: EntryState) {
        let counter = match state {
            EntryState::Accepted => &self.accepted,
            EntryState::InFlight => &self.in_flight,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Entries in memory, including expired ones that were not swept yet.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Deliveries that were new.
    pub fn claimed(&self) -> u64 {
        self.claimed.load(Ordering::Relaxed)
    }

    /// Deliveries that had been accepted before.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Deliveries whose copy was in flight.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Deliveries that were refused because the ledger was full.
    pub fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// Claims of deliveries that the backend accepted.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Claims of deliveries that the backend did not accept, or that were aborted.
    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }

    /// Entries that were evicted before they expired.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
}
