//! A ledger that is full.

use jiff::SignedDuration;
use portcullis::ledger::{BYTES_PER_ENTRY, Entry, EntryState, Retention, Unavailable};
use proptest::prelude::*;

use crate::setting::*;

const ROOM: usize = 100;

fn full_of(it: &Setting, entries: impl Fn(usize) -> portcullis::ledger::Entries) {
    for number in 0..ROOM {
        it.accept(entries(number));
    }
    assert_eq!(it.stats().entries(), ROOM as u64);
}

#[test]
fn an_id_makes_room_for_what_is_new_and_the_oldest_goes_first() {
    let it = Setting::with_room_for(ROOM);
    for number in 0..ROOM {
        it.accept(it.soft(&number.to_string()));
        it.wait(SignedDuration::from_secs(1));
    }
    for number in 0..10 {
        it.accept(it.soft(&format!("new {number}")));
    }
    assert_eq!(it.stats().forgotten(), 10);
    assert_eq!(it.stats().entries(), ROOM as u64);
    // Of sixteen that are looked at, the oldest: not always the oldest of all, but never a young one.
    for number in ROOM / 2..ROOM {
        let state = it.state(it.soft(&number.to_string()));
        assert_eq!(state, Some(EntryState::Accepted), "{number}");
    }
}

#[test]
fn a_signature_whose_window_is_open_is_never_forgotten() {
    let it = Setting::with_room_for(ROOM);
    full_of(&it, |number| it.firm(&number.to_string()));
    for attempt in 0..1000 {
        let refused = it.try_claim(it.soft(&format!("new {attempt}")));
        assert_eq!(refused.err(), Some(Unavailable::Full));
    }
    for number in 0..ROOM {
        let state = it.state(it.firm(&number.to_string()));
        assert_eq!(state, Some(EntryState::Accepted), "{number}");
    }
    assert_eq!((it.stats().full(), it.stats().forgotten()), (1000, 0));
    // And the next one finds room as soon as a window has ended.
    it.wait(WINDOW);
    it.accept(it.soft("new"));
}

#[test]
fn ids_go_before_signatures_do() {
    let it = Setting::with_room_for(ROOM);
    full_of(&it, |number| match number % 2 {
        0 => it.firm(&number.to_string()),
        _ => it.soft(&number.to_string()),
    });
    for number in 0..ROOM / 2 {
        it.accept(it.firm(&format!("new {number}")));
    }
    assert_eq!(it.stats().forgotten(), ROOM as u64 / 2);
    assert!(it.try_claim(it.firm("one more")).is_err());
    for number in (0..ROOM).step_by(2) {
        let state = it.state(it.firm(&number.to_string()));
        assert_eq!(state, Some(EntryState::Accepted), "{number}");
    }
}

#[test]
fn what_is_in_flight_is_never_forgotten() {
    let it = Setting::with_room_for(ROOM);
    let held: Vec<_> = (0..ROOM)
        .map(|number| it.claim(it.soft(&number.to_string())).unwrap())
        .collect();
    assert!(it.try_claim(it.soft("new")).is_err());
    for number in 0..ROOM {
        let state = it.state(it.soft(&number.to_string()));
        assert_eq!(state, Some(EntryState::InFlight), "{number}");
    }
    // Whoever has a claim has room to be remembered.
    for held in held {
        it.settle(held, true);
    }
    assert_eq!(it.stats().entries(), ROOM as u64);
}

#[test]
fn who_finds_no_room_for_the_second_entry_gives_back_the_first() {
    let it = Setting::with_room_for(ROOM);
    for number in 0..ROOM - 1 {
        it.accept(it.firm(&number.to_string()));
    }
    let refused = it.try_claim(two(&it.firm("a"), &it.firm("b")));
    assert_eq!(refused.err(), Some(Unavailable::Full));
    assert_eq!(it.stats().entries(), ROOM as u64 - 1);
    it.accept(it.firm("a"));
}

#[test]
fn what_has_expired_makes_room_before_anything_is_forgotten() {
    let it = Setting::with_room_for(ROOM);
    full_of(&it, |number| match number {
        0..50 => it.firm(&number.to_string()),
        _ => it.soft(&number.to_string()),
    });
    it.wait(WINDOW);
    for number in 0..50 {
        it.accept(it.soft(&format!("new {number}")));
    }
    assert_eq!(it.stats().forgotten(), 0);
    for number in 50..ROOM {
        let state = it.state(it.soft(&number.to_string()));
        assert_eq!(state, Some(EntryState::Accepted), "{number}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_memory_never_grows_whatever_is_put_in(
        capacity in 1..3000usize, seconds in prop::collection::vec(1..100i64, 1..50),
    ) {
        let it = Setting::with_room_for(capacity);
        let before = it.own.as_ref().unwrap().bytes();
        // What is said in the documentation, beside what a few fixed words take.
        prop_assert!(before <= capacity * BYTES_PER_ENTRY + 1024, "{before} for {capacity}");
        // Everything is allocated when it starts, or it would grow under an attack.
        prop_assert!(before >= capacity * size_of::<portcullis::ledger::Key>(), "{before} for {capacity}");
        for (number, second) in (0..capacity * 3).zip(seconds.iter().cycle()) {
            let entry = Entry {
                key: key(&number.to_string()),
                keep: Retention::Evictable(it.now() + SignedDuration::from_secs(*second)),
            };
            let held = it.claim(one(entry)).unwrap();
            it.settle(held, number % 7 > 0);
            if number % 50 == 0 {
                it.wait(SignedDuration::from_secs(1));
            }
        }
        prop_assert_eq!(it.own.as_ref().unwrap().bytes(), before);
        prop_assert!(it.stats().entries() <= capacity as u64 + 64);
    }
}
