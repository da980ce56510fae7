//! The budget: never more than there is, and everything back in the end.

use std::sync::Arc;

use shuttle::thread;

use crate::gate::Budget;
use crate::{at_random, everywhere};

const MIB: u64 = 1024 * 1024;

/// Lets a body of an endpoint of its own grow through each of `sizes` as far as there is room, while others do.
fn together<const N: usize>(total: u64, bodies: [&'static [u64]; N]) -> [usize; N] {
    let budget = Budget::new(total);
    let mut number = 0;
    let threads = bodies.map(|sizes| {
        let budget = Arc::clone(&budget);
        number += 1;
        let endpoint = format!("workflows/{number}");
        thread::spawn(move || {
            let mut lease = budget.body(None, &endpoint);
            let mut grown = 0;
            for size in sizes {
                if lease.grow_to(*size).is_err() {
                    break;
                }
                assert!(budget.leased() <= budget.total(), "more than there is");
                assert!(budget.used() >= *size, "less than is held");
                lease.shrink_to(*size / 2);
                grown += 1;
            }
            drop(lease);
            grown
        })
    });
    let grown = threads.map(|thread| thread.join().unwrap());
    assert_eq!(budget.leased(), 0, "something was not given back");
    assert_eq!((budget.used(), budget.bodies()), (0, 0));
    grown
}

#[test]
fn no_interleaving_leases_more_than_there_is_and_everything_comes_back() {
    everywhere(|| {
        together(100, [&[60], &[60]]);
    });
    at_random(|| {
        together(100, [&[30, 60, 90], &[50, 100], &[20, 40], &[100]]);
    });
}

#[test]
fn large_bodies_leave_room_for_small_ones_in_every_interleaving() {
    at_random(|| {
        let large: &[u64] = &[4 * MIB];
        let grown = together(8 * MIB, [large, large, &[MIB], large]);
        // An eighth is kept for it.
        assert_eq!(grown[2], 1);
    });
}
