//! Answers without a length that break off: over every protocol, the sender sees that the end is missing.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::replays::flight::Door;
use crate::support::*;

/// More than the gate reads before it answers a sender of HTTP/1.0.
const LONG: usize = 3_000_000;

/// How the backend breaks its answer off.
#[derive(Clone, Copy, Debug)]
enum Break {
    /// A chunked answer, and a close before the last chunk.
    Chunked,
    /// An answer that ends with the connection, and a reset.
    UntilClose,
}

impl Break {
    const ALL: [Self; 2] = [Self::Chunked, Self::UntilClose];

    /// A backend that sends `len` bytes, waits at `door`, and breaks off.
    fn backend(self, len: usize, door: &Door) -> Backend {
        let door = door.clone();
        Backend::scripted(move |request, stream| {
            if request.is_some() {
                self.begin(stream, len);
                door.pass();
                reset(stream);
            }
            false
        })
    }

    fn begin(self, stream: &mut TcpStream, len: usize) {
        let body = vec![b'x'; len];
        let answer = match self {
            Self::Chunked => {
                let head = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n";
                let size = format!("{len:x}\r\n");
                [head.as_bytes(), size.as_bytes(), &body, b"\r\n"].concat()
            }
            Self::UntilClose => {
                let head = "HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n";
                [head.as_bytes(), &body].concat()
            }
        };
        let _ = stream.write_all(&answer);
    }
}

/// Resets the connection once `stream` is dropped.
fn reset(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

fn over_http_1_0(gate: &Gate) -> Vec<u8> {
    let request = String::from_utf8(genuine(gate, b"{}").bytes()).unwrap();
    request.replacen("/1.1", "/1.0", 1).into_bytes()
}

fn has_failed(gate: &Gate) {
    let line = &gate.log(1)[0];
    assert_eq!(line["outcome"], "failed", "{line}");
    assert_eq!(line["reason"], "upstream_unreachable", "{line}");
}

#[test]
fn sends_no_last_chunk_when_an_answer_without_a_length_breaks_off() {
    for how in Break::ALL {
        let door = Door::default();
        let backend = how.backend(64 * 1024, &door);
        let gate = Gate::before(&backend).endpoint("hmac").start();
        let mut sender = Connection::to(gate.http());
        sender.write(&genuine(&gate, b"{}").bytes());
        let head = sender.answer_without_body();
        assert_eq!(head.header("Transfer-Encoding"), "chunked", "{how:?}");
        door.open();
        let everything = sender.everything();
        assert!(!everything.ends_with(b"0\r\n\r\n"), "{how:?}");
        has_failed(&gate);
    }
}

#[test]
fn answers_http_1_0_with_502_when_a_short_answer_without_a_length_breaks_off() {
    for how in Break::ALL {
        let door = Door::default();
        let backend = how.backend(1000, &door);
        let gate = Gate::before(&backend).endpoint("hmac").start();
        let mut sender = Connection::to(gate.http());
        sender.write(&over_http_1_0(&gate));
        door.open();
        assert_eq!(sender.answer().status, 502, "{how:?}");
        has_failed(&gate);
    }
}

#[test]
fn resets_http_1_0_connections_when_a_long_answer_without_a_length_breaks_off() {
    let authority = Authority::new();
    for how in Break::ALL {
        for over_tls in [false, true] {
            let door = Door::default();
            let backend = how.backend(LONG, &door);
            let gate = Gate::before(&backend)
                .tls(&authority)
                .endpoint("hmac")
                .start();
            let mut sender = if over_tls {
                Connection::over_tls(gate.https(), authority.certificate())
            } else {
                Connection::to(gate.http())
            };
            sender.write(&over_http_1_0(&gate));
            let head = sender.answer_without_body();
            assert_eq!(head.status, 202);
            assert_eq!(head.try_header("Content-Length"), None);
            door.open();
            assert!(sender.ends_abruptly(), "{how:?}, TLS {over_tls}");
            has_failed(&gate);
        }
    }
}

#[test]
fn resets_http_2_streams_when_an_answer_without_a_length_breaks_off() {
    let authority = Authority::new();
    for how in Break::ALL {
        let door = Door::default();
        let backend = how.backend(64 * 1024, &door);
        let gate = Gate::before(&backend)
            .tls(&authority)
            .with("public", "http2 = true")
            .endpoint("hmac")
            .start();
        let sender = Http2::connect(gate.https(), authority.certificate()).unwrap();
        let request = http::Request::post(format!("https://portal.example.com{PATH}"))
            .header(
                "x-hub-signature-256",
                github_signature(&gate.secret(ID), b"{}"),
            )
            .body(())
            .unwrap();
        let mut pending = sender.begin(request, true);
        sender.send(&mut pending, b"{}", true);
        backend.wait_for(1);
        door.open();
        // The backend may reset its connection before the gate has read any of the answer.
        let heard = sender.answer(pending);
        assert!(
            heard.is_err() || heard.is_ok_and(|it| it.status == 502),
            "{how:?}"
        );
        has_failed(&gate);
    }
}

#[test]
fn ends_whole_answers_without_a_length_in_order() {
    let authority = Authority::new();
    for answer in [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    ] {
        let backend = Backend::scripted(move |request, stream| {
            if request.is_some() {
                let _ = stream.write_all(answer);
            }
            false
        });
        let gate = Gate::before(&backend)
            .tls(&authority)
            .endpoint("hmac")
            .start();
        let old = over_http_1_0(&gate);
        for mut sender in [
            Connection::to(gate.http()),
            Connection::over_tls(gate.https(), authority.certificate()),
        ] {
            let heard = sender.write(&old).answer();
            assert_eq!((heard.status, heard.text()), (200, "hello"));
            assert_eq!(heard.header("Content-Length"), "5");
            assert!(!sender.ends_abruptly());
        }
    }
}

#[test]
fn ends_long_whole_answers_to_http_1_0_in_order() {
    let authority = Authority::new();
    let backend = Backend::scripted(|request, stream| {
        if request.is_some() {
            Break::UntilClose.begin(stream, LONG);
        }
        false
    });
    let gate = Gate::before(&backend)
        .tls(&authority)
        .endpoint("hmac")
        .start();
    let old = over_http_1_0(&gate);
    for mut sender in [
        Connection::to(gate.http()),
        Connection::over_tls(gate.https(), authority.certificate()),
    ] {
        sender.write(&old);
        assert_eq!(sender.answer_without_body().status, 202);
        assert!(!sender.ends_abruptly());
    }
}
