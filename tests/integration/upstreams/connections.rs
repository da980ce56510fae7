//! Which connection a delivery takes, and that it takes one only.

use std::io::{Read, Write};
use std::time::Duration;

use crate::replays::flight::Door;
use crate::support::*;

/// A gate before `backend`, with more lines for its upstream.
fn before(backend: &Backend, lines: &str) -> Gate {
    let gate = Gate::before(backend).with("upstreams.default", lines);
    gate.endpoint("hmac").start()
}

/// A gate before several backends.
fn before_all(backends: &[&Backend]) -> Gate {
    Gate::before(backends[0])
        .with_only("upstreams.default", &addresses(backends))
        .endpoint("hmac")
        .start()
}

/// Delivers `count` times, and gives the sender the time to be done with each.
#[track_caller]
fn deliver(gate: &Gate, count: usize) {
    for _ in 0..count {
        assert_eq!(send(gate.http(), &genuine(gate, b"{}")).status, 202);
        // The sender has its response a moment before the connection is back in the pool.
        gate.wait_until_idle();
    }
}

fn addresses(backends: &[&Backend]) -> String {
    let addresses: Vec<String> = backends
        .iter()
        .map(|backend| format!("\"{}\"", backend.address()))
        .collect();
    format!("addresses = [{}]", addresses.join(", "))
}

#[test]
fn an_address_that_cannot_be_reached_is_passed_over_with_the_same_body() {
    let (down, up) = (Backend::refusing(), Backend::accepting());
    let gate = before_all(&[&down, &up]);
    let body = noise(300_000);
    for _ in 0..4 {
        assert_eq!(send(gate.http(), &genuine(&gate, &body)).status, 202);
    }
    let received = up.received();
    assert_eq!(received.len(), 4);
    for request in received {
        assert_eq!(request.body_sha256, sha256(&body));
    }
}

#[test]
fn several_addresses_take_turns() {
    let (one, other) = (Backend::accepting(), Backend::accepting());
    deliver(&before_all(&[&one, &other]), 10);
    assert_eq!((one.received().len(), other.received().len()), (5, 5));
}

#[test]
fn a_connection_is_kept_as_long_as_the_backend_keeps_it() {
    let answering = |head: &str| {
        let answer = format!("HTTP/1.1 202 Accepted\r\n{head}Content-Length: 2\r\n\r\n{{}}");
        Backend::answering(answer.leak().as_bytes())
    };
    // It promises to keep the connection, and closes it.
    let closing = Backend::scripted(|request, stream| {
        if request.is_some() {
            stream.write_all(ACCEPTED).unwrap();
        }
        false
    });
    for (what, backend, deliveries, connections) in [
        ("kept", Backend::accepting(), 20, 1),
        ("closed", closing, 20, 20),
        // It is given up before the backend closes it.
        ("timeout=1", answering("Keep-Alive: timeout=1\r\n"), 2, 2),
        (
            "timeout=60",
            answering("Keep-Alive: timeout=60, max=100\r\n"),
            2,
            1,
        ),
        ("nonsense", answering("Keep-Alive: nonsense\r\n"), 2, 1),
    ] {
        deliver(&before(&backend, ""), deliveries);
        assert_eq!(backend.received().len(), deliveries, "{what}");
        assert_eq!(backend.connections(), connections, "{what}");
    }
}

#[test]
fn a_backend_that_does_not_read_is_504_when_its_time_is_over() {
    for lines in ["write_timeout = \"300ms\"", "total_timeout = \"700ms\""] {
        let backend = Backend::deaf();
        let gate = before(&backend, lines);
        let answer = send(gate.http(), &genuine(&gate, &noise(30 * 1024 * 1024)));
        let refused = (answer.status, answer.reason());
        assert_eq!(refused, (504, "upstream_timeout"), "{lines}");
    }
}

#[test]
fn a_delivery_that_was_taken_and_not_answered_is_not_sent_again() {
    let dropping = Backend::scripted(|_, _| false);
    let other = Backend::accepting();
    let gate = before_all(&[&dropping, &other]);
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!(
        (answer.status, answer.reason()),
        (502, "upstream_unreachable")
    );
    assert_eq!(dropping.received().len(), 1);
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_backend_that_says_that_it_closes_is_believed() {
    let backend = Backend::answering(
        b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    );
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for _ in 0..3 {
        let answer = send(gate.http(), &genuine(&gate, b"{}"));
        assert_eq!(answer.status, 202);
        // What it says to the gate is not meant for the sender.
        assert_ne!(answer.try_header("Connection"), Some("close"));
    }
    assert_eq!(backend.connections(), 3);
}

#[test]
fn a_connection_is_not_kept_longer_than_it_may_be_unused() {
    let backend = Backend::accepting();
    let gate = before(&backend, "idle_timeout = \"200ms\"");
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    // More time only makes the connection older.
    let_pass(Duration::from_millis(600));
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    assert_eq!(backend.connections(), 2);
}

#[test]
fn the_rest_of_an_answer_is_never_taken_for_the_next_one() {
    // More bytes than the length says: another answer, as far as the connection goes.
    let backend = Backend::answering(
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong",
    );
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for _ in 0..5 {
        let answer = send(gate.http(), &genuine(&gate, b"{}"));
        assert_eq!((answer.status, answer.text()), (202, "{}"));
    }
}

#[test]
fn a_sender_that_leaves_meanwhile_has_still_delivered_once() {
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    connection.write(&genuine(&gate, b"{}").bytes());
    backend.wait_for(1);
    drop(connection);
    gate.wait_until_idle();
    door.open();
    let line = &gate.log(1)[0];
    assert_eq!(line["outcome"], "admitted");
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_name_is_looked_up_and_a_name_that_is_not_there_is_502() {
    let backend = Backend::accepting();
    let port = backend.address().port();
    let gate = Gate::before(&backend)
        .with_only(
            "upstreams.default",
            &format!("addresses = [\"localhost:{port}\"]"),
        )
        .with("upstreams.nowhere", "addresses = [\"nowhere.invalid:80\"]")
        .endpoint("hmac")
        .endpoint_with(
            "workflows/lost",
            &["--mode", "secret", "--upstream", "nowhere"],
        )
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    let token = gate.secret("workflows/lost");
    let request = Request::post("/webhooks/ai/workflows/lost")
        .header("Authorization", &format!("Bearer {token}"));
    let answer = send(gate.http(), &request);
    assert_eq!(
        (answer.status, answer.reason()),
        (502, "upstream_unreachable")
    );
}

#[test]
fn the_time_for_everything_is_kept_whatever_the_parts_take() {
    // Every part in time, and never an end.
    let backend = Backend::raw(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ");
        // Each byte comes soon after the one before, until the gate has gone.
        eventually("the gate ends the connection", || {
            stream.write_all(b"x").is_err()
        });
    });
    let gate = before(&backend, "total_timeout = \"600ms\"");
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!((answer.status, answer.reason()), (504, "upstream_timeout"));
}

#[test]
fn what_the_gate_says_itself_is_no_answer_of_the_backend() {
    let backend = Backend::refusing();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    gate.log(1);
    let metrics = gate.metrics();
    assert!(
        !metrics.contains("portcullis_backend_responses_total{"),
        "{metrics}"
    );
}
