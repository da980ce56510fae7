//! A log that cannot be written loses lines and nothing else.

use super::*;

const LOST: &str = r#"portcullis_log_lines_lost_total{stream="stderr"}"#;
const LOST_ACCESS: &str = r#"portcullis_log_lines_lost_total{stream="stdout"}"#;

fn gate(backend: &Backend) -> Gate {
    Gate::before(backend).endpoint("hmac")
}

/// Sends signals, each of which is a warning, until `is_so`.
#[track_caller]
fn warn_until(gate: &Gate, what: &str, mut is_so: impl FnMut() -> bool) {
    eventually(what, || {
        gate.signal("HUP");
        is_so()
    });
}

/// What has to go on although no line can be written.
#[track_caller]
fn goes_on(gate: &mut Gate, secret: &str) {
    outage(gate);
    let secret = revoke(gate, secret);
    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    eventually("the disabled endpoint is gone", || {
        signed(gate, &secret).status == 404
    });
    wait_until_well(gate);
    assert!(gate.is_running());
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
}

#[test]
fn a_reader_of_the_diagnostics_that_died_costs_lines_and_nothing_else() {
    let (backend, reader) = (Backend::accepting(), Reader::default());
    let mut gate = gate(&backend);
    gate.restart_on(Output::Read, Output::Controlled(reader.clone()));
    let secret = gate.secret(ID);
    reader.die();
    warn_until(&gate, "lines are lost", || gate.metric(LOST) > 0);
    goes_on(&mut gate, &secret);
}

#[test]
fn a_reader_of_both_logs_that_died_costs_lines_and_nothing_else() {
    let (backend, reader) = (Backend::accepting(), Reader::default());
    let mut gate = gate(&backend);
    let streams = [reader.clone(), reader.clone()].map(Output::Controlled);
    let [stdout, stderr] = streams;
    gate.restart_on(stdout, stderr);
    let secret = gate.secret(ID);
    reader.die();
    warn_until(&gate, "lines of both are lost", || {
        assert_eq!(signed(&gate, &secret).status, 202);
        gate.metric(LOST) > 0 && gate.metric(LOST_ACCESS) > 0
    });
    goes_on(&mut gate, &secret);
}

#[test]
fn logs_on_a_full_disk_cost_lines_and_are_written_again_when_there_is_room() {
    let backend = Backend::accepting();
    let mut gate = gate(&backend);
    let (log, diagnostics) = (gate.folder().join("log"), gate.folder().join("diagnostics"));
    gate.restart_on(Output::File(log.clone()), Output::File(diagnostics.clone()));
    let secret = gate.secret(ID);
    assert_eq!(signed(&gate, &secret).status, 202);
    gate.log(1);
    let full = [&log, &diagnostics].map(|file| file.metadata().unwrap().len());
    limit_files(&gate, Some(*full.iter().min().unwrap()));
    warn_until(&gate, "lines of both are lost", || {
        assert_eq!(signed(&gate, &secret).status, 202);
        gate.metric(LOST) > 0 && gate.metric(LOST_ACCESS) > 0
    });
    // The store is on the same disk, and is only read.
    let secret = revoke(&gate, &secret);
    limit_files(&gate, None);
    let before = diagnostics.metadata().unwrap().len();
    warn_until(&gate, "the diagnostics are written again", || {
        diagnostics.metadata().unwrap().len() > before
    });
    let before = gate.log(0).len();
    eventually("the access log is complete again", || {
        assert_eq!(signed(&gate, &secret).status, 202);
        gate.log(0).len() > before
    });
    let lost = gate.metric(LOST_ACCESS);
    goes_on(&mut gate, &secret);
    // No line is torn: `log` reads each as JSON. And every delivery has its line or is counted.
    let text = std::fs::read_to_string(&log).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('{')).count();
    assert!(lost > 0 && lines > 1, "{lost} {text}");
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["request_id"].is_string());
    }
}

