//! Which names exist at all: a Bloom filter over every id and alias.
//!
//! A sender can invent any number of names. The filter says of almost every one of them that it does
//! not exist, without the store; it never says so of one that does. It takes 10 bits a name for one
//! wrong guess in a hundred, and wrong guesses cost one read of the store each.

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
    /// A filter that knows no name.
    pub(super) fn new() -> Self {
        Self {
            filter: ArcSwap::from_pointee(Filter::with_capacity(0)),
        }
    }

    /// Whether the name may exist.
    pub(super) fn may_contain(&self, name: &str) -> bool {
        self.filter.load().bits.contains(name)
    }

    /// Adds a name. False if the filter is so full that it should be loaded anew.
    pub(super) fn add(&self, name: &str) -> bool {
        self.filter.load().add(name)
    }

    /// Reads all names of the store.
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

/// A filter and how many names it was made for.
struct Filter {
    bits: AtomicBloomFilter,
    names: AtomicUsize,
    capacity: usize,
}

impl Filter {
    /// A filter for `names` names and as many again, before wrong guesses become frequent.
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
