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
        first.run(&["secret", "rotate", "--yes", ID]).succeeded();
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
        other.run(&["endpoint", "delete", "--yes", ID]).succeeded();
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
        gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
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
    let reads = || {
        let metrics = gate.metrics();
        let lines = metrics
            .lines()
            .filter(|line| line.contains("{result=\"miss\"}"));
        lines.map(str::to_owned).collect::<Vec<String>>()
    };
    let before = reads();
    assert!(before.len() >= 2, "of endpoints and of secrets: {before:?}");
    for _ in 0..200 {
        assert_eq!(signed_with(&gate, &secret), 202);
    }
    assert_eq!(reads(), before);
}
