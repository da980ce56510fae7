//! The way to the database: what is wrong with it is named, by `check` and by `serve`, and the password never.

use super::*;

/// Everything that a gate says when its database cannot be used: by `check`, `serve` and a command.
#[track_caller]
fn outputs(gate: &Gate) -> String {
    let check = gate.run(&["check", "--running"]).failed_with(3);
    let serve = gate.serve_that_ends();
    let command = gate.run(&["endpoint", "list"]);
    let all = format!("{check}{}{}{}", serve.stderr, serve.stdout, command.stderr);
    // A mistake of the configuration is one for all; what the server refuses is the store's.
    let code = if gate.run(&["audit", "list"]).code == Some(3) {
        3
    } else {
        5
    };
    serve.failed_with(code);
    command.failed_with(code);
    for password in [
        DATABASE_PASSWORD,
        "p%40ss",
        "p@ss",
        "word%237",
        "word#7",
        "hunter",
    ] {
        assert!(!all.contains(password), "{all}");
    }
    all
}

fn at(gate: Gate, url: &str) -> Gate {
    gate.with_only("store", &format!("url = \"{url}\""))
}

#[test]
fn what_is_wrong_with_the_way_to_the_database_is_named_and_the_password_is_not() {
    let database = Postgres::start();
    let port = database.port();
    let closed = Backend::refusing().address().port();
    let right = database.url_with_password();
    let with_name = right.replace("/gate", "/nowhere");
    for (url, what) in [
        // The URL itself: with its key and line.
        (
            "mysql://portcullis:hunter@127.0.0.1/gate".to_owned(),
            "store.url: expected a URL that starts with `postgres://`",
        ),
        (
            "postgres://portcullis:hunter@/gate".to_owned(),
            "store.url: the host is missing",
        ),
        (
            format!("{right}?sslmod=disable"),
            "store.url: unknown parameter `sslmod`",
        ),
        (
            format!("{right}?sslmode=allow"),
            "store.url: `sslmode=allow` is not supported",
        ),
        (format!("{right}?sslmode=sometimes"), "sometimes"),
        (format!("{right}?sslrootcert=missing.pem"), "missing.pem"),
        (
            format!("{right}?password=hunter"),
            "store.url: the query must not contain a password",
        ),
        // The host.
        (
            format!("postgres://portcullis:hunter@127.0.0.1:{closed}/gate"),
            "cannot be reached: Connection refused",
        ),
        (
            format!("postgres://portcullis:hunter@nowhere.invalid:{port}/gate?sslmode=disable"),
            "failed to lookup address information",
        ),
        // Who we are.
        (
            format!("postgres://portcullis:hunter@127.0.0.1:{port}/gate"),
            "the server refuses `portcullis`: password authentication failed",
        ),
        (
            format!("postgres://somebody:hunter@127.0.0.1:{port}/gate"),
            "the server refuses `somebody`",
        ),
        // The database.
        (
            with_name,
            "the server has no such database: database \"nowhere\" does not exist",
        ),
        // TLS.
        (
            format!("{right}?sslmode=require"),
            "TLS: server does not support TLS",
        ),
        (
            format!("{right}?sslmode=verify-full"),
            "TLS: server does not support TLS",
        ),
    ] {
        let gate = at(Gate::before(&Backend::refusing()), &url);
        let output = outputs(&gate);
        assert!(output.matches(what).count() >= 3, "{url}\n{what}\n{output}");
    }
}

#[test]
fn a_server_that_never_answers_is_given_up_in_time() {
    let database = Postgres::start();
    let gate = Gate::before(&Backend::refusing()).on(&database);
    gate.run(&["check", "--running"]).succeeded();
    let gate = gate.with("store", "connect_timeout = \"500ms\"\ntimeout = \"1s\"");
    database.pause();
    // The database never answers: each of the three ends by itself.
    let output = outputs(&gate);
    assert_eq!(
        output.matches("no answer within 500ms").count(),
        3,
        "{output}"
    );
    database.resume();
    let gate = gate.with_only("store", "").on(&database);
    gate.run(&["check", "--running"]).succeeded();
}

