//! The ledger: claim, commit and release.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shuttle::future::block_on;
use shuttle::thread;

use crate::ledger::*;
use crate::{at_random, everywhere, exhaustively};

/// A clock that stands still until somebody moves it.
struct Hand(AtomicI64);

impl portcullis::clock::Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(SeqCst)).unwrap()
    }
}

/// A ledger, the hand on its clock, and who is with the backend. The counters are no part of what is explored.
#[derive(Clone)]
struct Setting {
    own: Arc<InProcessLedger>,
    ledger: Arc<dyn Ledger>,
    hand: Arc<Hand>,
    at_the_backend: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
}

impl Setting {
    fn new() -> Self {
        Self::with_room_for(100)
    }

    fn with_room_for(capacity: usize) -> Self {
        let hand = Arc::new(Hand(AtomicI64::new(1_800_000_000)));
        let own = Arc::new(InProcessLedger::new(capacity, hand.clone()));
        Self {
            ledger: own.clone(),
            own,
            hand,
            at_the_backend: Arc::default(),
            accepted: Arc::default(),
        }
    }

    fn entries(&self, names: &[&str]) -> Entries {
        let mut places = [None; Entries::MOST];
        let until = self.now() + SignedDuration::from_hours(1);
        for (place, name) in places.iter_mut().zip(names) {
            *place = Some(Entry {
                key: Key::of("workflows/a", EntryKind::SignedId, &[name.as_bytes()]),
                keep: Retention::Pinned(until),
            });
        }
        Entries::from(places)
    }

    fn now(&self) -> Timestamp {
        portcullis::clock::Clock::now(&*self.hand)
    }

    fn claim(&self, names: &[&str]) -> Result<LedgerClaim, EntryState> {
        let claimed = LedgerClaim::claim(&self.ledger, self.entries(names), LEASE);
        let claimed = block_on(claimed).unwrap();
        claimed.map_err(|taken| taken.state)
    }

    /// Delivers once: alone at the backend, or not at all. Gives what the sender is told, if it is refused.
    fn deliver(&self, names: &[&str], ends: Ends) -> Option<EntryState> {
        let held = match self.claim(names) {
            Ok(held) => held,
            Err(state) => return Some(state),
        };
        assert_eq!(self.at_the_backend.fetch_add(1, SeqCst), 0, "two at once");
        assert_eq!(self.accepted.load(SeqCst), 0, "it was accepted before");
        thread::yield_now();
        self.at_the_backend.fetch_sub(1, SeqCst);
        match ends {
            Ends::Accepted => {
                self.accepted.fetch_add(1, SeqCst);
                held.settle_detached(true);
            }
            Ends::Refused => block_on(held.settle(false)).unwrap(),
            Ends::Broken => drop(held),
        }
        None
    }

    fn remembered(&self) -> u64 {
        self.own.stats().entries()
    }
}

/// What becomes of a delivery at the backend.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Ends {
    Accepted,
    Refused,
    Broken,
}

/// Runs a delivery on a thread of its own for each of these, and gives what the senders were told.
fn together<const N: usize>(
    setting: &Setting,
    deliveries: [(&'static [&'static str], Ends); N],
) -> [Option<EntryState>; N] {
    let threads = deliveries.map(|(names, ends)| {
        let setting = setting.clone();
        thread::spawn(move || setting.deliver(names, ends))
    });
    threads.map(|thread| thread.join().unwrap())
}

#[test]
fn two_copies_are_never_both_delivered_however_the_first_one_ends() {
    for ends in [Ends::Accepted, Ends::Refused, Ends::Broken] {
        exhaustively(move || {
            let setting = Setting::new();
            let told = together(&setting, [(&["id"], ends), (&["id"], Ends::Accepted)]);
            let accepted = told[1].is_none() || (told[0].is_none() && ends == Ends::Accepted);
            let expected = accepted.then_some(EntryState::Accepted);
            assert_eq!(setting.claim(&["id"]).err(), expected);
        });
    }
}

#[test]
fn of_copies_that_come_together_one_is_delivered_and_nothing_of_the_others_stays() {
    let scenario = || {
        let setting = Setting::new();
        // Each is signed anew, with the same id.
        let told = together(
            &setting,
            [
                (&["signature 1", "id"], Ends::Accepted),
                (&["signature 2", "id"], Ends::Accepted),
            ],
        );
        assert_eq!(told.iter().filter(|told| told.is_none()).count(), 1);
        assert_eq!(setting.remembered(), 2);
        assert_eq!(setting.claim(&["id"]).err(), Some(EntryState::Accepted));
    };
    everywhere(scenario);
    at_random(|| {
        let setting = Setting::new();
        let told = together(
            &setting,
            [
                (&["signature 1", "id"], Ends::Accepted),
                (&["signature 2", "id"], Ends::Accepted),
                (&["signature 1", "id"], Ends::Accepted),
                (&["signature 3", "id"], Ends::Accepted),
            ],
        );
        assert_eq!(told.iter().filter(|told| told.is_none()).count(), 1);
        assert_eq!(setting.remembered(), 2);
    });
}

