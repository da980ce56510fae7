//! A ledger in the memory of one process.
//!
//! Its memory is bounded and allocated at the start. When it is full, what was to be remembered only as
//! long as there is room goes first, about in the order in which it would have ended: the worst that
//! comes of it is that a backend sees an event for a second time. What stands for a window that is still
//! open never goes: without it a replay would be admitted. If there is nothing else, the ledger says that
//! it cannot say, and the sender repeats later. It forgets everything when the process ends.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::shard::{self, NoRoom, Shard};
use super::slot::State;
use super::{Entries, Entry, Keep, Key, Ledger, LedgerStats, Taken, Token, Unavailable};
use crate::clock::Clock;
use crate::sync::Mutex;

/// The most memory that an entry takes. An entry of a ledger that is not full takes less: memory that
/// was never written to is not the process's yet.
pub const BYTES_PER_ENTRY: usize = shard::BYTES_PER_ENTRY;

/// A ledger in memory.
pub struct InProcess {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    capacity: usize,
    next: AtomicU64,
    stats: Arc<LedgerStats>,
}

impl InProcess {
    /// A ledger with room for `capacity` entries.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let hasher = RandomState::new();
        let shards = (capacity / LEAST_IN_A_SHARD).clamp(1, MOST_SHARDS);
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

    /// How many entries there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The memory that it takes when it is full, in bytes.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes()).sum()
    }

    /// What it counted.
    pub fn stats(&self) -> &Arc<LedgerStats> {
        &self.stats
    }

    /// Works on the shard of `key`. Never across an await: what is asked for is known when it returns.
    fn on_shard<T>(&self, key: &Key, work: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        // The index of a shard uses other bits of the same hash.
        let number = (self.hasher.hash_one(key) >> 32) as usize % self.shards.len().max(1);
        let mut shard = self.shards.get(number)?.lock();
        let before = shard.len() as u64;
        let result = work(&mut shard);
        let after = shard.len() as u64;
        // In the lock, so that it is never less than nothing.
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

    /// Claims one key.
    fn claim_one(&self, key: Key, state: State, until: u32, now: u32) -> Result<(), NotClaimed> {
        let claimed = self.on_shard(&key, |shard| match shard.standing(&key, now) {
            Some(standing) => Err(NotClaimed::Taken(Taken { key, standing })),
            None => Ok(shard.put(key, state, until, now)?),
        });
        let forgotten = claimed.unwrap_or(Err(NotClaimed::Full))?;
        count(&self.stats.forgotten, forgotten);
        Ok(())
    }

    /// Claims `entries` under `token`, for somebody who sees to it that tokens differ.
    pub(super) fn claim_as(
        &self,
        token: Token,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<(), Taken>, Unavailable> {
        let now = self.clock.now();
        let until = ceiling(now.saturating_add(lease).unwrap_or(Timestamp::MAX));
        let now = seconds(now.as_second());
        for entry in entries.iter() {
            // One after the other, each in its own shard: nobody waits for two locks. Who is in between
            // sees this delivery in flight, which it is.
            match self.claim_one(entry.key, State::claimed(token.0), until, now) {
                Ok(()) => {}
                Err(NotClaimed::Taken(known)) => {
                    self.withdraw(entries, token);
                    self.stats.taken(known.standing);
                    return Ok(Err(known));
                }
                Err(NotClaimed::Full) => {
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
        let mut remembered = Ok(());
        for entry in entries.iter() {
            let state = match entry.keep {
                Keep::Firmly(_) => State::FIRM,
                Keep::AsLongAsThereIsRoom(_) => State::SOFT,
            };
            let until = ceiling(entry.keep.until());
            let put = self.on_shard(&entry.key, |it| it.put(entry.key, state, until, now));
            match put {
                Some(Ok(forgotten)) => count(&self.stats.forgotten, forgotten),
                _ => remembered = Err(Unavailable::Full),
            }
        }
        count(&self.stats.committed, 1);
        remembered
    }

    /// Everything that must be kept, part by part, so that nobody waits long and it takes little memory.
    pub(super) fn firm(&self) -> impl Iterator<Item = Vec<Entry>> {
        let entry = |(key, until): (Key, u32)| {
            let until = Timestamp::from_second(until.into()).unwrap_or(Timestamp::MAX);
            let keep = Keep::Firmly(until);
            Entry { key, keep }
        };
        self.shards.iter().map(move |shard| {
            let shard = shard.lock();
            shard.firm(self.now()).map(entry).collect()
        })
    }

    /// Gives up a claim, without a word in the statistics.
    pub(super) fn withdraw(&self, entries: &Entries, token: Token) {
        let state = State::claimed(token.0);
        for entry in entries.iter() {
            self.on_shard(&entry.key, |shard| shard.remove_if(&entry.key, state));
        }
    }
}

#[async_trait]
impl Ledger for InProcess {
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<Token, Taken>, Unavailable> {
        let token = Token(self.next.fetch_add(1, Ordering::Relaxed));
        Ok(self.claim_as(token, entries, lease)?.map(|()| token))
    }

    async fn commit(&self, entries: &Entries, _token: Token) -> Result<(), Unavailable> {
        self.commit_now(entries)
    }

    async fn release(&self, entries: &Entries, token: Token) -> Result<(), Unavailable> {
        self.abandon(entries, token);
        Ok(())
    }

    fn settle_now(
        &self,
        entries: &Entries,
        token: Token,
        accepted: bool,
    ) -> Option<Result<(), Unavailable>> {
        Some(if accepted {
            self.commit_now(entries)
        } else {
            self.abandon(entries, token);
            Ok(())
        })
    }

    fn abandon(&self, entries: &Entries, token: Token) {
        self.withdraw(entries, token);
        count(&self.stats.released, 1);
    }
}

enum NotClaimed {
    Full,
    Taken(Taken),
}

impl From<NoRoom> for NotClaimed {
    fn from(_: NoRoom) -> Self {
        Self::Full
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn seconds(since_1970: i64) -> u32 {
    u32::try_from(since_1970.max(0)).unwrap_or(u32::MAX)
}

/// The first whole second that is not before `at`: nothing ends early.
fn ceiling(at: Timestamp) -> u32 {
    seconds(at.as_second()).saturating_add(u32::from(at.subsec_nanosecond() > 0))
}

/// So many locks that threads hardly meet.
const MOST_SHARDS: usize = 64;
/// Small ledgers are in one piece, so that they are full when they are full.
const LEAST_IN_A_SHARD: usize = 1024;
