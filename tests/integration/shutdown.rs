//! The end of a process: no delivery in flight is lost, and what cannot be finished is said so.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::replays::flight::Door;
use crate::support::*;

#[test]
fn fifty_deliveries_in_flight_all_get_their_answers() {
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{}").bytes();
    let mut senders: Vec<Connection> = (0..50).map(|_| Connection::to(gate.http())).collect();
    for sender in &mut senders {
        sender.write(&request);
    }
    backend.wait_for(50);
    gate.signal("TERM");
    wait_until_refusing(&gate);
    door.open();
    for mut sender in senders {
        let answer = sender.answer();
        assert_eq!(answer.status, 202);
        // A sender must not try to use the connection again.
        assert_eq!(answer.header("connection"), "close");
        assert!(sender.is_closed());
    }
    assert_eq!(gate.wait(), Some(0));
    assert_eq!(backend.received().len(), 50);
    assert_eq!(gate.log(50).len(), 50, "every record was written");
}

#[test]
fn a_body_that_is_half_sent_is_taken_to_its_end() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let body = noise(200_000);
    let request = genuine(&gate, &body).bytes();
    let (first, rest) = request.split_at(100_000);
    let mut sender = Connection::to(gate.http());
    sender.write(first);
    gate.wait_for_metric("portcullis_bodies_in_flight", 1);
    gate.signal("TERM");
    wait_until_refusing(&gate);
    sender.write(rest);
    assert_eq!(sender.answer().status, 202);
    assert_eq!(gate.wait(), Some(0));
    assert_eq!(backend.only().body_sha256, sha256(&body));
}

/// Deliveries whose bodies are under way when the gate begins to drain. They end one by one.
struct SlowBodies {
    senders: Vec<(Connection, Vec<u8>)>,
}

impl SlowBodies {
    fn begin(gate: &Gate, count: usize) -> Self {
        let body = noise(20_000);
        let request = genuine(gate, &body).bytes();
        let (first, rest) = request.split_at(request.len() / 2);
        let senders = (0..count).map(|_| {
            let mut sender = Connection::to(gate.http());
            sender.write(first);
            (sender, rest.to_vec())
        });
        let senders = senders.collect();
        gate.wait_for_metric("portcullis_bodies_in_flight", count as u64);
        Self { senders }
    }

    fn end_one(&mut self) -> Answer {
        let (mut sender, rest) = self.senders.pop().expect("a body that is under way");
        sender.write(&rest).answer()
    }
}

#[test]
fn what_is_revoked_while_it_drains_admits_no_body_that_ends_later() {
    let rotate: &[&str] = &["secret", "rotate", "--yes", ID];
    let disable: &[&str] = &["endpoint", "disable", "--yes", ID];
    for (command, expected) in [
        (rotate, (401, "signature_mismatch")),
        (disable, (404, "not_configured")),
    ] {
        let backend = Backend::accepting();
        let mut gate = Gate::before(&backend).endpoint("hmac").start();
        let mut bodies = SlowBodies::begin(&gate, 60);
        gate.signal("TERM");
        wait_until_refusing(&gate);
        assert_eq!(bodies.end_one().status, 202);
        gate.run(command).succeeded();
        // Without connections nobody can ask when it is in force, so each body is a question.
        let refused = found("the revocation is in force", || {
            let_pass(Duration::from_millis(500));
            let answer = bodies.end_one();
            (answer.status != 202).then_some(answer)
        });
        assert_eq!((refused.status, refused.reason()), expected);
        let reached = backend.received().len();
        assert_eq!(bodies.end_one().status, expected.0);
        assert_eq!(backend.received().len(), reached);
        drop(bodies);
        assert_eq!(gate.wait(), Some(0));
    }
}

#[test]
fn a_genuine_body_is_admitted_although_the_drain_outlasts_the_grace_of_the_directory() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend)
        .with("directory", "grace = \"1s\"")
        .endpoint("hmac")
        .start();
    let mut bodies = SlowBodies::begin(&gate, 20);
    gate.signal("TERM");
    wait_until_refusing(&gate);
    // Longer than the grace time, and than the time after which a silent follower counts as stopped.
    let_pass(Duration::from_secs(6));
    gate.wait_for_metric("portcullis_store_up", 1);
    eventually("a body is admitted", || bodies.end_one().status == 202);
    drop(bodies);
    assert_eq!(gate.wait(), Some(0));
}

