//! Background tasks that panic or hang: restarted, reported, and never the reason that something revoked is admitted.

use std::path::PathBuf;

use super::*;

/// A gate whose background tasks a test can make panic or hang.
struct Subject {
    gate: Gate,
    faults: PathBuf,
}

impl Subject {
    fn new(gate: Gate) -> Self {
        let faults = gate.folder().join("faults");
        std::fs::create_dir(&faults).unwrap();
        let gate = gate.environment("PORTCULLIS_TEST_FAULTS", faults.to_str().unwrap());
        Self {
            gate: gate.start(),
            faults,
        }
    }

    /// From now on the task panics, or hangs, whenever it would go on.
    fn inject(&self, task: &str, fault: &str) {
        std::fs::write(self.faults.join(format!("{task}.{fault}")), "").unwrap();
    }

    fn lift(&self, task: &str, fault: &str) {
        std::fs::remove_file(self.faults.join(format!("{task}.{fault}"))).unwrap();
    }
}

fn up(task: &str) -> String {
    format!("portcullis_task_up{{task=\"{task}\"}}")
}

fn restarts(task: &str) -> String {
    format!("portcullis_task_restarts_total{{task=\"{task}\"}}")
}

/// A gate with every task that a gate with an embedded store can have.
fn with_every_task(backend: &Backend, redis: &RedisServer) -> Gate {
    let authority = Authority::new();
    Gate::before(backend)
        .with_only(
            "upstreams.default",
            &format!("addresses = [\"localhost:{}\"]", backend.address().port()),
        )
        .with("ledger", &format!("url = \"{}\"", redis.url()))
        .with("deliveries", "record = true")
        .tls(&authority)
        .endpoint("hmac")
}

/// Lets a task panic until everybody knows, and then no more; afterwards everything works.
#[track_caller]
fn survives(subject: &Subject, task: &str, secret: &mut String) {
    let gate = &subject.gate;
    eventually(&format!("{task} runs"), || gate.metric(&up(task)) == 1);
    let panics = gate.metric("portcullis_panics_total");
    subject.inject(task, "panic");
    eventually(&format!("{task} is down"), || {
        gate.metric(&up(task)) == 0 && gate.metric(&restarts(task)) >= 1
    });
    assert!(gate.metric("portcullis_panics_total") > panics);
    let (_, report) = readiness(gate);
    let state = report["parts"]["tasks"].as_str().unwrap();
    assert!(
        state.contains(&format!("{task} does not run: panicked")),
        "{state}"
    );
    subject.lift(task, "panic");
    eventually(&format!("{task} runs again"), || {
        gate.metric(&up(task)) == 1
    });
    *secret = revoke(gate, secret);
    wait_until_well(gate);
}

#[test]
fn every_task_that_panics_is_restarted_and_a_revocation_is_in_force_afterwards() {
    let (backend, redis) = (Backend::accepting(), RedisServer::start());
    let subject = Subject::new(with_every_task(&backend, &redis));
    let mut secret = subject.gate.secret(ID);
    assert_eq!(signed(&subject.gate, &secret).status, 202);
    // What the gate says it has is the list: a new task is tried here by itself.
    let metrics = subject.gate.metrics();
    let tasks = metrics.lines().filter_map(|line| {
        line.strip_prefix("portcullis_task_up{task=\"")?
            .split('"')
            .next()
    });
    let tasks: Vec<&str> = tasks.collect();
    for known in [
        "admin_listener",
        "captures",
        "deliveries",
        "follower",
        "http_listener",
        "https_listener",
        "ledger_keeper",
        "ledger_teller",
        "secret_cache",
        "secret_uses",
        "token_uses",
        "upstream_resolver",
    ] {
        assert!(tasks.contains(&known), "{known} is not among {tasks:?}");
    }
    for task in tasks {
        // Metrics and readiness are asked of this one: it has a test of its own.
        if task != "admin_listener" {
            survives(&subject, task, &mut secret);
        }
    }
    assert!(
        subject
            .gate
            .everything_written()
            .contains("a background task panicked; restarting it")
    );
}

#[test]
fn the_listener_for_changes_of_a_database_that_panics_is_restarted() {
    let (backend, database) = (Backend::accepting(), Postgres::start());
    let subject = Subject::new(Gate::before(&backend).on(&database).endpoint("hmac"));
    let mut secret = subject.gate.secret(ID);
    assert_eq!(signed(&subject.gate, &secret).status, 202);
    for task in ["change_listener", "follower"] {
        survives(&subject, task, &mut secret);
    }
}

/// A task that hangs counts as not running, until it makes progress again.
#[track_caller]
fn shows_when_it_hangs(subject: &Subject, task: &str) {
    let gate = &subject.gate;
    eventually("it runs", || gate.metric(&up(task)) == 1);
    subject.inject(task, "hang");
    eventually("it is known to hang", || gate.metric(&up(task)) == 0);
    let (_, report) = readiness(gate);
    let state = report["parts"]["tasks"].as_str().unwrap();
    assert!(
        state.contains(&format!("{task} does not run: no progress")),
        "{state}"
    );
    subject.lift(task, "hang");
    eventually("it runs again", || gate.metric(&up(task)) == 1);
}

