//! One part of the memory: a dense table of slots, found by key.
//!
//! All the memory is allocated at the start. The slots lie side by side, so that a hand can go round
//! and meet what has expired; an index of four bytes a slot finds them by their key. What is deleted is
//! replaced by the last slot.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::slot::{Slot, State};
use super::{Key, Standing};

/// A part of the memory.
pub(super) struct Shard {
    capacity: usize,
    slots: Vec<Slot>,
    index: HashTable<u32>,
    /// Keyed anew in every process, so that nobody can choose ids that meet in one place.
    hasher: RandomState,
    /// The slots that may be forgotten to make room.
    soft: usize,
    /// Where the next look for expired slots begins.
    hand: usize,
    /// Nothing ends before this second.
    nothing_ends_before: u32,
}

/// There is no room, and nothing that may be forgotten.
pub(super) struct NoRoom;

impl Shard {
    /// A shard with room for `capacity` entries.
    pub(super) fn new(capacity: usize, hasher: RandomState) -> Self {
        Self {
            capacity,
            slots: Vec::with_capacity(capacity),
            // Twice as much as is ever in it: below half of its capacity the table is tidied up where it
            // stands, and above it would grow.
            index: HashTable::with_capacity(2 * (capacity + 1)),
            hasher,
            soft: 0,
            hand: 0,
            nothing_ends_before: u32::MAX,
        }
    }

    /// How many entries there are, expired ones among them.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The memory that it takes when it is full, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.index.allocation_size()
    }

    /// What is known about `key`.
    pub(super) fn standing(&self, key: &Key, now: u32) -> Option<Standing> {
        let slot = self.slots.get(self.find(key)?)?;
        (now < slot.until).then(|| slot.state.standing())
    }

    /// Puts `key` into `state` until then, whatever it was before. Gives how many others were forgotten
    /// for it before their time.
    pub(super) fn put(
        &mut self,
        key: Key,
        state: State,
        until: u32,
        now: u32,
    ) -> Result<u64, NoRoom> {
        self.nothing_ends_before = self.nothing_ends_before.min(until);
        if let Some(at) = self.find(&key) {
            self.set(at, state, until, now);
            return Ok(0);
        }
        self.sweep(now);
        let forgotten = self.make_room(now)?;
        let hash = self.hasher.hash_one(key);
        // `capacity` is far below 2³².
        let at = u32::try_from(self.slots.len()).map_err(|_| NoRoom)?;
        let Self {
            index,
            slots,
            hasher,
            ..
        } = self;
        index.insert_unique(hash, at, |at| hash_of(hasher, slots, *at));
        self.slots.push(Slot { key, until, state });
        self.soft += usize::from(state == State::SOFT);
        Ok(forgotten)
    }

    /// Forgets `key` if it is in `state`.
    pub(super) fn remove_if(&mut self, key: &Key, state: State) -> bool {
        let found = self.find(key);
        let found = found.filter(|at| self.slots.get(*at).is_some_and(|it| it.state == state));
        if let Some(at) = found {
            self.remove(at);
        }
        found.is_some()
    }

    /// What must be kept, and until when.
    pub(super) fn firm(&self, now: u32) -> impl Iterator<Item = (Key, u32)> {
        let slots = self.slots.iter();
        let firm = slots.filter(move |slot| slot.state == State::FIRM && now < slot.until);
        firm.map(|slot| (slot.key, slot.until))
    }

    fn find(&self, key: &Key) -> Option<usize> {
        let is_it = |at: &u32| {
            self.slots
                .get(*at as usize)
                .is_some_and(|it| it.key == *key)
        };
        let found = self.index.find(self.hasher.hash_one(key), is_it);
        found.map(|at| *at as usize)
    }

    fn set(&mut self, at: usize, state: State, until: u32, now: u32) {
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        self.soft -= usize::from(slot.state == State::SOFT);
        let was_accepted = now < slot.until && slot.state.standing() == Standing::Accepted;
        // Accepted twice, after a lease that was too short: the longer memory counts.
        if was_accepted && slot.until > until {
            slot.state = if slot.state == State::FIRM {
                slot.state
            } else {
                state
            };
        } else {
            (slot.state, slot.until) = (state, until);
        }
        self.soft += usize::from(slot.state == State::SOFT);
    }

    fn remove(&mut self, at: usize) {
        let Some(slot) = self.slots.get(at) else {
            return;
        };
        self.soft -= usize::from(slot.state == State::SOFT);
        let hash = self.hasher.hash_one(slot.key);
        if let Ok(found) = self.index.find_entry(hash, |it| *it as usize == at) {
            found.remove();
        }
        self.slots.swap_remove(at);
        // The last one has taken its place.
        let last = self.slots.len();
        if let Some(moved) = self.slots.get(at) {
            let hash = self.hasher.hash_one(moved.key);
            let found = self.index.find_mut(hash, |it| *it as usize == last);
            if let (Some(found), Ok(at)) = (found, u32::try_from(at)) {
                *found = at;
            }
        }
    }

    /// Looks at the next slots, and forgets what has expired. Two for each that is put in, so that the
    /// hand goes round before the table has filled up with the expired.
    fn sweep(&mut self, now: u32) {
        for _ in 0..SWEPT_AT_ONCE {
            if now < self.nothing_ends_before {
                return;
            }
            self.hand = if self.hand < self.slots.len() {
                self.hand
            } else {
                0
            };
            match self.slots.get(self.hand) {
                None => return,
                Some(slot) if slot.until <= now => self.remove(self.hand),
                Some(_) => self.hand += 1,
            }
        }
    }

    /// Makes room for one more: by what has expired, or else by what may be forgotten. Gives how many went
    /// before their time.
    fn make_room(&mut self, now: u32) -> Result<u64, NoRoom> {
        if self.slots.len() < self.capacity {
            return Ok(0);
        }
        if self.soft == 0 && now < self.nothing_ends_before {
            return Err(NoRoom);
        }
        let at = self.oldest_of_some(now).or_else(|| self.first_to_go(now));
        let Some(at) = at else {
            // All of them were looked at.
            let ends = self.slots.iter().map(|slot| slot.until);
            self.nothing_ends_before = ends.min().unwrap_or(u32::MAX);
            return Err(NoRoom);
        };
        let expired = self.slots.get(at).is_some_and(|slot| slot.until <= now);
        self.hand = at + 1;
        self.remove(at);
        Ok(u64::from(!expired))
    }

    /// Of a few that may go, the one that ends first, or has ended. They are taken from everywhere, because
    /// neighbours have come at the same time.
    fn oldest_of_some(&self, now: u32) -> Option<usize> {
        let len = self.slots.len();
        let apart = len.div_ceil(SAMPLE).max(1);
        let some = (0..SAMPLE).map(|step| (self.hand + step * apart) % len.max(1));
        let some = some.filter_map(|at| Some((at, self.slots.get(at)?)));
        let may_go = some.filter(|(_, slot)| slot.may_go(now));
        may_go.min_by_key(|(_, slot)| slot.until).map(|(at, _)| at)
    }

    fn first_to_go(&self, now: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.may_go(now))
    }
}