#[test]
fn a_delivery_that_is_refused_while_it_drains_is_captured() {
    let mut gate = Gate::before(&Backend::refusing())
        .endpoint_with(ID, &["--mode", "hmac", "--capture", "10/1h"])
        .start();
    let forged = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature("wrong", b"{}"))
        .body("{}")
        .bytes();
    let (first, rest) = forged.split_at(forged.len() - 1);
    let mut sender = Connection::to(gate.http());
    sender.write(first);
    gate.wait_for_metric("portcullis_bodies_in_flight", 1);
    gate.signal("TERM");
    wait_until_refusing(&gate);
    assert_eq!(sender.write(rest).answer().status, 401);
    assert_eq!(gate.wait(), Some(0));
    let kept = gate.run(&["capture", "list", ID, "--json"]).succeeded();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
}

#[test]
fn connections_without_a_delivery_are_closed_at_once() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .endpoint("hmac")
        .start();
    let mut silent = Connection::to(gate.http());
    let mut used = Connection::to(gate.http());
    used.write(&genuine(&gate, b"{}").bytes());
    assert_eq!(used.answer().status, 202);
    let http2 = Http2::connect(gate.https(), authority.certificate()).unwrap();
    assert_eq!(
        http2.deliver(http2_request(&gate, b"{}"), b"{}").status,
        202
    );
    let mut shaking = Connection::to(gate.https());
    gate.wait_for_metric("portcullis_connections", 4);
    gate.signal("TERM");
    assert!(silent.is_closed());
    assert!(used.is_closed());
    assert!(shaking.is_closed());
    // The grace time is minutes: when it ends, the exit code says so.
    assert_eq!(gate.wait(), Some(0));
}

#[test]
fn under_load_every_202_is_a_delivery_and_every_delivery_a_202() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{\"load\":true}").bytes();
    let address = gate.http();
    let ending = AtomicBool::new(false);
    let accepted: usize = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut accepted = 0;
                    while TcpStream::connect(address).is_ok() && !ending.load(Ordering::SeqCst) {
                        let Some(mut connection) = Connection::try_to(address) else {
                            break;
                        };
                        // Several over one connection, so that some wait while it is kept.
                        for _ in 0..5 {
                            match connection.write(&request).try_answer() {
                                Some(answer) => {
                                    assert_eq!(answer.status, 202);
                                    accepted += 1;
                                }
                                None => break,
                            }
                        }
                    }
                    accepted
                })
            })
            .collect();
        backend.wait_for(200);
        gate.signal("TERM");
        assert_eq!(gate.wait(), Some(0));
        ending.store(true, Ordering::SeqCst);
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .sum()
    });
    assert!(accepted >= 200, "{accepted}");
    assert_eq!(backend.received().len(), accepted);
}

#[test]
fn who_takes_longer_than_the_grace_time_is_cut_off_and_the_exit_code_says_so() {
    let authority = Authority::new();
    let backend = Backend::mute();
    let mut gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .with("server", "shutdown_grace = \"500ms\"")
        .endpoint("hmac")
        .start();
    let mut forwarded = Connection::to(gate.http());
    forwarded.write(&genuine(&gate, b"{}").bytes());
    let http2 = Http2::connect(gate.https(), authority.certificate()).unwrap();
    let mut stream = http2.begin(http2_request(&gate, b"{}"), true);
    http2.send(&mut stream, b"{}", true);
    backend.wait_for(2);
    let bytes = genuine(&gate, b"{}").bytes();
    let mut receiving = Connection::to(gate.http());
    receiving.write(&bytes[..bytes.len() - 1]);
    gate.wait_for_metric("portcullis_bodies_in_flight", 3);
    let mut half_a_head = Connection::to(gate.http());
    half_a_head.write(&bytes[..20]);
    gate.signal("TERM");
    // The backend never answers, and the rest of the body and of the head never come.
    assert_eq!(gate.wait(), Some(1));
    let answer = forwarded.answer();
    assert_eq!((answer.status, answer.reason()), (504, "upstream_timeout"));
    let answer = receiving.answer();
    assert_eq!((answer.status, answer.reason()), (503, "overloaded"));
    assert_eq!(http2.answer(stream).unwrap().status, 504);
    assert!(half_a_head.try_answer().is_none());
    let mut reasons: Vec<String> = gate
        .log(3)
        .iter()
        .map(|line| line["reason"].as_str().unwrap().to_owned())
        .collect();
    reasons.sort();
    let expected = ["overloaded", "upstream_timeout", "upstream_timeout"];
    assert_eq!(reasons, expected, "each of them is recorded");
    logged_no_error(&gate);
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let backend = Backend::mute();
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let mut sender = Connection::to(gate.http());
    sender.write(&genuine(&gate, b"{}").bytes());
    backend.wait_for(1);
    gate.signal("INT");
    wait_until_refusing(&gate);
    assert!(gate.is_running());
    gate.signal("INT");
    assert_eq!(gate.wait(), Some(1));
    assert_eq!(gate.log(1)[0]["reason"], "upstream_timeout");
    logged_no_error(&gate);
}

