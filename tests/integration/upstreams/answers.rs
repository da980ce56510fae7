//! What a backend answers, right or wrong.

use std::io::{Read, Write};

use crate::support::*;

/// A gate before a backend that answers with these bytes and closes.
fn before_one_that_says(answer: &'static [u8]) -> (Gate, Backend) {
    let backend = Backend::scripted(move |request, stream| {
        if request.is_some() {
            let _ = stream.write_all(answer);
        }
        false
    });
    let gate = Gate::before(&backend).endpoint("hmac").start();
    (gate, backend)
}

#[test]
fn any_status_is_the_backends_own_to_give() {
    let cases: [(&[u8], u16, &str); 6] = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\n{}",
            302,
            "{}",
        ),
        (
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nmine",
            401,
            "mine",
        ),
        (
            b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops",
            500,
            "oops",
        ),
        (b"HTTP/1.1 599 Own\r\nContent-Length: 1\r\n\r\nx", 599, "x"),
    ];
    for (bytes, status, body) in cases {
        let (gate, _backend) = before_one_that_says(bytes);
        let mut connection = Connection::to(gate.http());
        connection.write(&genuine(&gate, b"{}").bytes());
        let answer = connection.answer_to("POST");
        assert_eq!((answer.status, answer.text()), (status, body));
        // It has answered: that it did not like the delivery is between it and the sender.
        assert_eq!(answer.reason(), "admitted");
        assert_eq!(gate.log(1)[0]["outcome"], "admitted");
    }
}

#[test]
fn chunks_and_bodies_without_a_length_come_through_whole() {
    let cases: [&'static [u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world",
        b"HTTP/1.0 200 OK\r\n\r\nhello world",
    ];
    for bytes in cases {
        let (gate, _backend) = before_one_that_says(bytes);
        let answer = send(gate.http(), &genuine(&gate, b"{}"));
        assert_eq!((answer.status, answer.text()), (200, "hello world"));
        // A sender of HTTP/1.0 knows no chunks.
        let old = genuine(&gate, b"{}").bytes();
        let old = String::from_utf8(old).unwrap().replacen("/1.1", "/1.0", 1);
        let answer = Connection::to(gate.http()).write(old.as_bytes()).answer();
        assert_eq!((answer.status, answer.text()), (200, "hello world"));
        assert_eq!(answer.try_header("Transfer-Encoding"), None);
    }
}

#[test]
fn interim_answers_are_not_the_answer() {
    let (gate, _backend) = before_one_that_says(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
          HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}",
    );
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!((answer.status, answer.text()), (202, "{}"));
}

#[test]
fn what_is_no_answer_is_502() {
    let cases: [&'static [u8]; 7] = [
        b"",
        b"garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 999999 Many\r\n\r\n",
    ];
    for bytes in cases {
        let (gate, backend) = before_one_that_says(bytes);
        let answer = send(gate.http(), &genuine(&gate, b"{}"));
        assert_eq!(answer.status, 502, "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!(answer.text(), r#"{"error":"Bad gateway"}"#);
        assert_eq!(backend.received().len(), 1);
    }
}

#[test]
fn a_head_without_end_is_502_and_takes_no_memory_without_bound() {
    let backend = Backend::raw(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        let line = format!("X-Endless: {}\r\n", "x".repeat(8000));
        for _ in 0..8000 {
            if stream.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    });
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!(answer.status, 502);
    assert!(gate.resident_bytes() < 200 * 1024 * 1024);
}

#[test]
fn half_an_answer_does_not_look_like_a_whole_one() {
    let (gate, _backend) =
        before_one_that_says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly the beginning");
    let mut connection = Connection::to(gate.http());
    connection.write(&genuine(&gate, b"{}").bytes());
    assert!(connection.ends_before_the_answer_is_whole());
    let line = &gate.log(1)[0];
    assert_eq!(line["outcome"], "failed");
    assert_eq!(line["reason"], "upstream_unreachable");

    let (gate, _backend) = before_one_that_says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    );
    let mut connection = Connection::to(gate.http());
    connection.write(&genuine(&gate, b"{}").bytes());
    assert!(!connection.everything().ends_with(b"0\r\n\r\n"));
}

#[test]
fn an_answer_before_the_end_of_the_body_is_passed_on() {
    let backend = Backend::raw(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let refusal =
            b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch";
        let _ = stream.write_all(refusal);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        // What is still sent is taken, so that the answer is not lost to a reset.
        let mut rest = [0; 64 * 1024];
        while matches!(stream.read(&mut rest), Ok(1..)) {}
    });
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let answer = send(gate.http(), &genuine(&gate, &noise(8 * 1024 * 1024)));
    assert_eq!((answer.status, answer.text()), (413, "much"));
}

