//! Tests of the budget: the shares of several holders, and that every lease is returned.
//!
//! They stand in a file of their own, because the tests of the model checker compile `budget.rs` again.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Budget, Lease, OverBudgetError};

const MIB: u64 = 1024 * 1024;

#[expect(
    clippy::unnecessary_wraps,
    reason = "the budget takes a client that it may not know"
)]
fn client(number: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, number]))
}

fn connection(budget: &Arc<Budget>, client: Option<IpAddr>, bytes: u64) -> Option<Lease> {
    let mut lease = budget.connection(client);
    lease.grow_to(bytes).ok().map(|()| lease)
}

fn request(budget: &Arc<Budget>, client: Option<IpAddr>, bytes: u64) -> Option<Lease> {
    let mut lease = budget.request(client).ok()?;
    lease.grow_to(bytes).ok().map(|()| lease)
}

#[test]
fn one_client_leaves_a_third_for_others_whatever_it_leases() {
    for bytes in [4096, 64 * 1024, MIB, 4 * MIB] {
        let budget = Budget::new(1024 * MIB);
        let held: Vec<Lease> =
            std::iter::from_fn(|| connection(&budget, client(1), bytes)).collect();
        assert!(budget.leased() <= 700 * MIB, "{bytes}: {}", budget.leased());
        let other = connection(&budget, client(2), 100 * MIB);
        assert!(other.is_some(), "{bytes}");
        drop(held);
    }
}

#[test]
fn five_greedy_clients_leave_room_for_the_next_one() {
    let budget = Budget::new(1024 * MIB);
    let mut held = Vec::new();
    // Each leaves a third of what it finds: the gate never takes memory back from a connection that it serves.
    for number in 1..=5 {
        held.extend(std::iter::from_fn(|| {
            connection(&budget, client(number), 64 * 1024)
        }));
    }
    assert!(connection(&budget, client(6), 64 * 1024).is_some());
    assert!(
        budget
            .body(client(6), "workflows/a")
            .grow_to(64 * 1024)
            .is_ok()
    );
}

#[test]
fn an_endpoint_has_a_share_as_a_client_has() {
    let budget = Budget::new(64 * MIB);
    let lease = |number: u8, endpoint: &str| {
        let mut lease = budget.body(client(number), endpoint);
        lease.grow_to(64 * 1024).map(|()| lease)
    };
    let held: Vec<Lease> = (1..=255)
        .cycle()
        .map_while(|number| lease(number, "workflows/busy").ok())
        .collect();
    assert!(budget.used() < 44 * MIB, "{}", budget.used());
    assert!(lease(1, "workflows/quiet").is_ok());
    drop(held);
}

/// A greedy sender: it leases all memory that it can get, and never finishes.
async fn hold(mut lease: Lease, bytes: u64) -> bool {
    if lease.obtain(bytes).await.is_err() {
        return false;
    }
    lease.revoked().await;
    true
}

#[tokio::test]
async fn twenty_greedy_clients_at_one_endpoint_leave_room_for_the_next_one_there_and_elsewhere() {
    for endpoint in ["workflows/flooded", "workflows/quiet"] {
        let budget = Budget::new(64 * MIB);
        let mut greedy = tokio::task::JoinSet::new();
        for number in 1..=20 {
            // Together more than the budget.
            for _ in 0..100 {
                greedy.spawn(hold(
                    budget.body(client(number), "workflows/flooded"),
                    64 * 1024,
                ));
            }
            tokio::task::yield_now().await;
        }
        let mut connection = budget.connection(client(21));
        assert_eq!(connection.obtain(MIB).await, Ok(()), "{endpoint}");
        let mut request = budget.request(client(21)).unwrap();
        assert_eq!(request.obtain(MIB).await, Ok(()), "{endpoint}");
        let mut genuine = budget.body(client(21), endpoint);
        assert_eq!(genuine.obtain(64 * 1024).await, Ok(()), "{endpoint}");
        assert_eq!(genuine.obtain(2 * MIB).await, Ok(()), "{endpoint}");
        genuine.keep();
        greedy.shutdown().await;
        drop((genuine, request, connection));
        assert_eq!(budget.leased(), 0);
        assert!(budget.reclaimed() > 0);
    }
}