/// A gate that cut deliveries off has logged this, and no error.
#[track_caller]
fn logged_no_error(gate: &Gate) {
    // The last line: everything before it is there.
    eventually("it says how it ended", || {
        gate.everything_written()
            .contains("error: deliveries in flight were cut off")
    });
    let written = gate.everything_written();
    assert!(!written.contains("ERROR"), "{written}");
    assert!(!written.contains("restarting it"), "{written}");
}

#[test]
fn it_is_not_ready_any_more_while_it_still_serves() {
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let mut sender = Connection::to(gate.http());
    sender.write(&genuine(&gate, b"{}").bytes());
    backend.wait_for(1);
    assert_eq!(send(gate.admin(), &admin_get("/readyz")).status, 200);
    gate.signal("TERM");
    wait_until_refusing(&gate);
    assert_eq!(send(gate.admin(), &admin_get("/readyz")).status, 503);
    assert_eq!(send(gate.admin(), &admin_get("/healthz")).status, 200);
    door.open();
    assert_eq!(sender.answer().status, 202);
    assert_eq!(gate.wait(), Some(0));
}

#[test]
fn after_a_kill_it_serves_again_with_everything_that_was_there() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    gate.signal("KILL");
    gate.wait();
    gate.restart();
    assert_eq!(send(gate.http(), &request).status, 202);
}

#[test]
fn a_hang_up_changes_nothing() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend).endpoint("hmac").start();
    gate.signal("HUP");
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    assert!(gate.is_running());
}

fn wait_until_refusing(gate: &Gate) {
    eventually("the gate takes no connections any more", || {
        TcpStream::connect(gate.http()).is_err()
    });
}

#[test]
fn a_delivery_outlives_the_http2_connection_that_brought_it() {
    let authority = Authority::new();
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let mut gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .endpoint("hmac")
        .start();
    let connection = Http2::connect(gate.https(), authority.certificate()).unwrap();
    let mut stream = connection.begin(http2_request(&gate, b"{}"), true);
    connection.send(&mut stream, b"{}", true);
    backend.wait_for(1);
    drop((stream, connection));
    gate.wait_until_idle();
    assert_eq!(gate.metric("portcullis_connections"), 1, "it still counts");
    gate.signal("TERM");
    wait_until_refusing(&gate);
    door.open();
    assert_eq!(gate.wait(), Some(0));
    let line = gate.log(1).pop().unwrap();
    assert_eq!(line["outcome"], "admitted", "{line}");
}

#[test]
fn an_idle_http2_connection_does_not_delay_the_end() {
    let authority = Authority::new();
    let mut gate = Gate::before(&Backend::accepting())
        .tls(&authority)
        .with("public", "http2 = true")
        .endpoint("hmac")
        .start();
    // It shakes hands, and never acknowledges a goodbye.
    let mut idle = Connection::over_tls_with(gate.https(), authority.certificate(), &[b"h2"]);
    idle.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    gate.wait_for_metric("portcullis_connections", 1);
    gate.wait_until_idle();
    gate.signal("TERM");
    // The grace time is minutes: when it ends, the exit code says so.
    assert_eq!(gate.wait(), Some(0));
}

#[test]
fn an_http2_sender_that_goes_on_and_on_is_refused_and_delays_nothing() {
    let authority = Authority::new();
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let mut gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .endpoint("hmac")
        .start();
    let connection = Http2::connect(gate.https(), authority.certificate()).unwrap();
    let request = http2_request(&gate, b"{}");
    let mut first = connection.begin(request.clone(), true);
    connection.send(&mut first, b"{}", true);
    backend.wait_for(1);
    gate.signal("TERM");
    wait_until_refusing(&gate);
    gate.wait_until_idle();
    // It may be told in either of two ways that nothing was done.
    let refused = connection.try_begin(request, true).and_then(|mut second| {
        connection.send(&mut second, b"{}", true);
        connection.answer(second).map(|answer| answer.status)
    });
    assert!(refused.is_err(), "{refused:?}");
    door.open();
    assert_eq!(connection.answer(first).unwrap().status, 202);
    assert_eq!(gate.wait(), Some(0));
    assert_eq!(backend.received().len(), 1);
}
