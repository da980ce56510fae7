//! Many nodes on one database: what is done through one is in force at the others within a second.

use super::*;

#[test]
fn a_rotation_through_one_node_is_in_force_at_every_node() {
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
        for node in &nodes {
            in_force(|| signed_with(node, &old) == 401);
        }
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
        in_force(|| unproven(&other, PATH).status == 401);
        other.run(&["endpoint", "delete", ID]).succeeded();
        in_force(|| unproven(&other, PATH).status == 404);
    }
}

#[test]
fn a_change_is_in_force_even_if_no_notification_arrives() {
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
        in_force(|| signed_with(&gate, &old) == 401);
    }
}

#[test]
fn deliveries_to_a_known_endpoint_cost_the_database_nothing() {
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
    // Looks at the changes go on at their own pace, and each costs a question and two pings of its connection. So what is
    // counted is the price of many deliveries in a time in which there are few looks, on this machine.
    let mut deliveries = 0;
    let before = transactions();
    let begun = std::time::Instant::now();
    eventually("there are many more deliveries than looks", || {
        for _ in 0..50 {
            assert_eq!(signed_with(&gate, &secret), 202);
            deliveries += 1;
        }
        // A look every 200 ms at most, and what the gate writes down every few seconds.
        let looks = 5 * i64::try_from(begun.elapsed().as_secs()).unwrap() + 10;
        let asked = transactions() - before;
        assert!(asked < 10 * looks + deliveries / 2, "{asked} transactions");
        deliveries > 100 * looks
    });
}