#[test]
fn deliveries_that_share_keys_in_opposite_orders_neither_block_nor_both_pass() {
    let scenario = || {
        let setting = Setting::new();
        let told = together(
            &setting,
            [(&["a", "b"], Ends::Accepted), (&["b", "a"], Ends::Accepted)],
        );
        let delivered = told.iter().filter(|told| told.is_none()).count();
        // Both may find the other in flight: their senders repeat them.
        assert!(delivered <= 1);
        assert_eq!(setting.remembered(), 2 * delivered as u64);
        if delivered == 0 {
            assert_eq!(setting.deliver(&["a", "b"], Ends::Accepted), None);
        }
    };
    everywhere(scenario);
    at_random(scenario);
}

#[test]
fn what_fails_or_breaks_off_is_given_up_whole_and_what_is_accepted_stays() {
    let scenario = || {
        let setting = Setting::new();
        let told = together(
            &setting,
            [
                (&["signature 1", "id"], Ends::Refused),
                (&["signature 2", "id"], Ends::Broken),
                (&["signature 3", "id"], Ends::Accepted),
            ],
        );
        let accepted = told[2].is_none();
        assert_eq!(setting.remembered(), 2 * u64::from(accepted));
        let expected = accepted.then_some(EntryState::Accepted);
        assert_eq!(setting.deliver(&["id"], Ends::Accepted), expected);
    };
    at_random(scenario);
}

#[test]
fn a_claim_whose_lease_has_ended_takes_nothing_away_from_the_next_one() {
    let scenario = || {
        let setting = Setting::new();
        let late = setting.claim(&["id"]).unwrap();
        setting.hand.0.fetch_add(31, SeqCst);
        let next = setting.claim(&["id"]).unwrap();
        let settling = [(late, false), (next, true)]
            .map(|(held, accepted)| thread::spawn(move || held.settle_detached(accepted)));
        for thread in settling {
            thread.join().unwrap();
        }
        assert_eq!(setting.claim(&["id"]).err(), Some(EntryState::Accepted));
    };
    everywhere(scenario);
    let accepted_late = || {
        let setting = Setting::new();
        let late = setting.claim(&["id"]).unwrap();
        setting.hand.0.fetch_add(31, SeqCst);
        let next = setting.claim(&["id"]).unwrap();
        let settling = [(late, true), (next, false)]
            .map(|(held, accepted)| thread::spawn(move || held.settle_detached(accepted)));
        for thread in settling {
            thread.join().unwrap();
        }
        // Accepted is accepted, whoever has claimed it since.
        assert_eq!(setting.claim(&["id"]).err(), Some(EntryState::Accepted));
    };
    exhaustively(accepted_late);
}

#[test]
fn a_full_ledger_refuses_and_loses_nothing_that_must_be_kept() {
    let scenario = || {
        let setting = Setting::with_room_for(2);
        let threads = [["a", "b"], ["c", "d"]].map(|names| {
            let setting = setting.clone();
            thread::spawn(move || {
                let claimed = LedgerClaim::claim(&setting.ledger, setting.entries(&names), LEASE);
                match block_on(claimed) {
                    Ok(Ok(held)) => {
                        held.settle_detached(true);
                        true
                    }
                    Ok(Err(taken)) => panic!("{taken:?}"),
                    Err(Unavailable::Full) => false,
                    Err(other) => panic!("{other}"),
                }
            })
        });
        let accepted = threads.map(|thread| thread.join().unwrap());
        assert!(!accepted.iter().all(|it| *it), "there is room for one");
        for (names, accepted) in [["a", "b"], ["c", "d"]].iter().zip(accepted) {
            if accepted {
                for name in names {
                    let known = setting.claim(&[name]).err();
                    assert_eq!(known, Some(EntryState::Accepted), "{name}");
                }
            }
        }
        let some = accepted.iter().any(|it| *it);
        assert_eq!(setting.remembered(), 2 * u64::from(some));
    };
    everywhere(scenario);
    at_random(scenario);
}

const LEASE: Duration = Duration::from_secs(30);
