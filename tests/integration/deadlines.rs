//! Slow senders: everything that a sender may take its time with has a deadline of its own, and a byte
//! now and then does not move it.

use std::time::Duration;

use crate::support::*;

/// A gate with one deadline that is short enough to wait for. The others are minutes.
fn impatient(backend: &Backend, section: &str, deadline: &str) -> Gate {
    Gate::before(backend)
        .with(section, deadline)
        .endpoint("hmac")
}

const HEAD: (&str, &str) = ("public", "head_timeout = \"600ms\"");
const BODY: (&str, &str) = ("bodies", "timeout = \"600ms\"");

/// Writes byte after byte, and fails if the other side lets it come to an end.
fn drip(connection: &mut Connection, bytes: &[u8]) {
    let mut bytes = bytes.iter();
    eventually("the gate ends a connection that drips", || {
        if connection.has_ended() {
            return true;
        }
        let byte = bytes.next().expect("the gate ends it before the last byte");
        connection.write(&[*byte]);
        let_pass(Duration::from_millis(20));
        false
    });
}

#[test]
fn a_head_that_drips_is_closed_at_its_deadline() {
    let backend = Backend::accepting();
    let gate = impatient(&backend, HEAD.0, HEAD.1).start();
    let mut connection = Connection::to(gate.http());
    let padding = "x".repeat(4000);
    let head = genuine(&gate, b"{}").header("X-Padding", &padding).bytes();
    drip(&mut connection, &head);
    assert!(connection.is_closed());
    backend.was_not_contacted();
}

#[test]
fn silence_from_the_beginning_is_closed() {
    let backend = Backend::accepting();
    let gate = impatient(&backend, HEAD.0, HEAD.1).start();
    assert!(Connection::to(gate.http()).is_closed());
    backend.was_not_contacted();
}

#[test]
fn silence_between_two_deliveries_is_closed() {
    let backend = Backend::accepting();
    let gate = impatient(&backend, "public", "keep_alive = \"1s\"").start();
    let mut connection = Connection::to(gate.http());
    connection.write(&genuine(&gate, b"{}").bytes());
    assert_eq!(connection.answer().status, 202);
    assert!(connection.is_closed());
}

#[test]
fn a_body_that_drips_is_408_at_its_deadline_however_it_is_framed() {
    let backend = Backend::accepting();
    let gate = impatient(&backend, BODY.0, BODY.1).start();
    let body = noise(4000);
    let signature = github_signature(&gate.secret(ID), &body);
    let chunked = Request::post(PATH)
        .header("X-Hub-Signature-256", &signature)
        .chunked(&body, 3);
    for request in [genuine(&gate, &body), chunked] {
        let mut connection = Connection::to(gate.http());
        let head_len = request.head().len();
        connection.write(&request.head());
        drip(&mut connection, &request.bytes()[head_len..]);
        let answer = connection.answer();
        assert_eq!(answer.status, 408, "{}", answer.head);
        assert_eq!(answer.text(), r#"{"error":"Request timeout"}"#);
        assert_eq!(answer.reason(), "body_timeout");
        assert!(connection.is_closed());
    }
    backend.was_not_contacted();
}

#[test]
fn a_sender_that_was_asked_to_go_on_and_does_not_is_408() {
    let backend = Backend::accepting();
    let gate = impatient(&backend, BODY.0, BODY.1).start();
    let request = genuine(&gate, b"{}").header("Expect", "100-continue");
    let mut connection = Connection::to(gate.http());
    connection.write(&request.head());
    assert_eq!(connection.answer().status, 100);
    assert_eq!(connection.answer().status, 408);
    backend.was_not_contacted();
}

#[test]
fn silence_in_place_of_a_tls_handshake_is_closed() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = impatient(&backend, HEAD.0, HEAD.1).tls(&authority).start();
    let mut connection = Connection::to(gate.https());
    assert!(connection.is_closed());
    // The first bytes of a handshake, and no more.
    let mut connection = Connection::to(gate.https());
    connection.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    assert!(connection.is_closed());
}

#[test]
fn silence_after_a_tls_handshake_is_closed() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = impatient(&backend, HEAD.0, HEAD.1).tls(&authority).start();
    let mut connection = Connection::over_tls(gate.https(), authority.certificate());
    connection.write(b"");
    assert!(connection.is_closed());
    backend.was_not_contacted();
}

#[test]
fn a_sender_that_does_not_take_its_answer_is_left() {
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let len = 64 * 1024 * 1024;
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + len, b'x');
        answer
    });
    let backend = Backend::answering(&ANSWER);
    let gate = Gate::before(&backend)
        .with("public", "send_timeout = \"300ms\"")
        .endpoint("hmac")
        .start();
    let mut connection = Connection::to(gate.http());
    connection.write(&genuine(&gate, b"{}").bytes());
    // Nothing is read until the gate has given up.
    let line = &gate.log(1)[0];
    assert_eq!(line["reason"], "admitted");
    assert!(connection.ends_before_the_answer_is_whole());
}

