//! A database that dies, hangs, comes back: known endpoints go on, unknown ones get 503, and what changed
//! meanwhile is caught up without a restart.

use std::time::{Duration, Instant};

use super::*;
use crate::rotation::within_a_second;

/// A gate on a database, with an endpoint that is known to it and its secret, and one that is not.
fn running(database: &Postgres, directory: &str) -> (Gate, String) {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .on(database)
        .with("store", "connect_timeout = \"500ms\"\ntimeout = \"1s\"")
        .with("directory", directory)
        .endpoint("hmac")
        .endpoint_with("workflows/unknown-1", &["--mode", "hmac"])
        .endpoint_with("workflows/unknown-2", &["--mode", "hmac"])
        .start();
    std::mem::forget(backend);
    let secret = gate.secret(ID);
    assert_eq!(signed_with(&gate, &secret), 202);
    gate.wait_for_metric("portcullis_store_up", 1);
    (gate, secret)
}

/// The path of an endpoint that nobody has asked for before the given outage.
fn unknown(outage: usize) -> String {
    format!("/webhooks/ai/workflows/unknown-{outage}")
}

/// What holds while the database does not answer, however it does not.
#[track_caller]
fn goes_on_with_what_it_knows(gate: &Gate, secret: &str, outage: usize) {
    for _ in 0..20 {
        let since = Instant::now();
        assert_eq!(signed_with(gate, secret), 202);
        assert!(
            since.elapsed() < Duration::from_millis(500),
            "{:?}",
            since.elapsed()
        );
    }
    assert_eq!(signed_with(gate, "a-wrong-one"), 401);
    gate.wait_for_metric("portcullis_store_up", 0);
    // One that is there but not known, and one that is not there: nobody can tell them apart.
    for path in [&*unknown(outage), "/webhooks/ai/workflows/nope", "/nowhere"] {
        let since = Instant::now();
        let answer = unproven(gate, path);
        assert_eq!(
            (answer.status, answer.reason()),
            (503, "store_unavailable"),
            "{path}"
        );
        assert_eq!(answer.header("Retry-After"), "5");
        assert!(
            since.elapsed() < Duration::from_secs(3),
            "{:?}",
            since.elapsed()
        );
    }
    let ready = send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(ready.status, 200, "{}", ready.text());
    let report: serde_json::Value = serde_json::from_str(ready.text()).unwrap();
    assert_eq!(report["ready"], true);
    assert_ne!(report["parts"]["store"], "ok", "{report}");
    assert_ne!(report["parts"]["changes"], "ok", "{report}");
    assert!(!ready.text().contains(DATABASE_PASSWORD));
}

#[track_caller]
fn is_in_step_again(gate: &Gate, outage: usize) {
    gate.wait_for_metric("portcullis_store_up", 1);
    let ready = send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(ready.status, 200, "{}", ready.text());
    assert!(!ready.text().contains("not"), "{}", ready.text());
    assert_eq!(unproven(gate, &unknown(outage)).status, 401);
    assert_eq!(unproven(gate, "/webhooks/ai/workflows/nope").status, 404);
}

/// How often a line stands in what the gate has said about itself.
fn said(gate: &Gate, line: &str) -> usize {
    let all = gate.everything_written();
    assert!(!all.contains(DATABASE_PASSWORD));
    all.lines().filter(|it| it.contains(line)).count()
}