#[test]
fn a_password_comes_from_the_url_or_from_a_file_that_only_its_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;

    let database = Postgres::start();
    let gate = at(
        Gate::before(&Backend::refusing()),
        &database.url_with_password(),
    );
    gate.run(&["check", "--running"]).succeeded();
    let gate = gate.on(&database);
    // `on` adds its lines to those that are there: the URL stands there twice now.
    gate.run(&["check"]).failed_with(3);
    let gate = gate.with_only("store", "").on(&database);
    gate.run(&["check", "--running"]).succeeded();
    let path = gate.folder().join("database.password");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let output = gate.run(&["check"]).failed_with(3);
    assert!(
        output.contains("store.password_file: ") && output.contains("chmod 600"),
        "{output}"
    );
}

#[test]
fn the_database_is_spoken_to_over_tls_with_an_authority_of_ones_own() {
    let authority = Authority::new();
    let database = Postgres::start_with_tls(&authority, "localhost");
    let backend = Backend::accepting();
    let gate = Gate::before(&backend);
    gate.file("database-ca.pem", authority.certificate());
    let other = Authority::new();
    gate.file("other-ca.pem", other.certificate());
    let port = database.port();
    let url = |host: &str, parameters: &str| {
        format!("postgres://portcullis:p%40ss%2Fword%237@{host}:{port}/gate?{parameters}")
    };
    // Relative to the folder of the configuration, as every path.
    let verified = url(
        "localhost",
        "sslmode=verify-full&sslrootcert=database-ca.pem",
    );
    let gate = at(gate, &verified).endpoint("hmac").start();
    assert_eq!(unproven(&gate, PATH).status, 401);
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
    let encrypted = database.number(
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'portcullis' AND ssl",
    );
    assert!(encrypted > 0);

    let mut gate = gate;
    for (url, what) in [
        (url("localhost", "sslmode=verify-full"), "TLS: "),
        (
            url("localhost", "sslmode=verify-full&sslrootcert=other-ca.pem"),
            "TLS: ",
        ),
        (
            url(
                "127.0.0.1",
                "sslmode=verify-full&sslrootcert=database-ca.pem",
            ),
            "TLS: ",
        ),
        (url("localhost", "sslmode=disable"), "no encryption"),
    ] {
        gate = at(gate, &url);
        let output = outputs(&gate);
        assert_eq!(output.matches(what).count(), 3, "{url}\n{output}");
    }
    for weaker in [
        "sslmode=verify-ca&sslrootcert=database-ca.pem",
        "sslmode=require",
    ] {
        gate = at(gate, &url("127.0.0.1", weaker));
        gate.run(&["check", "--running"]).succeeded();
    }
}

#[test]
fn a_server_elsewhere_has_to_prove_itself_unless_something_else_is_said() {
    // What is not said is the stronger choice: a certificate is asked for. On this machine it is not.
    let database = Postgres::start();
    let gate = Gate::before(&Backend::refusing());
    let gate = at(gate, &database.url_with_password());
    gate.run(&["check", "--running"]).succeeded();
    let elsewhere = database.url().replace("127.0.0.1", "db.internal");
    let settings = |url: &str| {
        use portcullis::store::{PostgresLimits, PostgresSettings};
        let second = std::time::Duration::from_secs(1);
        let limits = PostgresLimits {
            connections: 2,
            connect_timeout: second,
            timeout: second,
        };
        let url = url::Url::parse(url).unwrap();
        PostgresSettings::new(&url, None, limits, std::path::Path::new(".")).unwrap()
    };
    assert!(settings(&elsewhere).verifies());
    assert!(!settings(&database.url()).verifies());
    assert!(!settings(&format!("{elsewhere}?sslmode=disable")).verifies());
}
