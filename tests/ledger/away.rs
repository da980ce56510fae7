//! The ledger of a fleet without its Redis, and what it says to it afterwards.

use std::sync::Arc;
use std::time::Duration;

use portcullis::ledger::{
    EntryState, FleetLedger, InProcessLedger, Ledger, LedgerClaim, OutagePolicy, RedisLedger,
    Unavailable,
};
use portcullis::redis::RedisFault;
use portcullis::task::Tasks;

use crate::redis::RedisServer;
use crate::setting::*;
use crate::waiting::PATIENCE;

/// Two nodes of one fleet, and their Redis in a hand that can kill it.
struct Away {
    server: RedisServer,
    one: Arc<FleetLedger>,
    two: Arc<FleetLedger>,
}

impl Away {
    /// The first of them has room for so much itself.
    async fn with_room_for(capacity: usize) -> Self {
        let server = RedisServer::start();
        let one = node(&server, capacity).await;
        let two = node(&server, 1000).await;
        Self { server, one, two }
    }

    async fn kill(&mut self) {
        self.server.kill();
        for node in [&self.one, &self.two] {
            let mut up = node.redis().watch();
            up.wait_for(|up| *up == Some(false)).await.unwrap();
        }
    }

    async fn restart(&mut self) {
        self.server.restart();
        for node in [&self.one, &self.two] {
            let mut up = node.redis().watch();
            up.wait_for(|up| *up == Some(true)).await.unwrap();
        }
    }
}

async fn node(server: &RedisServer, capacity: usize) -> Arc<FleetLedger> {
    let own = Arc::new(InProcessLedger::new(capacity, clock()));
    let shared = RedisLedger::new(
        settings(server),
        "test:".parse().unwrap(),
        clock(),
        &Tasks::default(),
    );
    shared.redis().ready().await.unwrap();
    Arc::new(FleetLedger::new(own, shared))
}

fn clock() -> Arc<dyn portcullis::clock::Clock> {
    Arc::new(portcullis::clock::SystemClock)
}

fn firm(name: &str) -> portcullis::ledger::Entries {
    one(portcullis::ledger::Entry {
        key: key(name),
        keep: portcullis::ledger::Retention::Pinned(jiff::Timestamp::now() + WINDOW),
    })
}

async fn claim(
    node: &Arc<FleetLedger>,
    entries: portcullis::ledger::Entries,
) -> Result<Result<LedgerClaim, EntryState>, Unavailable> {
    let ledger: Arc<dyn Ledger> = node.clone();
    let claimed = LedgerClaim::claim(&ledger, entries, LEASE).await?;
    Ok(claimed.map_err(|taken| taken.state))
}

async fn accept(node: &Arc<FleetLedger>, entries: portcullis::ledger::Entries) {
    let held = claim(node, entries).await.unwrap().unwrap();
    held.settle(true).await.unwrap();
}

/// Waits until it is so.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let polling = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let polled = tokio::time::timeout(PATIENCE, polling).await;
    assert!(polled.is_ok(), "not so after {PATIENCE:?}: {what}");
}

#[tokio::test]
async fn a_node_without_room_of_its_own_counts_on_redis_and_is_lost_without() {
    let mut it = Away::with_room_for(1).await;
    accept(&it.one, firm("a")).await;
    accept(&it.one, firm("b")).await;
    for name in ["a", "b"] {
        for node in [&it.one, &it.two] {
            let told = claim(node, firm(name)).await.unwrap();
            assert_eq!(told.err(), Some(EntryState::Accepted), "{name}");
        }
    }
    it.kill().await;
    for alone in [OutagePolicy::Local, OutagePolicy::Reject] {
        let told = claim(&it.one, firm("c").with_outage_policy(alone)).await;
        assert!(matches!(
            told,
            Err(Unavailable::Unreachable(RedisFault::Down(_)))
        ));
    }
    assert_eq!(
        (it.one.stats().refused(), it.one.stats().judged_locally()),
        (2, 0)
    );
}

