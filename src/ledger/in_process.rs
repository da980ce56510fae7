//! A ledger in the memory of one process.
//!
//! The memory is bounded and allocated at the start. When it is full, evictable entries go first, roughly in order of
//! expiry: the backend may then see an event twice. Pinned entries are never evicted, because a replay would be
//! admitted. If everything is pinned, the ledger reports [`Unavailable::Full`] and senders retry. A restart forgets
//! everything.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::shard::{self, Shard, ShardFull, State};
use super::{
    ClaimToken, Conflict, Entries, Entry, Key, Ledger, LedgerStats, Retention, Unavailable,
};
use crate::clock::Clock;
use crate::sync::Mutex;

/// The maximum memory of one entry in bytes. A ledger that is not full uses less, because untouched pages are not
/// resident.
pub const BYTES_PER_ENTRY: usize = shard::BYTES_PER_ENTRY;

/// A ledger in the memory of this process.
pub struct InProcessLedger {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    capacity: usize,
    next: AtomicU64,
    stats: Arc<LedgerStats>,
}

impl InProcessLedger {
    /// A ledger with room for `capacity` entries.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let hasher = RandomState::new();
        let shards = (capacity / MIN_SHARD_CAPACITY).clamp(1, MAX_SHARDS);
        let each = capacity.div_ceil(shards);
        let shard = || Mutex::new(Shard::new(each, hasher.clone()));
        Self {
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            hasher,
            clock,
            capacity,
            next: AtomicU64::new(0),
            stats: Arc::default(),
        }
    }

    /// The maximum number of entries.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The memory of a full ledger in bytes.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes()).sum()
    }

    /// The counters, for metrics.
    pub fn stats(&self) -> &Arc<LedgerStats> {
        &self.stats
    }

    /// Locks the shard of `key` and runs `work` on it. The lock is never held across an await.
    fn on_shard<T>(&self, key: &Key, work: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        // The index of a shard uses other bits of the same hash.
        let number = (self.hasher.hash_one(key) >> 32) as usize % self.shards.len().max(1);
        let mut shard = self.shards.get(number)?.lock();
        let before = shard.len() as u64;
        let result = work(&mut shard);
        let after = shard.len() as u64;
        // Updated under the lock, so that the counter never underflows.
        if after >= before {
            self.stats
                .entries
                .fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.stats
                .entries
                .fetch_sub(before - after, Ordering::Relaxed);
        }
        Some(result)
    }

    fn now(&self) -> u32 {
        seconds(self.clock.now().as_second())
    }

    fn claim_one(&self, key: Key, state: State, until: u32, now: u32) -> Result<(), ClaimFailure> {
        let claimed = self.on_shard(&key, |shard| match shard.entry_state(&key, now) {
            Some(state) => Err(ClaimFailure::Conflict(Conflict { key, state })),
            None => Ok(shard.put(key, state, until, now)?),
        });
        let forgotten = claimed.unwrap_or(Err(ClaimFailure::Full))?;
        count(&self.stats.forgotten, forgotten);
        Ok(())
    }

    /// Claims `entries` under `token`. The caller ensures that the token is unique.
    pub(super) fn claim_as(
        &self,
        token: ClaimToken,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<(), Conflict>, Unavailable> {
        let now = self.clock.now();
        let until = ceiling(now.saturating_add(lease).unwrap_or(Timestamp::MAX));
        let now = seconds(now.as_second());
        for entry in entries.iter() {
            // One key after another, each under the lock of its shard, so no thread waits for two locks. A concurrent
            // claim in between sees this delivery in flight, which is correct.
            match self.claim_one(entry.key, State::claimed(token.0), until, now) {
                Ok(()) => {}
                Err(ClaimFailure::Conflict(conflict)) => {
                    self.withdraw(entries, token);
                    self.stats.count_known(conflict.state);
                    return Ok(Err(conflict));
                }
                Err(ClaimFailure::Full) => {
                    self.withdraw(entries, token);
                    count(&self.stats.full, 1);
                    return Err(Unavailable::Full);
                }
            }
        }
        count(&self.stats.claimed, 1);
        Ok(Ok(()))
    }

    /// Remembers `entries` as accepted.
    pub(super) fn commit_now(&self, entries: &Entries) -> Result<(), Unavailable> {
        let now = self.now();
        let mut result = Ok(());
        for entry in entries.iter() {
            let state = match entry.keep {
                Retention::Pinned(_) => State::PINNED,
                Retention::Evictable(_) => State::EVICTABLE,
            };
            let until = ceiling(entry.keep.until());
            let put = self.on_shard(&entry.key, |it| it.put(entry.key, state, until, now));
            match put {
                Some(Ok(forgotten)) => count(&self.stats.forgotten, forgotten),
                _ => result = Err(Unavailable::Full),
            }
        }
        count(&self.stats.committed, 1);
        result
    }

    /// All pinned entries, one shard at a time, which bounds the lock time and the memory.
    pub(super) fn pinned(&self) -> impl Iterator<Item = Vec<Entry>> {
        let entry = |(key, until): (Key, u32)| {
            let until = Timestamp::from_second(until.into()).unwrap_or(Timestamp::MAX);
            let keep = Retention::Pinned(until);
            Entry { key, keep }
        };
        self.shards.iter().map(move |shard| {
            let shard = shard.lock();
            shard.pinned(self.now()).map(entry).collect()
        })
    }

    /// Removes a claim without counting it.
    pub(super) fn withdraw(&self, entries: &Entries, token: ClaimToken) {
        let state = State::claimed(token.0);
        for entry in entries.iter() {
            self.on_shard(&entry.key, |shard| shard.remove_if(&entry.key, state));
        }
    }
}

#[async_trait]
impl Ledger for InProcessLedger {
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<ClaimToken, Conflict>, Unavailable> {
        let token = ClaimToken(self.next.fetch_add(1, Ordering::Relaxed));
        Ok(self.claim_as(token, entries, lease)?.map(|()| token))
    }

    async fn commit(&self, entries: &Entries, _token: ClaimToken) -> Result<(), Unavailable> {
        self.commit_now(entries)
    }

    async fn release(&self, entries: &Entries, token: ClaimToken) -> Result<(), Unavailable> {
        self.abandon(entries, token);
        Ok(())
    }

    fn settle_now(
        &self,
        entries: &Entries,
        token: ClaimToken,
        accepted: bool,
    ) -> Option<Result<(), Unavailable>> {
        Some(if accepted {
            self.commit_now(entries)
        } else {
            self.abandon(entries, token);
            Ok(())
        })
    }

    fn abandon(&self, entries: &Entries, token: ClaimToken) {
        self.withdraw(entries, token);
        count(&self.stats.released, 1);
    }
}

enum ClaimFailure {
    Full,
    Conflict(Conflict),
}

impl From<ShardFull> for ClaimFailure {
    fn from(_: ShardFull) -> Self {
        Self::Full
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn seconds(since_1970: i64) -> u32 {
    u32::try_from(since_1970.max(0)).unwrap_or(u32::MAX)
}

/// The first whole second at or after `at`, so that nothing expires early.
fn ceiling(at: Timestamp) -> u32 {
    seconds(at.as_second()).saturating_add(u32::from(at.subsec_nanosecond() > 0))
}

/// Enough locks that threads rarely wait for each other.
const MAX_SHARDS: usize = 64;
/// Small ledgers have a single shard, so that the whole capacity can be used.
const MIN_SHARD_CAPACITY: usize = 1024;