#[test]
fn a_task_of_the_ledger_that_hangs_is_reported() {
    let (backend, redis) = (Backend::accepting(), RedisServer::start());
    let limits = "connect_timeout = \"1s\"\nresponse_timeout = \"1s\"";
    let gate = Gate::before(&backend)
        .with("ledger", &format!("url = \"{}\"\n{limits}", redis.url()))
        .endpoint("hmac");
    shows_when_it_hangs(&Subject::new(gate), "ledger_teller");
}

#[test]
fn a_listener_for_changes_of_a_database_that_hangs_is_reported() {
    let (backend, database) = (Backend::accepting(), Postgres::start());
    let gate = Gate::before(&backend)
        .on(&database)
        .with("store", "connect_timeout = \"5s\"\ntimeout = \"5s\"")
        .endpoint("hmac");
    shows_when_it_hangs(&Subject::new(gate), "change_listener");
}

#[test]
fn an_admin_listener_that_panics_is_restarted_on_its_socket() {
    let backend = Backend::accepting();
    let subject = Subject::new(Gate::before(&backend).endpoint("hmac"));
    let secret = subject.gate.secret(ID);
    subject.inject("admin_listener", "panic");
    eventually("it has panicked", || {
        let written = subject.gate.everything_written();
        written.contains("fault injected") || written.contains("restarting it")
    });
    subject.lift("admin_listener", "panic");
    // Connections wait in the socket meanwhile.
    eventually("it answers again", || {
        subject.gate.metric(&restarts("admin_listener")) >= 1
    });
    revoke(&subject.gate, &secret);
    wait_until_well(&subject.gate);
}

/// While an essential task does not run, known endpoints go on for the grace time, and then nothing does.
#[track_caller]
fn fails_closed(task: &str, fault: &str, gate: Gate) {
    let subject = Subject::new(gate.with("directory", "grace = \"1s\""));
    let gate = &subject.gate;
    let secret = gate.secret(ID);
    assert_eq!(signed(gate, &secret).status, 202);
    eventually("it runs", || gate.metric(&up(task)) == 1);
    subject.inject(task, fault);
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    eventually("the gate refuses", || {
        let answer = signed(gate, &secret);
        answer.status == 503 && answer.reason() == "store_unavailable"
    });
    // From here on it stays so, whatever is tried.
    let new = gate.secret(ID);
    for secret in [&secret, &new, "wrong"] {
        assert_eq!(signed(gate, secret).status, 503);
    }
    let (status, report) = readiness(gate);
    assert_eq!((status, &report["ready"]), (503, &false.into()), "{report}");
    let state = report["parts"]["tasks"].as_str().unwrap();
    assert!(state.contains(&format!("{task} does not run")), "{report}");
    assert_ne!(report["parts"]["changes"], "ok", "{report}");
    assert_eq!(gate.metric("portcullis_store_up"), 0);
    subject.lift(task, fault);
    eventually("the new secret is admitted", || {
        signed(gate, &new).status == 202
    });
    assert_eq!(signed(gate, &secret).status, 401);
    wait_until_well(gate);
}

#[test]
fn without_its_follower_a_gate_fails_closed_after_the_grace_time() {
    let backend = Backend::accepting();
    for fault in ["panic", "hang"] {
        fails_closed("follower", fault, Gate::before(&backend).endpoint("hmac"));
    }
}

#[test]
fn without_the_keeper_of_its_secrets_a_gate_fails_closed_after_the_grace_time() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    fails_closed("secret_cache", "panic", gate);
}

#[test]
fn without_the_keeper_of_its_ledger_a_gate_fails_closed_after_the_grace_time() {
    let (backend, redis) = (Backend::accepting(), RedisServer::start());
    for fault in ["panic", "hang"] {
        let limits = "connect_timeout = \"1s\"\nresponse_timeout = \"1s\"";
        let gate = Gate::before(&backend)
            .with("ledger", &format!("url = \"{}\"\n{limits}", redis.url()))
            .endpoint("hmac");
        fails_closed("ledger_keeper", fault, gate);
    }
}

#[test]
fn secrets_that_cannot_be_refreshed_are_used_for_their_time_and_then_not() {
    let backend = Backend::accepting();
    let times = "cache_time_to_live = \"1s\"\ngrace = \"1s\"";
    let gate = Gate::before(&backend).with("secrets", times);
    let subject = Subject::new(gate.endpoint("hmac"));
    let gate = &subject.gate;
    let secret = gate.secret(ID);
    assert_eq!(signed(gate, &secret).status, 202);
    subject.inject("secret_load", "panic");
    eventually("the secret is not used any more", || {
        let answer = signed(gate, &secret);
        assert!(matches!(answer.status, 202 | 503), "{}", answer.head);
        answer.status == 503
    });
    assert_eq!(signed(gate, "wrong").status, 503);
    assert_eq!(gate.metric(&up("secret_load")), 0);
    assert!(gate.metric(&restarts("secret_load")) >= 1);
    let (_, report) = readiness(gate);
    let state = report["parts"]["tasks"].as_str().unwrap();
    assert!(state.contains("secret_load does not run"), "{state}");
    subject.lift("secret_load", "panic");
    eventually("it is loaded again", || signed(gate, &secret).status == 202);
    revoke(gate, &secret);
    wait_until_well(gate);
}