#[tokio::test]
async fn who_is_refused_for_the_lack_of_redis_leaves_nothing_behind() {
    let mut it = Away::with_room_for(1000).await;
    it.kill().await;
    for _ in 0..2 {
        let told = claim(&it.one, firm("a")).await;
        assert!(matches!(told, Err(Unavailable::Unreachable(_))));
    }
    it.restart().await;
    accept(&it.one, firm("a")).await;
}

#[tokio::test]
async fn what_was_accepted_alone_is_told_and_what_failed_is_not() {
    let mut it = Away::with_room_for(1000).await;
    it.kill().await;
    let judged = |name: &str| firm(name).with_outage_policy(OutagePolicy::Local);
    accept(&it.one, judged("accepted")).await;
    let failed = claim(&it.one, judged("failed")).await.unwrap().unwrap();
    failed.settle(false).await.unwrap();
    let held = claim(&it.one, judged("under way")).await.unwrap().unwrap();
    assert_eq!(it.one.stats().judged_locally(), 3);
    it.restart().await;
    eventually("all is told", || it.one.pending_settlements() == 0).await;
    let told = claim(&it.two, firm("accepted")).await.unwrap();
    assert_eq!(told.err(), Some(EntryState::Accepted));
    accept(&it.two, firm("failed")).await;
    // It ends when Redis is back, and is told as usual.
    held.settle(true).await.unwrap();
    let told = claim(&it.two, firm("under way")).await.unwrap();
    assert_eq!(told.err(), Some(EntryState::Accepted));
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_learns_every_open_window() {
    let mut it = Away::with_room_for(100_000).await;
    for number in 0..500 {
        accept(&it.one, firm(&number.to_string())).await;
    }
    it.kill().await;
    it.restart().await;
    eventually("all is told again", || it.one.resent_windows() == 500).await;
    for number in 0..500 {
        let told = claim(&it.two, firm(&number.to_string())).await.unwrap();
        assert_eq!(told.err(), Some(EntryState::Accepted), "{number}");
    }
}

#[tokio::test]
async fn a_claim_that_is_broken_off_while_redis_is_asked_is_given_up() {
    let it = Away::with_room_for(1000).await;
    it.server.pause();
    {
        let asking = claim(&it.one, firm("a"));
        let broken_off = tokio::time::timeout(Duration::from_millis(50), asking).await;
        assert!(broken_off.is_err());
    }
    it.server.resume();
    eventually("it is let go", || it.server.keys().is_empty()).await;
    accept(&it.two, firm("a")).await;
}

#[tokio::test]
async fn more_than_can_wait_is_counted_and_the_newest_is_told() {
    let mut it = Away::with_room_for(100_000).await;
    it.kill().await;
    for number in 0..66_000 {
        accept(
            &it.one,
            firm(&number.to_string()).with_outage_policy(OutagePolicy::Local),
        )
        .await;
    }
    assert_eq!(it.one.dropped_settlements(), 66_000 - 65_536);
    assert_eq!(it.one.pending_settlements(), 65_536);
    it.restart().await;
    eventually("all is told", || it.one.pending_settlements() == 0).await;
    let told = claim(&it.two, firm("65999")).await.unwrap();
    assert_eq!(told.err(), Some(EntryState::Accepted));
}

#[tokio::test]
async fn what_was_given_up_takes_half_of_the_room_at_most_and_what_was_not_kept_is_counted() {
    let mut it = Away::with_room_for(100_000).await;
    it.kill().await;
    for number in 0..33_000 {
        let entries = firm(&number.to_string()).with_outage_policy(OutagePolicy::Local);
        let held = claim(&it.one, entries).await.unwrap().unwrap();
        held.settle(false).await.unwrap();
    }
    assert_eq!(it.one.pending_settlements(), 32_768);
    assert_eq!(it.one.dropped_settlements(), 33_000 - 32_768);
    // What is accepted still has its place.
    accept(
        &it.one,
        firm("accepted").with_outage_policy(OutagePolicy::Local),
    )
    .await;
    assert_eq!(it.one.pending_settlements(), 32_769);
    it.restart().await;
    eventually("all is told", || it.one.pending_settlements() == 0).await;
    let told = claim(&it.two, firm("accepted")).await.unwrap();
    assert_eq!(told.err(), Some(EntryState::Accepted));
}
