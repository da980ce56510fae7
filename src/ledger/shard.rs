//! One shard of the memory: a dense table of entries and an index over their keys.
//!
//! All memory is allocated at the start. The entries lie side by side, so a cursor can sweep expired ones. An index
//! of four bytes per entry finds them by key. A removed entry is replaced by the last one.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::{EntryState, Key};

/// One shard of the memory.
pub(super) struct Shard {
    capacity: usize,
    records: Vec<Record>,
    index: HashTable<u32>,
    /// Seeded per process, so that a sender cannot choose ids that collide in the index.
    hasher: RandomState,
    /// The number of evictable entries.
    evictable: usize,
    /// Where the next sweep starts.
    cursor: usize,
    /// A lower bound of every expiry: before this second there is nothing to sweep.
    earliest_expiry: u32,
}

/// The shard is full and nothing may be evicted.
pub(super) struct ShardFull;

impl Shard {
    /// A shard for `capacity` entries.
    pub(super) fn new(capacity: usize, hasher: RandomState) -> Self {
        Self {
            capacity,
            records: Vec::with_capacity(capacity),
            // Twice the maximum: a table below half of its capacity rehashes in place, a fuller one would grow.
            index: HashTable::with_capacity(2 * (capacity + 1)),
            hasher,
            evictable: 0,
            cursor: 0,
            earliest_expiry: u32::MAX,
        }
    }

    /// The number of entries, including expired ones.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The memory of a full shard in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.index.allocation_size()
    }

    /// The state of `key`; `None` if it is unknown or expired.
    pub(super) fn entry_state(&self, key: &Key, now: u32) -> Option<EntryState> {
        let record = self.records.get(self.find(key)?)?;
        (now < record.until).then(|| record.state.entry_state())
    }

    /// Sets the state of `key`. Returns how many other entries were evicted for it.
    pub(super) fn put(
        &mut self,
        key: Key,
        state: State,
        until: u32,
        now: u32,
    ) -> Result<u64, ShardFull> {
        self.earliest_expiry = self.earliest_expiry.min(until);
        if let Some(at) = self.find(&key) {
            self.set(at, state, until, now);
            return Ok(0);
        }
        self.sweep(now);
        let forgotten = self.make_room(now)?;
        let hash = self.hasher.hash_one(key);
        // `capacity` is far below 2³².
        let at = u32::try_from(self.records.len()).map_err(|_| ShardFull)?;
        let Self {
            index,
            records,
            hasher,
            ..
        } = self;
        index.insert_unique(hash, at, |at| hash_of(hasher, records, *at));
        self.records.push(Record { key, until, state });
        self.evictable += usize::from(state == State::EVICTABLE);
        Ok(forgotten)
    }

    /// Removes `key` if it is in `state`.
    pub(super) fn remove_if(&mut self, key: &Key, state: State) -> bool {
        let found = self.find(key);
        let found = found.filter(|at| self.records.get(*at).is_some_and(|it| it.state == state));
        if let Some(at) = found {
            self.remove(at);
        }
        found.is_some()
    }

    /// The pinned entries that have not expired, each with its expiry.
    pub(super) fn pinned(&self, now: u32) -> impl Iterator<Item = (Key, u32)> {
        let records = self.records.iter();
        let pinned =
            records.filter(move |record| record.state == State::PINNED && now < record.until);
        pinned.map(|record| (record.key, record.until))
    }

    fn find(&self, key: &Key) -> Option<usize> {
        let is_it = |at: &u32| {
            self.records
                .get(*at as usize)
                .is_some_and(|it| it.key == *key)
        };
        let found = self.index.find(self.hasher.hash_one(key), is_it);
        found.map(|at| *at as usize)
    }

    fn set(&mut self, at: usize, state: State, until: u32, now: u32) {
        let Some(record) = self.records.get_mut(at) else {
            return;
        };
        self.evictable -= usize::from(record.state == State::EVICTABLE);
        let was_accepted = now < record.until && record.state.entry_state() == EntryState::Accepted;
        // Accepted twice after a lease that was too short: the longer retention wins.
        if was_accepted && record.until > until {
            record.state = if record.state == State::PINNED {
                record.state
            } else {
                state
            };
        } else {
            (record.state, record.until) = (state, until);
        }
        self.evictable += usize::from(record.state == State::EVICTABLE);
    }

    fn remove(&mut self, at: usize) {
        let Some(record) = self.records.get(at) else {
            return;
        };
        self.evictable -= usize::from(record.state == State::EVICTABLE);
        let hash = self.hasher.hash_one(record.key);
        if let Ok(found) = self.index.find_entry(hash, |it| *it as usize == at) {
            found.remove();
        }
        self.records.swap_remove(at);
        // The last entry has moved to this place.
        let last = self.records.len();
        if let Some(moved) = self.records.get(at) {
            let hash = self.hasher.hash_one(moved.key);
            let found = self.index.find_mut(hash, |it| *it as usize == last);
            if let (Some(found), Ok(at)) = (found, u32::try_from(at)) {
                *found = at;
            }
        }
    }

    /// Removes expired entries at the cursor. Two steps for each insertion let the cursor complete a round before the
    /// table fills up with expired entries.
    fn sweep(&mut self, now: u32) {
        for _ in 0..SWEEP_STEPS {
            if now < self.earliest_expiry {
                return;
            }
            self.cursor = if self.cursor < self.records.len() {
                self.cursor
            } else {
                0
            };
            match self.records.get(self.cursor) {
                None => return,
                Some(record) if record.until <= now => self.remove(self.cursor),
                Some(_) => self.cursor += 1,
            }
        }
    }

    /// Makes room for one entry: removes an expired one, or evicts one. Returns the number of evictions.
    fn make_room(&mut self, now: u32) -> Result<u64, ShardFull> {
        if self.records.len() < self.capacity {
            return Ok(0);
        }
        if self.evictable == 0 && now < self.earliest_expiry {
            return Err(ShardFull);
        }
        let at = self
            .oldest_of_sample(now)
            .or_else(|| self.first_removable(now));
        let Some(at) = at else {
            // Every entry was examined, so the bound is exact now.
            let ends = self.records.iter().map(|record| record.until);
            self.earliest_expiry = ends.min().unwrap_or(u32::MAX);
            return Err(ShardFull);
        };
        let expired = self
            .records
            .get(at)
            .is_some_and(|record| record.until <= now);
        self.cursor = at + 1;
        self.remove(at);
        Ok(u64::from(!expired))
    }

    /// Of a sample of removable entries, the one that expires first. The sample is spread over the shard, because
    /// neighbours arrived at the same time.
    fn oldest_of_sample(&self, now: u32) -> Option<usize> {
        let len = self.records.len();
        let apart = len.div_ceil(SAMPLE).max(1);
        let some = (0..SAMPLE).map(|step| (self.cursor + step * apart) % len.max(1));
        let some = some.filter_map(|at| Some((at, self.records.get(at)?)));
        let removable = some.filter(|(_, record)| record.is_removable(now));
        removable
            .min_by_key(|(_, record)| record.until)
            .map(|(at, _)| at)
    }

    fn first_removable(&self, now: u32) -> Option<usize> {
        self.records
            .iter()
            .position(|record| record.is_removable(now))
    }
}