#[test]
fn good_deliveries_are_served_beside_many_slow_ones() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let whole = genuine(&gate, b"{}").bytes();
    let slow: Vec<Connection> = (0..300)
        .map(|number| {
            let mut connection = Connection::to(gate.http());
            connection.write(&whole[..whole.len() - 1 - number % 100]);
            connection
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    }
    drop(slow);
    assert_eq!(backend.received().len(), 50);
}

#[test]
fn connections_beyond_the_limit_are_closed_and_taken_again_when_there_is_room() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("public", "max_connections = 4")
        .endpoint("hmac")
        .start();
    let mut held: Vec<Connection> = (0..4)
        .map(|_| {
            let mut connection = Connection::to(gate.http());
            connection.write(&genuine(&gate, b"{}").bytes());
            assert_eq!(connection.answer().status, 202);
            connection
        })
        .collect();
    assert!(Connection::to(gate.http()).is_closed());
    held.pop();
    let answer = found("there is room again", || {
        let mut connection = Connection::to(gate.http());
        connection.write(&genuine(&gate, b"{}").bytes());
        connection.try_answer()
    });
    assert_eq!(answer.status, 202);
}

/// Asks without end, and never looks at a response.
fn deaf(address: std::net::SocketAddr, ask: &[u8]) -> std::net::TcpStream {
    use std::io::Write;

    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut sender: std::net::TcpStream = socket.into();
    let asks = ask.repeat(1000);
    // Until the gate reads no more, because nobody reads its answers, and then ends the connection.
    sender.set_write_timeout(Some(PATIENCE)).unwrap();
    let error = loop {
        if let Err(error) = sender.write_all(&asks) {
            break error;
        }
    };
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it is kept");
    sender
}

#[test]
fn a_sender_that_reads_no_response_of_any_kind_is_left_and_keeps_nobody_out() {
    // So large that few of them fill what the system holds of a connection.
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 500000\r\n\r\n".to_vec();
        answer.resize(answer.len() + 500_000, b'x');
        answer
    });
    let backend = Backend::answering(&ANSWER);
    let mut gate = Gate::before(&backend)
        .with("public", "send_timeout = \"600ms\"\nmax_connections = 3")
        .endpoint("hmac")
        .start();
    let ask = |line: &str| {
        let head = format!("{line} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        head.into_bytes()
    };
    let kinds = [
        ask(&format!("POST {PATH}x")),
        // Without a body: their only write is the head.
        ask(&format!("HEAD {PATH}")),
        ask(&format!("HEAD {PATH}x")),
        genuine(&gate, b"{}").bytes(),
    ];
    for kind in &kinds {
        let deaf: Vec<_> = std::thread::scope(|scope| {
            let deaf = |_| scope.spawn(|| deaf(gate.http(), kind));
            let deaf: Vec<_> = (0..3).map(deaf).collect();
            deaf.into_iter().map(|it| it.join().unwrap()).collect()
        });
        gate.wait_for_metric("portcullis_connections", 0);
        assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
        gate.wait_for_metric("portcullis_connections", 0);
        drop(deaf);
    }
    // And it delays the end of nothing.
    let _deaf = deaf(gate.http(), &kinds[1]);
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
}

#[test]
fn a_sender_that_reads_its_response_in_drops_is_left_at_one_deadline() {
    use std::io::Read;

    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let len = 64 * 1024 * 1024;
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + len, b'x');
        answer
    });
    let backend = Backend::answering(&ANSWER);
    let gate = Gate::before(&backend)
        .with("public", "send_timeout = \"2s\"")
        .endpoint("hmac")
        .start();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.connect(&gate.http().into()).unwrap();
    let mut sender: std::net::TcpStream = socket.into();
    std::io::Write::write_all(&mut sender, &genuine(&gate, b"{}").bytes()).unwrap();
    // Every drop makes room for the next part: a time-out for each part never passes.
    let mut drop_of = [0; 64 * 1024];
    while gate.metric("portcullis_connections") > 0 {
        // The end, or a reset: either way the gate has left.
        let _ = sender.read(&mut drop_of);
        let_pass(Duration::from_millis(20));
    }
    let line = &gate.log(1)[0];
    assert_eq!(line["reason"], "admitted", "{line}");
}

#[test]
fn a_sender_that_does_not_take_its_answer_is_to_blame_for_it_and_not_the_backend() {
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n".to_vec();
        answer.resize(answer.len() + 67_108_864, b'x');
        answer
    });
    let backend = Backend::answering(&ANSWER);
    let mut seconds = 1;
    // The backend has to begin its answer in time, and the time for everything has to end before the gate leaves the sender.
    let line = found("the backend begins its answer in time", || {
        let gate = Gate::before(&backend)
            .with(
                "public",
                &format!("send_timeout = \"{}ms\"", seconds * 1500),
            )
            .with(
                "upstreams.default",
                &format!("total_timeout = \"{seconds}s\""),
            )
            .endpoint("hmac")
            .start();
        seconds *= 2;
        let mut sender = Connection::to(gate.http());
        sender.write(&genuine(&gate, b"{}").bytes());
        let line = gate.log(1).pop().unwrap();
        gate.wait_for_metric("portcullis_connections", 0);
        (line["status"] == 200).then_some(line)
    });
    assert_eq!(line["reason"], "admitted", "{line}");
}