#[test]
fn a_large_answer_comes_through_whole() {
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let body = noise(20 * 1024 * 1024);
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(&body);
        answer
    });
    let backend = Backend::answering(&ANSWER);
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!(sha256(&answer.body), sha256(&noise(20 * 1024 * 1024)));
}

#[test]
fn a_refusal_of_head_has_a_length_and_no_body() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(ID, &["--mode", "secret"])
        .start();
    let mut connection = Connection::to(gate.http());
    for _ in 0..2 {
        let request = Request::new("HEAD", PATH);
        connection.write(&request.bytes());
        let answer = connection.answer_to("HEAD");
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("Content-Length"), "30");
        assert_eq!(answer.header("Allow"), "POST");
    }
    backend.was_not_contacted();
}

#[test]
fn an_answer_that_stops_is_cut_off_when_its_time_is_over() {
    let backend = Backend::scripted(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        hang()
    });
    let gate = Gate::before(&backend)
        .with("upstreams.default", "read_timeout = \"300ms\"")
        .endpoint("hmac")
        .start();
    let mut connection = Connection::to(gate.http());
    connection.write(&genuine(&gate, b"{}").bytes());
    assert!(connection.ends_before_the_answer_is_whole());
    assert_eq!(gate.log(1)[0]["reason"], "upstream_timeout");
}

#[test]
fn the_framing_of_an_answer_is_the_gates_own() {
    let one_length = |head: &str| head.to_lowercase().matches("content-length").count();
    for (bytes, status, body) in [
        (&b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"[..], 204, ""),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, ""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, ""),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            200,
            "abc",
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: Content-Length, Transfer-Encoding\r\nContent-Length: 3\r\n\r\nabc",
            200,
            "abc",
        ),
    ] {
        let (gate, _backend) = before_one_that_says(bytes);
        let mut connection = Connection::to(gate.http());
        connection.write(&genuine(&gate, b"{}").bytes());
        let answer = connection.answer_to("POST");
        assert_eq!((answer.status, answer.text()), (status, body));
        assert_eq!(answer.try_header("Transfer-Encoding"), None);
        let lengths = one_length(&answer.head);
        assert_eq!(lengths, usize::from(status == 200), "{}", answer.head);
        // What follows on the same connection is the next answer, and nothing else.
        connection.write(b"POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(connection.answer().status, 404);
    }
}

#[test]
fn an_answer_whose_end_two_readers_could_see_differently_is_502() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc",
    ] {
        let (gate, _backend) = before_one_that_says(bytes);
        let answer = send(gate.http(), &genuine(&gate, b"{}"));
        assert_eq!(answer.status, 502, "{}", bytes.escape_ascii());
    }
}

#[test]
fn half_an_answer_does_not_look_whole_to_a_sender_that_knows_no_chunks_either() {
    let (gate, _backend) =
        before_one_that_says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let old = String::from_utf8(genuine(&gate, b"{}").bytes()).unwrap();
    let old = old.replacen("/1.1", "/1.0", 1);
    let answer = Connection::to(gate.http()).write(old.as_bytes()).answer();
    assert_eq!(answer.status, 502);

    let (gate, _backend) = before_one_that_says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    let answer = Connection::to(gate.http()).write(old.as_bytes()).answer();
    // Another gate, another secret.
    assert_eq!(answer.status, 401);
    let old = String::from_utf8(genuine(&gate, b"{}").bytes()).unwrap();
    let old = old.replacen("/1.1", "/1.0", 1);
    let answer = Connection::to(gate.http()).write(old.as_bytes()).answer();
    assert_eq!((answer.status, answer.header("Content-Length")), (200, "3"));
}

#[test]
fn a_long_answer_reaches_a_sender_that_knows_no_chunks_too() {
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut answer = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n".to_vec();
        answer.resize(answer.len() + 3_000_000, b'x');
        answer
    });
    let backend = Backend::scripted(|request, stream| {
        if request.is_some() {
            let _ = stream.write_all(&ANSWER);
        }
        false
    });
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let old = String::from_utf8(genuine(&gate, b"{}").bytes()).unwrap();
    let old = old.replacen("/1.1", "/1.0", 1);
    let mut sender = Connection::to(gate.http());
    let everything = sender.write(old.as_bytes()).everything();
    assert!(everything.starts_with(b"HTTP/1.1 202 Accepted\r\n"));
    let end = everything
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    assert_eq!(everything.len() - end - 4, 3_000_000);
}
