//! Many nodes on one database: what is done through one is in force at the others within a second.

use super::*;
use crate::rotation::within_a_second;

#[test]
fn a_rotation_through_one_node_is_in_force_at_every_node_within_a_second() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let first = Gate::before(&backend)
        .on(&database)
        .endpoint("hmac")
        .start();
    let nodes = [
        first.beside(&backend).start(),
        first.beside(&backend).start(),
    ];
    let mut old = first.secret(ID);
    for _ in 0..3 {
        for node in &nodes {
            assert_eq!(signed_with(node, &old), 202);
        }
        // By the command line beside the first node.
        first.run(&["secret", "rotate", ID]).succeeded();
        let since = std::time::Instant::now();
        for node in &nodes {
            within_a_second(|| signed_with(node, &old) == 401);
        }
        assert!(since.elapsed().as_millis() < 1000, "{:?}", since.elapsed());
        let new = first.secret(ID);
        for node in &nodes {
            assert_eq!(signed_with(node, &new), 202);
        }
        old = new;
    }
}

#[test]
fn an_endpoint_that_one_node_makes_and_deletes_comes_and_goes_at_another() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let first = Gate::before(&backend).on(&database).start();
    let other = first.beside(&backend).start();
    for _ in 0..3 {
        assert_eq!(unproven(&other, PATH).status, 404);
        let first = first.run(&[
            "endpoint",
            "create",
            ID,
            "--organisation",
            "acme",
            "--workspace",
            "main",
            "--mode",
            "hmac",
        ]);
        first.succeeded();
        within_a_second(|| unproven(&other, PATH).status == 401);
        other.run(&["endpoint", "delete", ID]).succeeded();
        within_a_second(|| unproven(&other, PATH).status == 404);
    }
}

#[test]
fn a_change_is_in_force_within_a_second_even_if_no_notification_arrives() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .on(&database)
        .endpoint("hmac")
        .start();
    // Nothing is told any more, and the gate believes that it would be.
    database.run("ALTER TABLE changes DISABLE TRIGGER changes_are_told");
    for _ in 0..3 {
        let old = gate.secret(ID);
        assert_eq!(signed_with(&gate, &old), 202);
        gate.run(&["secret", "rotate", ID]).succeeded();
        within_a_second(|| signed_with(&gate, &old) == 401);
    }
}

#[test]
fn a_node_at_rest_asks_the_database_once_a_second_or_so() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .on(&database)
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    assert_eq!(signed_with(&gate, &secret), 202);
    let transactions = || {
        database.run("SELECT pg_stat_clear_snapshot()");
        database.number(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'gate'",
        )
    };
    std::thread::sleep(std::time::Duration::from_secs(3));
    let before = transactions();
    for _ in 0..50 {
        assert_eq!(signed_with(&gate, &secret), 202);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let asked = transactions() - before;
    // A look costs a question and two pings of its connection; what counts here is that 50 deliveries
    // cost nothing.
    assert!(asked < 50, "{asked} transactions in five seconds");
}