fn hash_of(hasher: &RandomState, slots: &[Slot], at: u32) -> u64 {
    slots
        .get(at as usize)
        .map_or(0, |slot| hasher.hash_one(slot.key))
}

/// How many slots are looked at for each that is put in.
const SWEPT_AT_ONCE: usize = 2;
/// Out of how many the one is chosen that is forgotten.
const SAMPLE: usize = 16;
/// A slot, and its share of an index that is at most half full: between 16/7 and 32/7 buckets of five bytes.
pub(super) const BYTES_PER_ENTRY: usize = size_of::<Slot>() + 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Kind;

    proptest! {
        #[test]
        fn the_entries_that_may_be_forgotten_are_counted_exactly(
            capacity in 1..6_usize,
            steps in prop::collection::vec((0..8_u8, 0..4_u64, any::<bool>(), 1..9_u32, 0..3_u32), 1..60),
        ) {
            let mut shard = Shard::new(capacity, RandomState::new());
            let mut now = 1;
            for (number, state, puts, lasts, later) in steps {
                let state = match state {
                    0 => State::SOFT,
                    1 => State::FIRM,
                    claim => State::claimed(claim),
                };
                now += later;
                let key = Key::of("endpoint", Kind::SignedId, &[&[number]]);
                if puts {
                    let may_go = shard.slots.iter().any(|slot| slot.may_go(now));
                    let fits = shard.find(&key).is_some() || shard.len() < capacity || may_go;
                    let put = shard.put(key, state, now + lasts, now);
                    prop_assert_eq!(put.is_ok(), fits);
                } else {
                    shard.remove_if(&key, state);
                }
                let soft = shard.slots.iter().filter(|slot| slot.state == State::SOFT);
                prop_assert_eq!(shard.soft, soft.count());
            }
        }
    }
}
