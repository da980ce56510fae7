//! Counters of the connection.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of the connection since the start.
#[derive(Debug, Default)]
pub struct RedisStats {
    pub(super) up: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) not_connected: AtomicU64,
}

impl RedisStats {
    /// True if the connection can be used now.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed) > 0
    }

    /// Round trips that were started.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that Redis answered with an error.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Connections that broke or timed out.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Failed attempts to connect.
    pub fn not_connected(&self) -> u64 {
        self.not_connected.load(Ordering::Relaxed)
    }
}
