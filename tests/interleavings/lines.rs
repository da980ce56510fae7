//! The turns: as many at once as there may be, nobody forgotten, and none lost with whoever stops waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use shuttle::future::{block_on, spawn, yield_now};

use crate::clock::PATIENT;
use crate::directory::Concurrency;
use crate::gate::Turns;
use crate::{at_random, everywhere};

const IMPATIENT: Duration = Duration::from_secs(1);

/// Takes a turn for each of `waits` at the same time. Gives how many got one.
fn together<const N: usize>(turns: &Turns, per_key: u32, waits: [Duration; N]) -> u32 {
    let under_way = Arc::new(AtomicU32::new(0));
    block_on(async {
        let tasks = waits.map(|wait| {
            let (turns, under_way) = (turns.clone(), under_way.clone());
            spawn(async move {
                let Some(turn) = turns.take(Concurrency { per_key, wait }).await else {
                    return 0;
                };
                assert!(under_way.fetch_add(1, SeqCst) < per_key, "too many at once");
                yield_now().await;
                under_way.fetch_sub(1, SeqCst);
                drop(turn);
                1
            })
        });
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    })
}

/// Whether all turns are there again.
fn are_all_free(turns: &Turns, per_key: u32) -> bool {
    let rule = Concurrency {
        per_key,
        wait: Duration::ZERO,
    };
    block_on(async {
        let mut taken = Vec::new();
        for _ in 0..per_key {
            taken.extend(turns.take(rule).await);
        }
        taken.len() == per_key as usize && turns.take(rule).await.is_none()
    })
}

#[test]
fn whoever_waits_gets_a_turn_and_never_more_at_once_than_there_are() {
    // A turn that is not passed on leaves somebody waiting for ever, which the checker reports as a deadlock.
    everywhere(|| {
        let turns = Turns::default();
        assert_eq!(together(&turns, 1, [PATIENT; 2]), 2);
        assert!(are_all_free(&turns, 1));
    });
    for per_key in [1, 2] {
        at_random(move || {
            let turns = Turns::default();
            assert_eq!(together(&turns, per_key, [PATIENT; 4]), 4);
            assert!(are_all_free(&turns, per_key));
        });
    }
}

#[test]
fn a_turn_is_not_lost_with_whoever_stops_waiting_for_it() {
    at_random(|| {
        let turns = Turns::default();
        let waits = [PATIENT, IMPATIENT, IMPATIENT, PATIENT];
        assert!(together(&turns, 1, waits) >= 2);
        assert!(are_all_free(&turns, 1));
    });
    at_random(|| {
        let turns = Turns::default();
        let waits = [IMPATIENT, IMPATIENT, Duration::ZERO, PATIENT, IMPATIENT];
        assert!(together(&turns, 2, waits) >= 1);
        assert!(are_all_free(&turns, 2));
    });
}

#[test]
fn turns_go_on_when_their_number_changes_while_some_wait() {
    at_random(|| {
        let turns = Turns::default();
        let rule = |per_key| Concurrency {
            per_key,
            wait: PATIENT,
        };
        block_on(async {
            let tasks = [2, 1, 3, 1].map(|per_key| {
                let turns = turns.clone();
                spawn(async move {
                    let turn = turns.take(rule(per_key)).await;
                    yield_now().await;
                    turn.is_some()
                })
            });
            for task in tasks {
                assert!(task.await.unwrap());
            }
        });
        assert!(are_all_free(&turns, 2));
    });
}
