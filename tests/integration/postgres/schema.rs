//! The schema: made and brought up to date by one of many, or refused.

use super::*;

/// The numbers of the migrations.
fn schemas() -> Vec<i64> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations/postgres");
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name());
    let number = |name: &str| name.split('_').next().unwrap().parse().unwrap();
    names.map(|name| number(name.to_str().unwrap())).collect()
}

fn newest_schema() -> i64 {
    schemas().into_iter().max().unwrap()
}

#[test]
fn of_many_nodes_that_start_at_once_on_an_empty_database_one_makes_the_schema() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let first = Gate::before(&backend).on(&database);
    // The key has to be the same one, so it is made before.
    first.run(&["store", "migrate"]).succeeded();
    database.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    let nodes: Vec<Gate> = (0..6).map(|_| first.beside(&backend)).collect();
    let output: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = nodes
            .iter()
            .map(|node| scope.spawn(|| node.run(&["store", "migrate", "--json"]).succeeded()))
            .collect();
        running.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for output in &output {
        let output: serde_json::Value = serde_json::from_str(output).unwrap();
        assert!(output["to"].is_number(), "{output}");
    }
    let migrations = database.number("SELECT count(*) FROM _sqlx_migrations");
    assert_eq!(migrations, i64::try_from(schemas().len()).unwrap());
    // And they all serve.
    let started: Vec<Gate> = std::thread::scope(|scope| {
        let starting = nodes.into_iter().map(|node| scope.spawn(|| node.start()));
        let starting: Vec<_> = starting.collect();
        starting.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for node in &started {
        assert_eq!(unproven(node, PATH).status, 404);
    }
}

#[test]
fn a_schema_of_a_newer_version_is_refused_and_left_alone() {
    let database = Postgres::start();
    let gate = Gate::before(&Backend::refusing())
        .on(&database)
        .endpoint("hmac");
    database.run(
        "UPDATE _sqlx_migrations SET version = 9999 \
         WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    );
    for output in [
        gate.serve_that_ends().failed_with(5),
        gate.run(&["endpoint", "list"]).failed_with(5),
        gate.run(&["store", "migrate"]).failed_with(5),
        gate.run(&["check"]).failed_with(3),
    ] {
        assert!(
            output.contains("schema 9999") && output.contains("newer Portcullis"),
            "{output}"
        );
        assert!(output.contains(&database.url()), "{output}");
    }
    assert_eq!(database.number("SELECT count(*) FROM endpoints"), 1);
    assert_eq!(
        database.number("SELECT max(version) FROM _sqlx_migrations"),
        9999
    );
}

#[test]
fn a_schema_that_may_not_be_changed_is_refused_until_somebody_changes_it() {
    let database = Postgres::start();
    let gate = Gate::before(&Backend::refusing())
        .on(&database)
        .with("store", "migrate = false");
    for output in [
        gate.serve_that_ends().failed_with(5),
        gate.run(&["endpoint", "list"]).failed_with(5),
        gate.run(&["check"]).failed_with(3),
    ] {
        assert!(output.contains("portcullis store migrate"), "{output}");
    }
    assert_eq!(
        database
            .number("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"),
        0
    );
    let output = gate.run(&["store", "migrate"]).succeeded();
    let made = format!("created with schema {}", newest_schema());
    assert!(output.contains(&made), "{output}");
    let output = gate.run(&["store", "migrate"]).succeeded();
    assert!(output.contains("up to date"), "{output}");
    gate.run(&["check"]).succeeded();
    let gate = gate.endpoint("hmac").start();
    assert_eq!(unproven(&gate, PATH).status, 401);
}

#[test]
fn a_file_that_may_not_be_changed_is_not_made_either() {
    let gate = Gate::before(&Backend::refusing()).with_only("store", "migrate = false");
    let files = gate.files();
    for words in [&["endpoint", "list"][..], &["check"]] {
        let ran = gate.run(words);
        assert!(ran.stderr.contains("portcullis store migrate"), "{ran:?}");
    }
    gate.serve_that_ends().failed_with(5);
    assert!(
        !gate.files().contains(&"portcullis.db".to_owned()),
        "{files:?}"
    );
    let output = gate.run(&["store", "migrate"]).succeeded();
    assert!(
        output.contains("portcullis.db: created with schema"),
        "{output}"
    );
    gate.endpoint("hmac").run(&["check"]).succeeded();
}

#[test]
fn a_database_of_something_else_is_refused_and_left_alone() {
    let database = Postgres::start();
    database.run("CREATE TABLE endpoints (id INT); INSERT INTO endpoints VALUES (1)");
    let gate = Gate::before(&Backend::refusing()).on(&database);
    for output in [
        gate.run(&["endpoint", "list"]).failed_with(5),
        gate.run(&["store", "migrate"]).failed_with(5),
        gate.run(&["check"]).failed_with(3),
    ] {
        assert!(output.contains("another application"), "{output}");
    }
    assert_eq!(database.number("SELECT count(*) FROM endpoints"), 1);
    // A schema of its own in it will do.
    database.run("CREATE SCHEMA gate");
    let url = format!("{}?options=-csearch_path%3Dgate", database.url());
    let gate = gate.with_only(
        "store",
        &format!("url = \"{url}\"\npassword_file = \"database.password\""),
    );
    let gate = gate.endpoint("hmac").start();
    assert_eq!(unproven(&gate, PATH).status, 401);
    assert_eq!(database.number("SELECT count(*) FROM gate.endpoints"), 1);
}

#[test]
fn the_audit_log_cannot_be_rewritten_through_the_database() {
    let database = Postgres::start();
    let gate = Gate::before(&Backend::refusing())
        .on(&database)
        .endpoint("hmac");
    let before = gate.run(&["audit", "list"]).succeeded();
    for statement in [
        "DELETE FROM audit",
        "UPDATE audit SET actor = 'nobody'",
        "TRUNCATE audit",
    ] {
        let run = std::panic::AssertUnwindSafe(|| database.run(statement));
        assert!(std::panic::catch_unwind(run).is_err(), "{statement}");
    }
    assert_eq!(gate.run(&["audit", "list"]).succeeded(), before);
}