#[test]
fn known_endpoints_go_on_while_the_database_is_dead_and_changes_are_caught_up() {
    let mut database = Postgres::start();
    let (gate, secret) = running(&database, "");
    for round in 1..=2 {
        database.kill();
        gate.wait_for_metric("portcullis_store_up", 0);
        goes_on_with_what_it_knows(&gate, &secret, round);
        // A state that goes on is no news.
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(said(&gate, "the store does not answer"), round);
        gate.run(&["secret", "rotate", ID]).failed_with(5);
        database.restart();
        is_in_step_again(&gate, round);
        assert_eq!(said(&gate, "the store answers again"), round);
        assert_eq!(signed_with(&gate, &secret), 202);
    }
    gate.run(&["secret", "rotate", ID]).succeeded();
    within_a_second(|| signed_with(&gate, &secret) == 401);
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn a_database_that_hangs_holds_no_delivery_longer_than_its_time() {
    let database = Postgres::start();
    let (gate, secret) = running(&database, "");
    for outage in 1..=2 {
        database.pause();
        // Before anybody knows: known ones do not wait at all, unknown ones not longer than they may.
        let since = Instant::now();
        assert_eq!(signed_with(&gate, &secret), 202);
        assert!(
            since.elapsed() < Duration::from_millis(500),
            "{:?}",
            since.elapsed()
        );
        let many: Vec<_> = (0..20)
            .map(|_| {
                let mut connection = Connection::to(gate.http());
                connection.write(&Request::post(&unknown(outage)).body("{}").bytes());
                connection
            })
            .collect();
        for mut connection in many {
            assert_eq!(connection.answer().status, 503);
        }
        assert!(
            since.elapsed() < Duration::from_secs(4),
            "{:?}",
            since.elapsed()
        );
        goes_on_with_what_it_knows(&gate, &secret, outage);
        let since = Instant::now();
        let told = gate.run(&["secret", "rotate", ID]).failed_with(5);
        assert!(told.contains("no answer within"), "{told}");
        assert!(since.elapsed() < Duration::from_secs(5));
        database.resume();
        is_in_step_again(&gate, outage);
    }
    gate.run(&["secret", "rotate", ID]).succeeded();
    within_a_second(|| signed_with(&gate, &secret) == 401);
}

#[test]
fn what_others_changed_while_a_node_was_cut_off_is_caught_up() {
    let database = Postgres::start();
    let (gate, secret) = running(&database, "");
    // The node loses its connections, and gets no new ones; the others go on.
    database.as_admin("postgres", "ALTER ROLE portcullis NOLOGIN");
    database.disconnect_everybody();
    goes_on_with_what_it_knows(&gate, &secret, 1);
    database.as_admin(
        "gate",
        "UPDATE secret_versions SET ends_ms = 1 WHERE scope = 'workflows/pr-bot'; \
         INSERT INTO changes (kind, name) VALUES ('secret', 'workflows/pr-bot#webhook')",
    );
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(signed_with(&gate, &secret), 202, "nobody has told it");
    database.as_admin("postgres", "ALTER ROLE portcullis LOGIN");
    is_in_step_again(&gate, 1);
    within_a_second(|| signed_with(&gate, &secret) != 202);
}

#[test]
fn broken_connections_cost_no_delivery() {
    let database = Postgres::start();
    let (gate, secret) = running(&database, "");
    for number in 0..5 {
        database.disconnect_everybody();
        assert_eq!(signed_with(&gate, &secret), 202);
        // Cold ones find a connection, too.
        let id = format!("workflows/cold-{number}");
        gate.run(&[
            "endpoint",
            "create",
            &id,
            "--organisation",
            "acme",
            "--workspace",
            "main",
            "--mode",
            "hmac",
        ])
        .succeeded();
        within_a_second(|| unproven(&gate, &format!("/webhooks/ai/{id}")).status == 401);
    }
    assert_eq!(signed_with(&gate, &secret), 202);
}

#[test]
fn after_the_grace_time_nothing_is_admitted_until_the_database_is_back() {
    let mut database = Postgres::start();
    let (gate, secret) = running(&database, "grace = \"3s\"");
    database.kill();
    gate.wait_for_metric("portcullis_store_up", 0);
    assert_eq!(signed_with(&gate, &secret), 202);
    let until = Instant::now() + Duration::from_secs(8);
    while signed_with(&gate, &secret) != 503 {
        assert!(Instant::now() < until, "it goes on for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    let ready = send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("grace"), "{}", ready.text());
    assert_eq!(said(&gate, "every delivery gets 503"), 1);
    database.restart();
    is_in_step_again(&gate, 1);
    assert_eq!(signed_with(&gate, &secret), 202);
}

#[test]
fn a_node_does_not_start_without_its_database_and_says_why() {
    let mut database = Postgres::start();
    let (mut gate, secret) = running(&database, "");
    gate.kill();
    database.kill();
    let told = gate.serve_that_ends().failed_with(5);
    assert!(told.contains("cannot be reached"), "{told}");
    database.restart();
    gate.restart();
    assert_eq!(signed_with(&gate, &secret), 202);
}