/// Times are whole seconds since 1970, which fit until 2106.
struct Record {
    key: Key,
    until: u32,
    state: State,
}

impl Record {
    /// True if the entry has expired or may be evicted.
    fn is_removable(&self, now: u32) -> bool {
        self.until <= now || self.state == State::EVICTABLE
    }
}

/// The number of a claim, or one of two numbers that no claim has.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct State(u32);

impl State {
    /// Accepted and pinned until it expires.
    pub(super) const PINNED: Self = Self(u32::MAX);
    /// Accepted and evictable.
    pub(super) const EVICTABLE: Self = Self(u32::MAX - 1);

    /// Claimed under `number`. Numbers repeat after 2³² claims, long after the first claim has expired.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a remainder of less than 2³²"
    )]
    pub(super) const fn claimed(number: u64) -> Self {
        Self((number % (u32::MAX - 1) as u64) as u32)
    }

    const fn entry_state(self) -> EntryState {
        match self {
            Self::PINNED | Self::EVICTABLE => EntryState::Accepted,
            Self(_) => EntryState::InFlight,
        }
    }
}

fn hash_of(hasher: &RandomState, records: &[Record], at: u32) -> u64 {
    records
        .get(at as usize)
        .map_or(0, |record| hasher.hash_one(record.key))
}

/// The sweep steps for each insertion.
const SWEEP_STEPS: usize = 2;
/// The sample size for an eviction.
const SAMPLE: usize = 16;
/// One entry and its share of the index, which is at most half full: 16/7 to 32/7 buckets of five bytes.
pub(super) const BYTES_PER_ENTRY: usize = size_of::<Record>() + 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::EntryKind;

    proptest! {
        #[test]
        fn evictable_entries_are_counted_exactly(
            capacity in 1..6_usize,
            steps in prop::collection::vec((0..8_u8, 0..4_u64, any::<bool>(), 1..9_u32, 0..3_u32), 1..60),
        ) {
            let mut shard = Shard::new(capacity, RandomState::new());
            let mut now = 1;
            for (number, state, puts, lasts, later) in steps {
                let state = match state {
                    0 => State::EVICTABLE,
                    1 => State::PINNED,
                    claim => State::claimed(claim),
                };
                now += later;
                let key = Key::of("endpoint", EntryKind::SignedId, &[&[number]]);
                if puts {
                    let has_room = shard.records.iter().any(|record| record.is_removable(now));
                    let fits = shard.find(&key).is_some() || shard.len() < capacity || has_room;
                    let put = shard.put(key, state, now + lasts, now);
                    prop_assert_eq!(put.is_ok(), fits);
                } else {
                    shard.remove_if(&key, state);
                }
                let evictable = shard.records.iter().filter(|record| record.state == State::EVICTABLE);
                prop_assert_eq!(shard.evictable, evictable.count());
            }
        }
    }
}
