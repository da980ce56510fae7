//! Claims and what becomes of them.

use jiff::SignedDuration;
use portcullis::ledger::EntryState;

use crate::setting::*;

on_every_ledger! {
    fn what_is_claimed_is_in_flight_and_what_is_committed_is_accepted(it: Setting) {
        let held = it.claim(it.soft("a")).unwrap();
        assert_eq!(it.state(it.soft("a")), Some(EntryState::InFlight));
        assert_eq!(it.state(it.soft("b")), None);
        it.settle(held, true);
        assert_eq!(it.state(it.soft("a")), Some(EntryState::Accepted));
    }

    fn what_is_released_is_new_again(it: Setting) {
        let held = it.claim(it.soft("a")).unwrap();
        it.settle(held, false);
        assert_eq!(it.state(it.soft("a")), None);
        assert_eq!(it.entries(), 0);
    }

    fn a_claim_that_nobody_settles_ends_with_its_lease(it: Setting) {
        // As a process that has crashed, and is not there to let go.
        std::mem::forget(it.claim(it.soft("a")).unwrap());
        it.wait(SignedDuration::from_secs(29));
        assert_eq!(it.state(it.soft("a")), Some(EntryState::InFlight));
        it.wait(SignedDuration::from_secs(1));
        assert_eq!(it.state(it.soft("a")), None);
    }

    fn who_comes_back_after_its_lease_takes_nothing_from_the_next(it: Setting) {
        let slow = it.claim(it.soft("a")).unwrap();
        it.wait(SignedDuration::from_secs(30));
        let next = it.claim(it.soft("a")).unwrap();
        it.settle(slow, false);
        assert_eq!(it.state(it.soft("a")), Some(EntryState::InFlight));
        it.settle(next, true);
        assert_eq!(it.state(it.soft("a")), Some(EntryState::Accepted));
    }

    fn accepted_is_accepted_even_after_the_lease(it: Setting) {
        let slow = it.claim(it.soft("a")).unwrap();
        it.wait(SignedDuration::from_secs(30));
        let next = it.claim(it.soft("a")).unwrap();
        it.settle(slow, true);
        // The backend has it. That it refuses the second one does not undo that.
        it.settle(next, false);
        assert_eq!(it.state(it.soft("a")), Some(EntryState::Accepted));
    }

    fn of_several_entries_all_are_claimed_or_none(it: Setting) {
        it.accept(it.soft("id"));
        for order in [
            two(&it.firm("signature"), &it.soft("id")),
            two(&it.soft("id"), &it.firm("signature")),
        ] {
            assert_eq!(it.state(order), Some(EntryState::Accepted));
            assert_eq!(it.state(it.firm("signature")), None);
        }
        assert_eq!(it.entries(), 1);
    }

    fn the_first_entry_that_is_known_decides(it: Setting) {
        it.accept(it.soft("accepted"));
        let _held = it.claim(it.soft("in flight")).unwrap();
        let both = two(&it.soft("in flight"), &it.soft("accepted"));
        assert_eq!(it.state(both), Some(EntryState::InFlight));
        let both = two(&it.soft("accepted"), &it.soft("in flight"));
        assert_eq!(it.state(both), Some(EntryState::Accepted));
    }
}

#[test]
fn a_claim_that_is_dropped_is_released() {
    let it = Setting::with_room_for(1000);
    let held = it
        .claim(two(&it.firm("signature"), &it.soft("id")))
        .unwrap();
    assert_eq!(it.stats().entries(), 2);
    drop(held);
    assert_eq!(it.stats().entries(), 0);
    it.accept(it.soft("id"));
}

#[test]
fn what_happened_is_counted() {
    let it = Setting::with_room_for(1000);
    it.accept(it.soft("a"));
    assert_eq!(it.state(it.soft("a")), Some(EntryState::Accepted));
    let held = it.claim(it.soft("b")).unwrap();
    assert_eq!(it.state(it.soft("b")), Some(EntryState::InFlight));
    drop(held);
    let stats = it.stats();
    let counted = [
        stats.claimed(),
        stats.accepted(),
        stats.in_flight(),
        stats.full(),
    ];
    assert_eq!(counted, [2, 1, 1, 0]);
    assert_eq!((stats.committed(), stats.released()), (1, 1));
    assert_eq!((stats.entries(), stats.forgotten()), (1, 0));
}
