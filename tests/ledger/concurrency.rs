//! Many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::ledger::{EntryState, LedgerClaim};
use tokio::sync::Barrier;

use crate::setting::*;

on_every_ledger! {
    fn of_a_thousand_tasks_with_one_id_exactly_one_is_let_through(it: Setting) {
        let counts = Arc::new(<[AtomicUsize; 3]>::default());
        let barrier = Arc::new(Barrier::new(TASKS));
        it.run(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|number| {
                    let (ledger, counts, barrier) = (it.ledger.clone(), counts.clone(), barrier.clone());
                    // A retry is signed anew, with the same id.
                    let entries = two(&it.firm(&format!("signature {number}")), &it.soft("id"));
                    tokio::spawn(async move {
                        barrier.wait().await;
                        let claimed = LedgerClaim::claim(&ledger, entries, LEASE).await.unwrap();
                        match claimed.map_err(|taken| taken.state) {
                            Ok(held) => {
                                counts[0].fetch_add(1, Ordering::SeqCst);
                                // Others come meanwhile.
                                while counts[1].load(Ordering::SeqCst) < TASKS / 2 {
                                    tokio::task::yield_now().await;
                                }
                                held.settle(true).await.unwrap();
                            }
                            Err(EntryState::InFlight) => {
                                counts[1].fetch_add(1, Ordering::SeqCst);
                            }
                            Err(EntryState::Accepted) => {
                                counts[2].fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let [let_through, in_flight, accepted] =
            [0, 1, 2].map(|at| counts[at].load(Ordering::SeqCst));
        assert_eq!(let_through, 1);
        assert_eq!(in_flight + accepted, TASKS - 1);
        // The signatures of those that were turned away are not remembered.
        assert_eq!(it.entries(), 2);
    }

    fn one_that_fails_lets_the_next_through_and_never_two_at_a_time(it: Setting) {
        let at_the_backend = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(AtomicUsize::new(0));
        it.run(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let (ledger, entries) = (it.ledger.clone(), it.soft("id"));
                    let (here, asked) = (at_the_backend.clone(), asked.clone());
                    tokio::spawn(async move {
                        loop {
                            let claimed = LedgerClaim::claim(&ledger, entries, LEASE).await.unwrap();
                            match claimed.map_err(|taken| taken.state) {
                                Ok(held) => {
                                    assert_eq!(here.fetch_add(1, Ordering::SeqCst), 0);
                                    tokio::task::yield_now().await;
                                    let times = asked.fetch_add(1, Ordering::SeqCst);
                                    assert_eq!(here.fetch_sub(1, Ordering::SeqCst), 1);
                                    // Ten times the backend fails; then it has had enough.
                                    match times {
                                        0..5 => held.settle(false).await.unwrap(),
                                        5..10 => held.settle_detached(false),
                                        _ => held.settle_detached(true),
                                    }
                                }
                                Err(EntryState::InFlight) => tokio::task::yield_now().await,
                                Err(EntryState::Accepted) => return,
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(asked.load(Ordering::SeqCst), 11);
    }

    fn what_is_settled_unwatched_is_known_to_whoever_comes_next(it: Setting) {
        for (name, accepted) in [("a", true), ("b", false)] {
            let held = it.claim(it.soft(name)).unwrap();
            it.run(async { held.settle_detached(accepted) });
            let expected = accepted.then_some(EntryState::Accepted);
            assert_eq!(it.state(it.soft(name)), expected);
        }
        it.drain();
    }
}

const TASKS: usize = 1000;
