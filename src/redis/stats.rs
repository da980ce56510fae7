//! What is counted about the connection.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted about the connection.
#[derive(Debug, Default)]
pub struct RedisStats {
    pub(super) up: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) not_connected: AtomicU64,
}

impl RedisStats {
    /// Whether it can be used now.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed) > 0
    }

    /// Round trips that were begun.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that it answered with an error.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Connections that broke, or that gave no answer in time.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Attempts to connect that failed.
    pub fn not_connected(&self) -> u64 {
        self.not_connected.load(Ordering::Relaxed)
    }
}
