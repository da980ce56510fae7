//! Counters of the key cache.

use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::CacheDecision;
use super::health::Health;
use crate::secrets::KeyServiceError;

/// Counters of a [`KeyCache`](super::KeyCache) since the start.
#[derive(Debug, Default)]
pub struct CacheStats {
    hits: AtomicU64,
    grace: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
    service_calls: AtomicU64,
    service_failures: [AtomicU64; KeyServiceError::KINDS.len()],
    pub(super) health: Health,
}

impl CacheStats {
    /// Deliveries that found a valid key.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Deliveries that used a key past its TTL during an outage.
    pub fn grace(&self) -> u64 {
        self.grace.load(Ordering::Relaxed)
    }

    /// Deliveries that waited for a load.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Deliveries that failed with the error of an earlier load.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Calls of the key service.
    pub fn service_calls(&self) -> u64 {
        self.service_calls.load(Ordering::Relaxed)
    }

    /// Failed calls of the key service by kind.
    pub fn service_failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KeyServiceError::KINDS
            .into_iter()
            .zip(&self.service_failures)
            .map(|(kind, count)| (kind, count.load(Ordering::Relaxed)))
    }

    /// Whether the last call of the key service was answered.
    pub fn service_is_up(&self) -> bool {
        !self.health.is_down()
    }

    pub(super) fn count(&self, usage: CacheDecision) {
        let counter = match usage {
            CacheDecision::Now | CacheDecision::Refresh => &self.hits,
            CacheDecision::Grace | CacheDecision::GraceAndRefresh => &self.grace,
            CacheDecision::Load => &self.misses,
            CacheDecision::Refuse => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn called(&self) {
        self.service_calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: &KeyServiceError) {
        if let Some(counter) = self.service_failures.get(error.kind()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
