//! Many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis::ledger::{Held, Ledger, Standing};
use tokio::sync::Barrier;

use crate::setting::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_tasks_with_one_id_exactly_one_is_let_through() {
    let it = Arc::new(Setting::with_room_for(100_000));
    let (let_through, in_flight, accepted) = <(AtomicUsize, AtomicUsize, AtomicUsize)>::default();
    let counts = Arc::new([let_through, in_flight, accepted]);
    let barrier = Arc::new(Barrier::new(TASKS));
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (it, counts, barrier) = (it.clone(), counts.clone(), barrier.clone());
            tokio::spawn(async move {
                // A retry is signed anew, with the same id.
                let entries = two(&it.firm(&format!("signature {number}")), &it.soft("id"));
                let ledger: Arc<dyn Ledger> = it.ledger.clone();
                barrier.wait().await;
                let claimed = Held::claim(&ledger, entries, LEASE).await.unwrap();
                match claimed.map_err(|taken| taken.standing) {
                    Ok(held) => {
                        counts[0].fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        held.settle(true).await.unwrap();
                    }
                    Err(Standing::InFlight) => {
                        counts[1].fetch_add(1, Ordering::SeqCst);
                    }
                    Err(Standing::Accepted) => {
                        counts[2].fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let [let_through, in_flight, accepted] = [0, 1, 2].map(|at| counts[at].load(Ordering::SeqCst));
    assert_eq!(let_through, 1);
    assert_eq!(in_flight + accepted, TASKS - 1);
    // The signatures of those that were turned away are not remembered.
    assert_eq!(it.stats().entries(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_fails_lets_the_next_through_and_never_two_at_a_time() {
    let it = Arc::new(Setting::with_room_for(100_000));
    let at_the_backend = Arc::new(AtomicUsize::new(0));
    let asked = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (it, here, asked) = (it.clone(), at_the_backend.clone(), asked.clone());
            tokio::spawn(async move {
                let ledger: Arc<dyn Ledger> = it.ledger.clone();
                loop {
                    let claimed = Held::claim(&ledger, it.soft("id"), LEASE).await.unwrap();
                    match claimed.map_err(|taken| taken.standing) {
                        Ok(held) => {
                            assert_eq!(here.fetch_add(1, Ordering::SeqCst), 0);
                            tokio::task::yield_now().await;
                            let times = asked.fetch_add(1, Ordering::SeqCst);
                            assert_eq!(here.fetch_sub(1, Ordering::SeqCst), 1);
                            // Ten times the backend fails, or the task is broken off.
                            match times {
                                0..5 => held.settle(false).await.unwrap(),
                                5..10 => drop(held),
                                _ => held.settle(true).await.unwrap(),
                            }
                        }
                        Err(Standing::InFlight) => tokio::task::yield_now().await,
                        Err(Standing::Accepted) => return,
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 11);
}

const TASKS: usize = 1000;
