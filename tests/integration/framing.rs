//! Malformed HTTP: refused, the connection closed, the backend silent, and not a byte of the rest taken
//! for a request (RFC 9112; research on request smuggling).

use crate::support::*;

/// A second delivery that would be admitted if anybody read it as a request.
fn smuggled(gate: &Gate) -> Vec<u8> {
    genuine(gate, b"{\"smuggled\":true}").bytes()
}

/// Sends bytes that are no request, with a genuine delivery behind them.
#[track_caller]
fn is_bad(gate: &Gate, backend: &Backend, name: &str, bytes: &[u8]) {
    let mut connection = Connection::to(gate.http());
    connection.write(bytes).write(&smuggled(gate));
    let answer = connection.answer();
    assert_eq!(answer.status, 400, "{name}: {}", answer.head);
    assert_eq!(answer.text(), "", "{name}");
    assert_eq!(answer.reason(), "bad_request", "{name}");
    assert!(connection.is_closed(), "{name}: the connection stays open");
    backend.was_not_contacted();
}

#[test]
fn heads_that_are_none_are_refused_and_nothing_behind_them_is_read() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let line = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\n");
    let head = |rest: &str| format!("{line}{rest}\r\n\r\n");
    let cases: Vec<(&str, String)> = vec![
        (
            "two lengths that differ",
            head("Content-Length: 2\r\nContent-Length: 3"),
        ),
        (
            "two lengths that agree",
            head("Content-Length: 2\r\nContent-Length: 2"),
        ),
        ("a list of lengths", head("Content-Length: 2, 2")),
        ("a signed length", head("Content-Length: +2")),
        ("a negative length", head("Content-Length: -2")),
        ("a length in hex", head("Content-Length: 0x2")),
        ("a length with a fraction", head("Content-Length: 2.0")),
        ("an empty length", head("Content-Length:")),
        (
            "a length beyond all numbers",
            head("Content-Length: 99999999999999999999"),
        ),
        (
            "a coding and a length",
            head("Transfer-Encoding: chunked\r\nContent-Length: 2"),
        ),
        (
            "a length and a coding",
            head("Content-Length: 2\r\nTransfer-Encoding: chunked"),
        ),
        (
            "two codings",
            head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ),
        (
            "a coding twice in a line",
            head("Transfer-Encoding: chunked, chunked"),
        ),
        ("an unknown coding", head("Transfer-Encoding: xchunked")),
        (
            "a coding before the last",
            head("Transfer-Encoding: gzip, chunked"),
        ),
        (
            "a coding after the last",
            head("Transfer-Encoding: chunked, identity"),
        ),
        ("identity", head("Transfer-Encoding: identity")),
        ("a coding with a tab", head("Transfer-Encoding: chunked\tx")),
        (
            "a coding with a parameter",
            head("Transfer-Encoding: chunked;a=b"),
        ),
        ("a folded coding", head("Transfer-Encoding:\r\n chunked")),
        ("a folded header", head("X-A: b\r\n c")),
        (
            "a folded first header",
            format!("POST {PATH} HTTP/1.1\r\n X: y\r\nHost: h\r\n\r\n"),
        ),
        ("a space before the colon", head("Content-Length : 2")),
        (
            "a tab before the colon",
            head("Transfer-Encoding\t: chunked"),
        ),
        ("a header without a colon", head("Nothing")),
        ("a header without a name", head(": value")),
        ("a space in a name", head("X A: b")),
        ("a NUL in a value", head("X-A: b\0c")),
        ("a NUL in a name", head("X\0A: b")),
        ("a CR in a value", head("X-A: b\rc")),
        ("a CR at the end of a value", head("X-A: b\r")),
        ("a form feed before a value", head("X-A: \u{c}b")),
        ("an escape in a value", head("X-A: b\u{1b}c")),
        ("a DEL in a value", head("X-A: b\u{7f}c")),
        (
            "a bare LF after the request line",
            format!("POST {PATH} HTTP/1.1\nHost: h\r\n\r\n"),
        ),
        ("a bare LF after a header", head("X-A: b\nX-C: d")),
        (
            "bare LFs only",
            format!("POST {PATH} HTTP/1.1\nHost: h\n\n"),
        ),
        ("a bare LF at the end", format!("{line}\n")),
        ("an empty line first", format!("\r\n{line}\r\n")),
        ("two Hosts that differ", head("Host: other")),
        ("two Hosts that agree", head("Host: h")),
        ("no Host", format!("POST {PATH} HTTP/1.1\r\nX-A: b\r\n\r\n")),
        (
            "an absolute target",
            format!("POST http://h{PATH} HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "an absolute target of another host",
            format!("POST http://other{PATH} HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "an authority as target",
            "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        ),
        (
            "an asterisk as target",
            "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        ),
        (
            "a relative target",
            "POST hook HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        ),
        ("no target", "POST HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        (
            "a fragment in the target",
            format!("POST {PATH}#x HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "a space in the target",
            format!("POST {PATH} x HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "two spaces",
            format!("POST  {PATH} HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "a tab for a space",
            format!("POST\t{PATH} HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "a letter beyond ASCII in the target",
            format!("POST {PATH}é HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "a space at the end of the line",
            format!("POST {PATH} HTTP/1.1 \r\nHost: h\r\n\r\n"),
        ),
        ("no method", format!(" {PATH} HTTP/1.1\r\nHost: h\r\n\r\n")),
        (
            "a method that is no token",
            format!("PO@ST {PATH} HTTP/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "another version",
            format!("POST {PATH} HTTP/1.2\r\nHost: h\r\n\r\n"),
        ),
        (
            "version 2 in text",
            format!("POST {PATH} HTTP/2.0\r\nHost: h\r\n\r\n"),
        ),
        (
            "a version in lower case",
            format!("POST {PATH} http/1.1\r\nHost: h\r\n\r\n"),
        ),
        (
            "the preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        ),
        (
            "HTTP/1.0 with a coding",
            format!("POST {PATH} HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ),
    ];
    for (name, bytes) in cases {
        is_bad(&gate, &backend, name, bytes.as_bytes());
    }
}

#[test]
fn heads_beyond_the_limits_are_refused() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("public", "max_head = \"4 KiB\"\nmax_headers = 20")
        .endpoint("hmac")
        .start();
    let line = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\n");
    let many = format!("{line}{}\r\n", "X-A: b\r\n".repeat(20));
    let large = format!("{line}X-A: {}\r\n\r\n", "b".repeat(4096));
    let long_names = format!(
        "{line}{}: b\r\n{}: b\r\n\r\n",
        "x".repeat(320),
        "y".repeat(320)
    );
    let endless = format!("{line}X-A: {}", "b".repeat(100_000));
    let long_path = format!(
        "POST /{} HTTP/1.1\r\nHost: h\r\n\r\n",
        "a".repeat(64 * 1024)
    );
    for (name, bytes) in [
        ("too many headers", many),
        ("too many bytes", large),
        ("names of more than 32 bytes on average", long_names),
        ("a head without end", endless),
        ("a path of 64 KB", long_path),
    ] {
        is_bad(&gate, &backend, name, bytes.as_bytes());
    }
}

#[test]
fn the_longest_target_and_header_are_taken_and_longer_ones_are_refused() {
    const TARGET: usize = 16 * 1024;
    const FIELD: usize = 16 * 1024;
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let signature = github_signature(&gate.secret(ID), b"{}");
    let target = |len: usize| format!("{PATH}?{}", "a".repeat(len - PATH.len() - 1));
    let field = |len: usize| "a".repeat(len - "X-Long".len());
    let request = |target: &str, value: &str| {
        Request::post(target)
            .header("X-Hub-Signature-256", &signature)
            .header("X-Long", value)
            .body(b"{}")
    };
    for (target, value) in [(target(TARGET), field(7000)), (target(8000), field(FIELD))] {
        assert_eq!(send(gate.http(), &request(&target, &value)).status, 202);
    }
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for (name, request) in [
        ("a long target", request(&target(TARGET + 1), "")),
        ("a long header", request(PATH, &field(FIELD + 1))),
        (
            "a head beyond 32 KiB",
            request(&target(TARGET), &field(FIELD)),
        ),
    ] {
        is_bad(&gate, &backend, name, &request.bytes());
    }
}

#[test]
fn chunks_that_are_none_are_refused() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "timeout = \"2s\"")
        .endpoint("bearer")
        .start();
    let token = gate.secret(ID);
    let head = String::from_utf8(
        Request::post(PATH)
            .header("Authorization", &format!("Bearer {token}"))
            .header("Transfer-Encoding", "chunked")
            .framed()
            .head(),
    )
    .unwrap();
    for (name, body) in [
        ("a size with a sign", "+2\r\n{}\r\n0\r\n\r\n"),
        ("a negative size", "-2\r\n{}\r\n0\r\n\r\n"),
        ("a size with a prefix", "0x2\r\n{}\r\n0\r\n\r\n"),
        (
            "a size beyond all numbers",
            "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        ),
        ("no size", "\r\n{}\r\n0\r\n\r\n"),
        ("a size that is no number", "zz\r\n{}\r\n0\r\n\r\n"),
        ("a chunk longer than its size", "1\r\n{}\r\n0\r\n\r\n"),
    ] {
        let mut connection = Connection::to(gate.http());
        connection.write(format!("{head}{body}").as_bytes());
        connection.write(&genuine(&gate, b"{}").bytes());
        let answer = connection.answer();
        assert_eq!(answer.status, 400, "{name}: {}", answer.head);
        assert!(connection.is_closed(), "{name}");
        backend.was_not_contacted();
    }
    // The end of the connection is not the end of a body.
    for (name, body) in [
        ("no last chunk", "2\r\n{}\r\n"),
        ("a chunk cut off", "20\r\n{}"),
        ("a size cut off", "2"),
    ] {
        let mut connection = Connection::to(gate.http());
        connection
            .write(format!("{head}{body}").as_bytes())
            .half_close();
        let answer = connection.answer();
        assert_eq!(answer.status, 400, "{name}: {}", answer.head);
        backend.was_not_contacted();
    }
}

#[test]
fn chunks_with_extensions_and_trailers_are_read_and_neither_is_passed_on() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("bearer").start();
    let head = Request::post(PATH)
        .header("Authorization", &format!("Bearer {}", gate.secret(ID)))
        .header("Transfer-Encoding", "chunked")
        .framed()
        .head();
    let mut connection = Connection::to(gate.http());
    connection
        .write(&head)
        .write(b"1;a=b\r\n{\r\n1;c=\"d\"\r\n}\r\n0\r\nX-Portal-Org-Id: evil\r\n\r\n");
    assert_eq!(connection.answer().status, 202);
    let received = backend.only();
    assert_eq!(received.body_sha256, sha256(b"{}"));
    assert_eq!(received.header("X-Portal-Org-Id"), "acme");
    assert_eq!(received.header("Content-Length"), "2");
    assert!(received.headers("Transfer-Encoding").is_empty());
}

#[test]
fn a_body_that_is_cut_off_never_reaches_the_backend() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, &noise(1000)).bytes();
    let mut connection = Connection::to(gate.http());
    connection.write(&request[..request.len() - 1]).half_close();
    assert_eq!(connection.answer().status, 400);
    backend.was_not_contacted();
    assert_eq!(gate.log(1)[0]["reason"], "sender_left");
}

#[test]
fn two_requests_in_one_write_are_judged_apart_or_the_second_is_not_read() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let forged = Request::post(PATH).body("{\"forged\":true}").bytes();
    let mut connection = Connection::to(gate.http());
    connection.write(&[genuine(&gate, b"{}").bytes(), forged].concat());
    assert_eq!(connection.answer().status, 202);
    if let Some(second) = connection.try_answer() {
        assert_eq!(second.status, 401);
    }
    assert_eq!(backend.only().body_sha256, sha256(b"{}"));
}

#[test]
fn the_unread_body_of_a_refused_delivery_is_never_taken_for_a_request() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let body = smuggled(&gate);
    let refused = Request::post(PATH).body(&body);
    let mut connection = Connection::to(gate.http());
    connection.write(&refused.bytes());
    assert_eq!(connection.answer().status, 401);
    assert!(connection.is_closed());
    backend.was_not_contacted();
}

#[test]
fn one_connection_carries_many_deliveries_each_with_its_own_proof() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    for number in 0..20 {
        let body = format!("{{\"number\":{number}}}");
        let answer = connection
            .write(&genuine(&gate, body.as_bytes()).bytes())
            .answer();
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("Connection"), "keep-alive");
    }
    assert_eq!(backend.received().len(), 20);
    assert_eq!(
        backend.connections(),
        1,
        "the backend's connection is kept too"
    );
}

#[test]
fn old_http_is_answered_and_the_connection_closed() {
    let backend = Backend::answering(
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let signature = github_signature(&gate.secret(ID), b"{}");
    let mut connection = Connection::to(gate.http());
    connection.write(
        format!(
            "POST {PATH} HTTP/1.0\r\nX-Hub-Signature-256: {signature}\r\nContent-Length: 2\r\n\r\n{{}}"
        )
        .as_bytes(),
    );
    let answer = connection.answer();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.text(), "hello");
    assert_eq!(
        answer.try_header("Transfer-Encoding"),
        None,
        "1.0 knows no chunks"
    );
    assert!(connection.is_closed());
}

#[test]
fn a_sender_that_closes_its_side_still_gets_its_answer() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    connection
        .write(&genuine(&gate, b"{}").bytes())
        .half_close();
    assert_eq!(connection.answer().status, 202);
}

#[test]
fn a_host_that_is_none_is_refused() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let deliver = |host: &[u8]| {
        let text = String::from_utf8(genuine(&gate, b"{}").bytes()).unwrap();
        let (before, after) = text.split_once("Host: ").unwrap();
        let (_, after) = after.split_once("\r\n").unwrap();
        let bytes = [
            before.as_bytes(),
            b"Host: ",
            host,
            b"\r\n",
            after.as_bytes(),
        ]
        .concat();
        Connection::to(gate.http()).write(&bytes).answer().status
    };
    for host in [
        &b"a b"[..],
        b"a/b",
        b"user@b",
        b"a, b",
        b"\xff",
        b"a:99999999",
        b"a:b",
        b"",
        b"[::1",
        b"[x]",
        b"a:1:2",
        b"a\\b",
        b"<a>",
    ] {
        assert_eq!(deliver(host), 400, "{}", host.escape_ascii());
    }
    backend.was_not_contacted();
    for host in [
        &b"portal.example.com"[..],
        b"portal.example.com:8443",
        b"127.0.0.1:80",
        b"[::1]:443",
        b"[::1]",
        b"a_b:",
    ] {
        assert_eq!(deliver(host), 202, "{}", host.escape_ascii());
    }
}

#[test]
fn a_trailer_that_is_no_header_is_refused() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let signature = github_signature(&gate.secret(ID), b"{}");
    let head = Request::post(PATH)
        .header("X-Hub-Signature-256", &signature)
        .header("Transfer-Encoding", "chunked")
        .framed()
        .head();
    for (trailers, status) in [
        ("", 202),
        ("X-A: b\r\n", 202),
        ("X-A:\r\nX-B: c\r\n", 202),
        ("GET / HTTP/1.1\r\n", 400),
        ("X-A: b\r\n folded\r\n", 400),
        ("X-A\r\n", 400),
        (": b\r\n", 400),
        ("X-A : b\r\n", 400),
    ] {
        let mut bytes = head.clone();
        bytes.extend_from_slice(format!("2\r\n{{}}\r\n0\r\n{trailers}\r\n").as_bytes());
        let answer = Connection::to(gate.http()).write(&bytes).answer();
        assert_eq!(answer.status, status, "{trailers:?}");
    }
}
