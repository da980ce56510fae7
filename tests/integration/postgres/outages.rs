//! A database that dies, hangs, comes back: known endpoints go on, unknown ones get 503, and what changed
//! meanwhile is caught up without a restart.

use std::time::Duration;

use super::*;

/// A gate on a database, with an endpoint that is known to it and its secret, and one that is not.
fn running(database: &Postgres, directory: &str) -> (Gate, String) {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .on(database)
        .with("directory", directory)
        .endpoint("hmac")
        .endpoint_with("workflows/unknown-1", &["--mode", "hmac"])
        .endpoint_with("workflows/unknown-2", &["--mode", "hmac"])
        // The gate finds out soon that the database does not answer; commands have the time that they need.
        .with("store", SOON)
        .start()
        .with_only("store", "")
        .on(database);
    std::mem::forget(backend);
    let secret = gate.secret(ID);
    is_known(&gate, &secret);
    gate.wait_for_metric("portcullis_store_up", 1);
    (gate, secret)
}

const SOON: &str = "connect_timeout = \"500ms\"\ntimeout = \"1s\"";

/// Makes the endpoint and its secret known to the gate.
#[track_caller]
fn is_known(gate: &Gate, secret: &str) {
    eventually("the endpoint and its secret are known", || {
        signed_with(gate, secret) == 202
    });
}

/// The path of an endpoint that nobody has asked for before the given outage.
fn unknown(outage: usize) -> String {
    format!("/webhooks/ai/workflows/unknown-{outage}")
}

/// What holds while the database does not answer, however it does not.
#[track_caller]
fn goes_on_with_what_it_knows(gate: &Gate, secret: &str, outage: usize) {
    for _ in 0..20 {
        assert_eq!(signed_with(gate, secret), 202);
    }
    assert_eq!(signed_with(gate, "a-wrong-one"), 401);
    gate.wait_for_metric("portcullis_store_up", 0);
    // One that is there but not known, and one that is not there: nobody can tell them apart.
    for path in [&*unknown(outage), "/webhooks/ai/workflows/nope", "/nowhere"] {
        let answer = unproven(gate, path);
        assert_eq!(
            (answer.status, answer.reason()),
            (503, "store_unavailable"),
            "{path}"
        );
        assert_eq!(answer.header("Retry-After"), "5");
    }
    // One that has asked may have found out before the one that follows the changes.
    let ready = found("it is told that the store does not answer", || {
        let ready = send(gate.admin(), &admin_get("/readyz"));
        assert_eq!(ready.status, 200, "{}", ready.text());
        let report: serde_json::Value = serde_json::from_str(ready.text()).unwrap();
        assert_eq!(report["ready"], true);
        let is_ill = |part: &str| report["parts"][part] != "ok";
        (is_ill("store") && is_ill("changes")).then_some(ready)
    });
    assert!(!ready.text().contains(DATABASE_PASSWORD));
}

#[track_caller]
fn is_in_step_again(gate: &Gate, outage: usize) {
    eventually("the gate is in step again", || {
        let ready = send(gate.admin(), &admin_get("/readyz"));
        assert!(matches!(ready.status, 200 | 503), "{}", ready.text());
        ready.status == 200 && !ready.text().contains("not")
    });
    for (path, status) in [
        (&*unknown(outage), 401),
        ("/webhooks/ai/workflows/nope", 404),
    ] {
        let request = Request::post(path).body("{}");
        assert_eq!(settled(gate.http(), &request).status, status, "{path}");
    }
}

/// While the database does not answer, commands give it up in time.
fn commands_fail(gate: Gate, database: &Postgres) -> Gate {
    let gate = gate.with("store", SOON);
    let output = gate.run(&["secret", "rotate", "--yes", ID]).failed_with(5);
    assert!(
        output.contains("no answer within") || output.contains("cannot be reached"),
        "{output}"
    );
    gate.with_only("store", "").on(database)
}

/// How often a line stands in what the gate has said about itself.
fn count_lines(gate: &Gate, line: &str) -> usize {
    let all = gate.everything_written();
    assert!(!all.contains(DATABASE_PASSWORD));
    all.lines().filter(|it| it.contains(line)).count()
}

#[test]
fn known_endpoints_go_on_while_the_database_is_dead_and_changes_are_caught_up() {
    let mut database = Postgres::start();
    let (mut gate, secret) = running(&database, "");
    for round in 1..=2 {
        database.kill();
        gate.wait_for_metric("portcullis_store_up", 0);
        goes_on_with_what_it_knows(&gate, &secret, round);
        let down = count_lines(&gate, "the store does not answer");
        assert!(down >= round);
        // A state that goes on is no news, however often the gate looks meanwhile.
        gate = commands_fail(gate, &database);
        let_pass(Duration::from_secs(2));
        assert_eq!(count_lines(&gate, "the store does not answer"), down);
        database.restart();
        is_in_step_again(&gate, round);
        eventually("it is said that the store answers again", || {
            count_lines(&gate, "the store answers again") >= down
        });
        assert_eq!(signed_with(&gate, &secret), 202);
    }
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    in_force(|| signed_with(&gate, &secret) == 401);
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn a_database_that_hangs_holds_no_delivery_longer_than_its_time() {
    let database = Postgres::start();
    let (mut gate, secret) = running(&database, "");
    for outage in 1..=2 {
        database.pause();
        // Before anybody knows, and as long as the database hangs: known ones get in, and unknown ones get an answer.
        assert_eq!(signed_with(&gate, &secret), 202);
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
        goes_on_with_what_it_knows(&gate, &secret, outage);
        gate = commands_fail(gate, &database);
        database.resume();
        is_in_step_again(&gate, outage);
    }
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    in_force(|| signed_with(&gate, &secret) == 401);
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
    for _ in 0..20 {
        assert_eq!(signed_with(&gate, &secret), 202, "nobody has told it");
    }
    database.as_admin("postgres", "ALTER ROLE portcullis LOGIN");
    is_in_step_again(&gate, 1);
    in_force(|| signed_with(&gate, &secret) != 202);
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
        in_force(|| unproven(&gate, &format!("/webhooks/ai/{id}")).status == 401);
    }
    assert_eq!(signed_with(&gate, &secret), 202);
}

#[test]
fn after_the_grace_time_nothing_is_admitted_until_the_database_is_back() {
    let mut database = Postgres::start();
    let mut seconds = 3;
    // The grace time has to be longer than the test takes to notice the outage.
    let (gate, secret) = found("the grace time is seen", || {
        let (gate, secret) = running(&database, &format!("grace = \"{seconds}s\""));
        seconds *= 2;
        database.kill();
        gate.wait_for_metric("portcullis_store_up", 0);
        if signed_with(&gate, &secret) == 202 {
            return Some((gate, secret));
        }
        database.restart();
        gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
        for outage in 1..=2 {
            let id = format!("workflows/unknown-{outage}");
            gate.run(&["endpoint", "delete", "--yes", &id]).succeeded();
        }
        None
    });
    eventually("the grace time is over", || {
        signed_with(&gate, &secret) == 503
    });
    let ready = send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("grace"), "{}", ready.text());
    eventually("it is said that every delivery gets 503", || {
        count_lines(&gate, "every delivery gets 503") >= 1
    });
    assert_eq!(count_lines(&gate, "every delivery gets 503"), 1);
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
    let output = gate.serve_that_ends().failed_with(5);
    assert!(output.contains("cannot be reached"), "{output}");
    database.restart();
    gate.restart();
    assert_eq!(signed_with(&gate, &secret), 202);
}
