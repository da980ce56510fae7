//! Which names exist: a Bloom filter over all ids and aliases.
//!
//! A sender can invent any number of names. The filter rejects almost all of them without asking the store, and never
//! rejects a name that exists. It takes 10 bits for each name. One in a hundred invented names passes and costs one
//! read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use fastbloom::AtomicBloomFilter;

use super::EndpointStore;
use crate::secrets::StoreError;

/// The names that exist.
pub(super) struct Presence {
    filter: ArcSwap<Filter>,
}

impl Presence {
    /// A filter without names.
    pub(super) fn new() -> Self {
        Self {
            filter: ArcSwap::from_pointee(Filter::with_capacity(0)),
        }
    }

    /// False if the name certainly does not exist.
    pub(super) fn may_contain(&self, name: &str) -> bool {
        self.filter.load().bits.contains(name)
    }

    /// Adds a name. Returns false if the filter is full and should be loaded again.
    pub(super) fn add(&self, name: &str) -> bool {
        self.filter.load().add(name)
    }

    /// Reads all names of the store into a new filter.
    pub(super) async fn load(&self, store: &dyn EndpointStore) -> Result<(), StoreError> {
        let mut names = Vec::new();
        let mut after = None;
        loop {
            let page = store.names(after.as_deref(), PAGE).await?;
            names.extend(page.names);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let filter = Filter::with_capacity(names.len());
        for name in &names {
            filter.add(name);
        }
        self.filter.store(Arc::new(filter));
        Ok(())
    }
}

/// A filter with the number of names that it is sized for.
struct Filter {
    bits: AtomicBloomFilter,
    names: AtomicUsize,
    capacity: usize,
}

impl Filter {
    /// Room for twice as many names before the rate of false positives rises.
    fn with_capacity(names: usize) -> Self {
        let capacity = names.saturating_mul(2).max(MIN_CAPACITY);
        Self {
            bits: AtomicBloomFilter::with_false_pos(WRONG_GUESSES).expected_items(capacity),
            names: AtomicUsize::new(0),
            capacity,
        }
    }

    fn add(&self, name: &str) -> bool {
        self.bits.insert(name);
        self.names.fetch_add(1, Ordering::Relaxed) < self.capacity
    }
}

const MIN_CAPACITY: usize = 16_384;
const PAGE: u32 = 10_000;
const WRONG_GUESSES: f64 = 0.01;
