//! What is kept in memory of endpoints: how much of it, and how it is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::{DraftAuth, Endpoint, EndpointId, PathTemplate};

/// What a [`Directory`](super::Directory) is made with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirectorySettings {
    /// How many endpoints, and how many aliases, are kept in memory. An endpoint with a contract counts as more,
    /// by the memory that it takes.
    pub capacity: u64,
    /// How many reads of the store may be under way at once.
    pub store_reads: usize,
    /// The paths that upstreams ask for, by their names, where an endpoint has none of its own.
    pub upstream_paths: BTreeMap<String, PathTemplate>,
    /// Who may deliver to drafts that say nothing about it.
    pub draft_auth: DraftAuth,
}

/// Room for as many endpoints without a contract as `capacity` says.
pub(super) fn weighed(capacity: u64) -> Cache<EndpointId, Option<Arc<Endpoint>>> {
    // One that was heavier than the whole room would never be kept.
    let most = u32::try_from(capacity / 2).unwrap_or(u32::MAX).max(1);
    Cache::builder()
        .max_capacity(capacity)
        // By how often it is asked for, the default, one entry has to be wanted more than all that it would
        // take the room of together: a heavy one would never be kept.
        .eviction_policy(EvictionPolicy::lru())
        .weigher(move |_, endpoint: &Option<Arc<Endpoint>>| weight(endpoint.as_deref()).min(most))
        .build()
}

fn weight(endpoint: Option<&Endpoint>) -> u32 {
    let rules = endpoint.and_then(|endpoint| endpoint.payload.as_ref());
    let bytes = rules.map_or(0, |rules| rules.memory_bytes());
    u32::try_from(bytes / PLAIN_BYTES).map_or(u32::MAX, |more| more.saturating_add(1))
}

/// About what an endpoint takes that has no contract, measured.
const PLAIN_BYTES: usize = 2500;

/// What a [`Directory`](super::Directory) counts.
#[derive(Debug, Default)]
pub struct DirectoryStats {
    pub(super) absent: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
}

impl DirectoryStats {
    /// Names that the filter turned away.
    pub fn absent(&self) -> u64 {
        self.absent.load(Ordering::Relaxed)
    }

    /// Endpoints that were in memory.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Reads of the store.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }
}