#[test]
fn an_access_log_on_a_device_without_room_is_told_of_once_and_counted() {
    let backend = Backend::accepting();
    let mut gate = gate(&backend);
    gate.restart_on(Output::File("/dev/full".into()), Output::Read);
    let secret = gate.secret(ID);
    for _ in 0..5 {
        assert_eq!(signed(&gate, &secret).status, 202);
    }
    eventually("the lines are counted", || gate.metric(LOST_ACCESS) == 5);
    assert_eq!(gate.metric("portcullis_access_log_lines_dropped_total"), 5);
    eventually("it is told of", || {
        gate.everything_written()
            .contains("the access log is losing lines")
    });
    let output = gate.everything_written();
    assert_eq!(
        output.matches("access log is losing lines").count(),
        1,
        "{output}"
    );
    goes_on(&mut gate, &secret);
}

#[test]
fn a_reader_that_does_not_read_holds_up_no_delivery_and_not_the_end_either() {
    let (backend, reader) = (Backend::accepting(), Reader::default());
    // A time before which the line of a delivery could fill no pipe.
    let mut gate = gate(&backend).with("log", "level = \"debug\"");
    let streams = [reader.clone(), reader.clone()].map(Output::Controlled);
    let [stdout, stderr] = streams;
    gate.restart_on(stdout, stderr);
    let secret = gate.secret(ID);
    reader.rest();
    // Pipes hold 64 KiB; a line of the access log is some 300 bytes.
    for _ in 0..600 {
        assert_eq!(signed(&gate, &secret).status, 202);
        gate.signal("HUP");
    }
    goes_on(&mut gate, &secret);
}

#[test]
fn a_listener_and_redis_come_back_though_no_line_can_be_written() {
    let (backend, reader, mut redis) = (
        Backend::accepting(),
        Reader::default(),
        RedisServer::start(),
    );
    let mut gate = gate(&backend).with("ledger", &format!("url = \"{}\"", redis.url()));
    gate.restart_on(Output::Read, Output::Controlled(reader.clone()));
    let secret = gate.secret(ID);
    eventually("Redis is used", || gate.metric("portcullis_redis_up") == 1);
    reader.die();
    warn_until(&gate, "lines are lost", || gate.metric(LOST) > 0);
    redis.kill();
    eventually("Redis is away", || gate.metric("portcullis_redis_up") == 0);
    redis.restart();
    eventually("Redis is used again", || {
        gate.metric("portcullis_redis_up") == 1
    });
    goes_on(&mut gate, &secret);
}

#[test]
fn a_follower_of_a_database_goes_on_after_an_outage_that_nobody_could_be_told_of() {
    let (backend, reader) = (Backend::accepting(), Reader::default());
    let mut database = Postgres::start();
    let mut gate = Gate::before(&backend)
        .on(&database)
        .with("store", "connect_timeout = \"500ms\"\ntimeout = \"1s\"")
        .endpoint("hmac");
    gate.restart_on(Output::Read, Output::Controlled(reader.clone()));
    let secret = gate.secret(ID);
    assert_eq!(signed(&gate, &secret).status, 202);
    reader.die();
    warn_until(&gate, "lines are lost", || gate.metric(LOST) > 0);
    database.kill();
    eventually("the outage is noticed", || {
        gate.metric("portcullis_store_up") == 0
    });
    database.restart();
    eventually("the outage is over", || {
        gate.metric("portcullis_store_up") == 1
    });
    revoke(&gate, &secret);
    assert!(gate.is_running());
}

#[test]
fn commands_end_normally_when_nobody_reads_their_output() {
    let backend = Backend::accepting();
    let gate = gate(&backend);
    for words in [
        &["endpoint", "list"][..],
        &["endpoint", "show", ID],
        &["presets", "list"],
        &["audit", "list"],
        &["check"],
    ] {
        let mut command = portcullis();
        command.arg("--config").arg(gate.config()).args(words);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{words:?}");
    }
}