#[tokio::test]
async fn whoever_holds_more_takes_nothing_back() {
    let budget = Budget::new(64 * MIB);
    let mut greedy = budget.body(client(1), "workflows/a");
    assert_eq!(greedy.obtain(30 * MIB).await, Ok(()));
    let mut other = budget.body(client(2), "workflows/b");
    assert_eq!(other.obtain(10 * MIB).await, Ok(()));
    assert_eq!(greedy.obtain(50 * MIB).await, Err(OverBudgetError));
    let mut more = budget.body(client(1), "workflows/a");
    assert_eq!(more.obtain(16 * MIB).await, Err(OverBudgetError));
    drop((greedy, other, more));
    assert_eq!(budget.reclaimed(), 0);
}

#[tokio::test]
async fn a_body_that_has_come_is_not_taken_back() {
    let budget = Budget::new(64 * MIB);
    let mut greedy = budget.body(client(1), "workflows/a");
    assert_eq!(greedy.obtain(37 * MIB).await, Ok(()));
    // The body was revoked, but it arrives before its task notices.
    let asking = Arc::clone(&budget);
    let asking = tokio::spawn(async move {
        let mut other = asking.body(client(2), "workflows/b");
        other.obtain(25 * MIB).await
    });
    greedy.revoked().await;
    greedy.keep();
    assert_eq!(asking.await.unwrap(), Err(OverBudgetError));
    drop(greedy);
    assert_eq!((budget.leased(), budget.reclaimed()), (0, 0));
}

#[test]
fn requests_in_flight_are_limited_and_shared() {
    let budget = Budget::limited(1024 * MIB, 90);
    let request = |number| request(&budget, client(number), 1);
    let held: Vec<Lease> = std::iter::from_fn(|| request(1)).collect();
    assert_eq!(held.len(), 60);
    let others: Vec<Lease> = (2..=255).map_while(request).collect();
    assert_eq!(others.len(), 30);
    drop((held, others));
    assert_eq!(budget.requests(), 0);
}

#[test]
fn the_addresses_of_one_ipv6_network_are_one_client() {
    let budget = Budget::new(12 * MIB);
    let held: Vec<Lease> = (0..100_u16)
        .map_while(|number| {
            let address = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, number]);
            connection(&budget, Some(address), MIB)
        })
        .collect();
    assert!(held.len() <= 8, "{}", held.len());
}

proptest! {
    #[test]
    fn whatever_is_leased_and_returned_the_sums_are_right_and_nothing_is_left(
        steps in proptest::collection::vec((0..8_usize, 0..4_u8, 0..3 * MIB), 1..200)
    ) {
        let budget = Budget::limited(8 * MIB, 6);
        let mut leases: Vec<Option<(Lease, u64)>> = (0..8).map(|_| None).collect();
        for (place, number, bytes) in steps {
            match (number, &mut leases[place]) {
                (3, lease) => {
                    *lease = None;
                    *lease = request(&budget, client(1), 1000).map(|lease| (lease, 1000));
                }
                (_, Some((lease, held))) if number == 0 => {
                    lease.shrink_to(bytes);
                    *held = bytes.min(*held);
                }
                (_, Some((lease, held))) => {
                    if lease.grow_to(bytes).is_ok() {
                        *held = bytes.max(*held);
                    }
                }
                (_, lease) => *lease = Some((budget.body(client(number), "e"), 0)),
            }
            let held: u64 = leases.iter().flatten().map(|(_, held)| held).sum();
            prop_assert_eq!(budget.leased(), held);
            prop_assert!(held <= budget.total());
        }
        drop(leases);
        prop_assert_eq!(budget.leased(), 0);
        prop_assert_eq!(budget.used(), 0);
        prop_assert_eq!(budget.bodies(), 0);
        prop_assert_eq!(budget.requests(), 0);
        // Every lease was returned.
        prop_assert!(budget.body(client(1), "e").grow_to(4 * MIB).is_ok());
    }
}
