//! Turns: as many deliveries of one key as the endpoint says are with the backend at once.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::*;

/// A backend that lets answers out one by one.
pub(crate) struct Turnstile {
    pub(crate) backend: Backend,
    allowed: Arc<(Mutex<usize>, Condvar)>,
}

impl Turnstile {
    pub(crate) fn new() -> Self {
        let allowed: Arc<(Mutex<usize>, Condvar)> = Arc::default();
        let gate = allowed.clone();
        let backend = Backend::scripted(move |request, stream| {
            if request.is_some() {
                let allowed = gate.0.lock().unwrap();
                let mut allowed = gate.1.wait_while(allowed, |allowed| *allowed == 0).unwrap();
                *allowed -= 1;
                drop(allowed);
                let _ = stream.write_all(ACCEPTED);
            }
            request.is_some()
        });
        Self { backend, allowed }
    }

    pub(crate) fn let_out(&self, many: usize) {
        *self.allowed.0.lock().unwrap() += many;
        self.allowed.1.notify_all();
    }
}

pub(crate) fn of_key(gate: &Gate, key: &str, number: u32) -> Request {
    json(gate, &format!(r#"{{"key":"{key}","n":{number}}}"#))
}

pub(crate) fn is_refused(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.text()),
        (429, r#"{"error":"Too many requests"}"#)
    );
    assert_eq!(answer.reason(), "rate_limited");
    assert_eq!(answer.header("Retry-After"), "1");
}

#[test]
fn one_more_of_the_same_key_is_429_and_other_keys_are_not_kept_up() {
    let turnstile = Turnstile::new();
    let backend = &turnstile.backend;
    let gate = gate(
        backend,
        "key_field = \"key\"\nconcurrency = { per_key = 2 }",
    )
    .start();
    let mut senders: Vec<Connection> = Vec::new();
    for (key, number) in [("a", 1), ("a", 2), ("b", 3), ("b", 4)] {
        let mut sender = Connection::to(gate.http());
        sender.write(&of_key(&gate, key, number).bytes());
        senders.push(sender);
        backend.wait_for(senders.len());
    }
    is_refused(&send(gate.http(), &of_key(&gate, "a", 5)));
    // Without a key there is nothing that could be the same.
    let mut without = Connection::to(gate.http());
    without.write(&json(&gate, "{}").bytes());
    backend.wait_for(5);
    turnstile.let_out(5);
    for sender in &mut senders {
        assert_eq!(sender.answer().status, 202);
    }
    assert_eq!(without.answer().status, 202);
    turnstile.let_out(1);
    assert_eq!(
        send(gate.http(), &of_key(&gate, "a", 5)).status,
        202,
        "it was released"
    );
}

#[test]
fn who_may_wait_gets_its_turn_in_order() {
    let turnstile = Turnstile::new();
    let backend = &turnstile.backend;
    let gate = gate(
        backend,
        "key_field = \"key\"\nconcurrency = { per_key = 1, wait = \"60s\" }",
    )
    .start();
    let mut senders: Vec<Connection> = Vec::new();
    for number in 1..=4 {
        let mut sender = Connection::to(gate.http());
        sender.write(&of_key(&gate, "a", number).bytes());
        senders.push(sender);
        if number == 1 {
            backend.wait_for(1);
        }
        gate.wait_for_metric("portcullis_bodies_in_flight", u64::from(number));
        gate.wait_until_idle();
    }
    assert_eq!(backend.received().len(), 1);
    for (position, sender) in senders.iter_mut().enumerate() {
        turnstile.let_out(1);
        assert_eq!(sender.answer().status, 202, "{position}");
        backend.wait_for((position + 2).min(4));
        assert_eq!(
            backend.received().len(),
            (position + 2).min(4),
            "one at a time"
        );
    }
}

#[test]
fn who_has_waited_long_enough_is_told_so_and_can_come_again() {
    let turnstile = Turnstile::new();
    let backend = &turnstile.backend;
    let gate = gate(
        backend,
        "key_field = \"key\"\nconcurrency = { per_key = 1, wait = \"300ms\" }",
    )
    .start();
    let mut first = Connection::to(gate.http());
    first.write(&of_key(&gate, "a", 1).bytes());
    backend.wait_for(1);
    let late = of_key(&gate, "a", 2).header("X-GitHub-Delivery", "2");
    let since = Instant::now();
    is_refused(&send(gate.http(), &late));
    assert!(since.elapsed() >= Duration::from_millis(300));
    turnstile.let_out(2);
    assert_eq!(first.answer().status, 202);
    // Its claim was released, and nobody who has gone stands in line before it.
    assert_eq!(send(gate.http(), &late).status, 202);
}

#[test]
fn a_copy_of_a_delivery_that_waits_is_in_flight_and_does_not_stand_in_line() {
    let turnstile = Turnstile::new();
    let backend = &turnstile.backend;
    let gate = gate(
        backend,
        "key_field = \"key\"\nconcurrency = { per_key = 1, wait = \"60s\" }\n\
         replay = { duplicates = \"acknowledge\" }",
    )
    .start();
    let mut first = Connection::to(gate.http());
    first.write(&of_key(&gate, "a", 1).bytes());
    backend.wait_for(1);
    let waiting = of_key(&gate, "a", 2).header("X-GitHub-Delivery", "2");
    let mut second = Connection::to(gate.http());
    second.write(&waiting.bytes());
    gate.wait_for_metric("portcullis_bodies_in_flight", 2);
    gate.wait_until_idle();
    assert_eq!(send(gate.http(), &waiting).reason(), "in_flight");
    turnstile.let_out(2);
    assert_eq!(first.answer().status, 202);
    assert_eq!(second.answer().status, 202);
    assert_eq!(send(gate.http(), &waiting).reason(), "duplicate");
}

#[test]
fn a_turn_ends_however_the_delivery_ended() {
    let backend = Backend::raw(drop);
    let gate = gate(
        &backend,
        "key_field = \"key\"\nconcurrency = { per_key = 1 }",
    )
    .start();
    for number in 0..5 {
        assert_eq!(
            send(gate.http(), &of_key(&gate, "a", number)).reason(),
            "upstream_unreachable"
        );
    }
}

#[test]
fn who_waits_already_comes_first_when_more_may_go_at_once() {
    let turnstile = Turnstile::new();
    let backend = &turnstile.backend;
    let lines = |many: u32| {
        format!("key_field = \"key\"\nconcurrency = {{ per_key = {many}, wait = \"60s\" }}")
    };
    let gate = gate(backend, &lines(1)).start();
    let mut senders: Vec<Connection> = Vec::new();
    let mut ask = |number: u32| {
        let mut sender = Connection::to(gate.http());
        let request = of_key(&gate, "a", number).header("X-Number", &number.to_string());
        sender.write(&request.bytes());
        senders.push(sender);
        gate.wait_for_metric("portcullis_bodies_in_flight", u64::from(number));
        gate.wait_until_idle();
    };
    (1..=3).for_each(&mut ask);
    backend.wait_for(1);
    let path = gate.file("endpoints.toml", declaration(&lines(3)));
    gate.run(&["apply", "-f", path.to_str().unwrap()])
        .succeeded();
    gate.catch_up();
    ask(4);
    backend.wait_for(3);
    let received = backend.received();
    let mut numbers: Vec<&str> = received.iter().map(|it| it.header("X-Number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["1", "2", "3"]);
    turnstile.let_out(4);
    for sender in &mut senders {
        assert_eq!(sender.answer().status, 202);
    }
}

#[test]
fn a_sender_that_does_not_read_its_answer_keeps_nobody_else_waiting() {
    let answer = {
        let len = 900_000;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n");
        [head.into_bytes(), vec![b'x'; len]].concat()
    };
    let backend = Backend::scripted(move |request, stream| {
        request.is_some() && stream.write_all(&answer).is_ok()
    });
    let gate = gate(
        &backend,
        "key_field = \"key\"\nconcurrency = { per_key = 1 }",
    )
    .start();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&gate.http().into()).unwrap();
    let mut deaf: std::net::TcpStream = socket.into();
    // Until the sockets between them have taken what they can.
    for number in 1..=8 {
        deaf.write_all(&of_key(&gate, "a", number).bytes()).unwrap();
    }
    backend.wait_for(1);
    gate.wait_until_idle();
    assert!(backend.received().len() < 8, "it was heard");
    eventually("the turn is given back", || {
        send(gate.http(), &of_key(&gate, "a", 9)).status == 200
    });
    // What it did not read in time is still there for it.
    let mut received = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(&mut deaf, 900_000), &mut received)
        .unwrap();
    assert!(received.starts_with(b"HTTP/1.1 200 "));
}
