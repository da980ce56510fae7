//! How much memory all bodies in flight may take together.
//!
//! Every byte of capacity is leased before it is allocated and given back when the body goes. A part of
//! the budget is kept for small bodies, so that a few senders with large ones, honest or not, cannot
//! keep everybody else out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sync::AtomicU64;

/// The memory for bodies.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    used: AtomicU64,
    bodies: AtomicU64,
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: u64) -> Arc<Self> {
        Arc::new(Self {
            total,
            used: AtomicU64::new(0),
            bodies: AtomicU64::new(0),
        })
    }

    /// A lease of nothing, to be grown.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.bodies.fetch_add(1, Ordering::Relaxed);
        Lease {
            budget: Arc::clone(self),
            held: 0,
        }
    }

    /// The largest body that a budget of `total` bytes has room for, if nobody else needs any of it.
    pub const fn largest_body(total: u64) -> u64 {
        // While a body grows there are two pieces of it for a moment.
        large_bodies(total) / 2
    }

    /// All bytes there are to lease.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The bytes that are leased.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The bodies in flight.
    pub fn bodies(&self) -> u64 {
        self.bodies.load(Ordering::Relaxed)
    }

    fn take(&self, extra: u64, ceiling: u64) -> Result<(), OverBudget> {
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                used.checked_add(extra).filter(|sum| *sum <= ceiling)
            })
            .map(drop)
            .map_err(|_| OverBudget)
    }
}

/// A part of a [`Budget`]. It is given back when it is dropped.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    held: u64,
}

impl Lease {
    /// A lease of nothing in the same budget.
    pub(super) fn another(&self) -> Self {
        self.budget.lease()
    }

    /// Takes what is missing to `bytes`, or nothing if that is not to be had.
    pub fn grow_to(&mut self, bytes: u64) -> Result<(), OverBudget> {
        let extra = bytes.saturating_sub(self.held);
        let ceiling = if bytes > SMALL_BODY {
            large_bodies(self.budget.total)
        } else {
            self.budget.total
        };
        self.budget.take(extra, ceiling)?;
        self.held += extra;
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        let spare = self.held.saturating_sub(bytes);
        self.budget.used.fetch_sub(spare, Ordering::AcqRel);
        self.held -= spare;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shrink_to(0);
        self.budget.bodies.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is not kept for small bodies.
const fn large_bodies(total: u64) -> u64 {
    total - total / KEPT_FOR_SMALL_BODIES
}

/// There is no memory left for this body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("all memory for bodies is in use")]
pub struct OverBudget;

/// One part in so many of the budget is for small bodies only.
const KEPT_FOR_SMALL_BODIES: u64 = 8;
/// What counts as small: almost every webhook.
const SMALL_BODY: u64 = 1024 * 1024;
