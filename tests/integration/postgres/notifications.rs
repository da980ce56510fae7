//! What the database tells by itself, and who has to wait for whom.

use std::time::Duration;

use portcullis::directory::EndpointStore as _;
use portcullis::secrets::SecretStore as _;
use portcullis::task::Tasks;
use sqlx::Connection as _;

use super::*;
use crate::stores::{blocking, open, version};

#[test]
fn a_store_rings_when_another_node_has_changed_something_and_after_a_lost_connection_too() {
    let database = Postgres::start();
    blocking(async {
        let (one, other) = (open(&database).await, open(&database).await);
        let notifier = one.change_notifier(&Tasks::default()).unwrap();
        let rings = || tokio::time::timeout(PATIENCE, notifier.notified());
        // Whoever begins to listen looks once.
        rings().await.unwrap();
        assert!(notifier.is_listening());
        for number in 1..4 {
            let silent = tokio::time::timeout(Duration::from_millis(100), notifier.notified());
            assert!(silent.await.is_err(), "it rings for nothing");
            other.install(version("a#a", number, 60, 60)).await.unwrap();
            rings().await.unwrap();
        }
        // What fails tells nothing.
        assert!(other.install(version("a#a", 1, 60, 60)).await.is_err());
        let silent = tokio::time::timeout(Duration::from_millis(100), notifier.notified());
        assert!(silent.await.is_err(), "it rings for nothing");
    });
    blocking(async {
        let one = open(&database).await;
        let notifier = one.change_notifier(&Tasks::default()).unwrap();
        notifier.notified().await;
        for _ in 0..2 {
            // The listener's own connection is cut; it comes back, and rings for what it may have missed.
            let cut = sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE query LIKE 'LISTEN%' OR query LIKE 'SELECT 1'",
            );
            let url = database.url_with_password();
            let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
            cut.execute(&mut connection).await.unwrap();
            let rung = tokio::time::timeout(PATIENCE, notifier.notified());
            rung.await.expect("it listens again");
            assert!(notifier.is_listening());
        }
    });
}

#[test]
fn whoever_holds_the_lock_of_writers_keeps_others_no_longer_than_their_time() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .on(&database)
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    let gate = database.with_writers_locked(|| {
        let gate = gate.with("store", "connect_timeout = \"500ms\"\ntimeout = \"1s\"");
        let output = gate.run(&["secret", "rotate", "--yes", ID]).failed_with(5);
        assert!(output.contains("nothing was changed"), "{output}");
        let gate = gate.with_only("store", "").on(&database);
        // Nobody who reads waits for it.
        assert_eq!(signed_with(&gate, &secret), 202);
        assert!(gate.run(&["endpoint", "list"]).succeeded().contains(ID));
        gate
    });
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn a_gate_on_a_database_ends_when_it_is_told_to_whether_the_database_is_there_or_not() {
    let mut database = Postgres::start();
    let backend = Backend::accepting();
    for dead in [false, true] {
        let mut gate = Gate::before(&backend).on(&database).start();
        if dead {
            database.kill();
        }
        // The grace time is minutes: when it ends, the exit code says so.
        gate.signal("TERM");
        assert_eq!(gate.wait(), Some(0));
        let written = gate.everything_written();
        assert!(!written.contains("panic"), "{written}");
    }
    database.restart();
    let mut gate = Gate::before(&backend).on(&database).start();
    database.pause();
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
    database.resume();
}
