//! The bytes of responses, exactly as a sender gets them.

use crate::support::*;

/// The next bytes up to `end`, with `-` for what differs from one response to the next.
fn next(connection: &mut Connection, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let more = connection.some().expect("the end of a response");
        text.push_str(std::str::from_utf8(&more).unwrap());
    }
    for name in ["X-Request-Id: ", "Date: "] {
        let at = text.find(name).expect(name) + name.len();
        let len = text[at..].find("\r\n").unwrap();
        assert!(len == 36 || len == 29, "{text}");
        text.replace_range(at..at + len, "-");
    }
    text
}

#[test]
fn a_refusal_has_these_bytes() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    for _ in 0..2 {
        connection.write(b"POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            next(&mut connection, "}"),
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\
             Cache-Control: no-store\r\nPortcullis-Reason: not_configured\r\nX-Request-Id: -\r\n\
             Date: -\r\nConnection: keep-alive\r\n\r\n{\"error\":\"Webhook not configured\"}"
        );
    }
    // An unread body, and an expectation that cannot be met.
    connection.write(
        b"POST /nope HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}",
    );
    assert_eq!(
        next(&mut connection, "\r\n\r\n"),
        "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\
         Portcullis-Reason: expectation_failed\r\nX-Request-Id: -\r\nDate: -\r\n\
         Connection: close\r\n\r\n"
    );
    assert!(connection.is_closed());

    let mut connection = Connection::to(gate.http());
    connection.write(b"POST nope\r\n\r\n");
    assert_eq!(
        next(&mut connection, "\r\n\r\n"),
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\
         Portcullis-Reason: bad_request\r\nX-Request-Id: -\r\nDate: -\r\n\
         Connection: close\r\n\r\n"
    );
    assert!(connection.is_closed());
    backend.was_not_contacted();
}

#[test]
fn an_answer_of_the_backend_has_these_bytes() {
    let cases: [(&'static [u8], &str, &str, &str); 4] = [
        (
            b"HTTP/1.1 202 Taken\r\nx-own: 1\r\nDate: yesterday\r\nServer: s\r\nContent-Length: 2\r\n\r\n{}",
            "1.1",
            "{}",
            "HTTP/1.1 202 Taken\r\nx-own: 1\r\nDate: -\r\nServer: s\r\nContent-Length: 2\r\n\
             Portcullis-Reason: admitted\r\nX-Request-Id: -\r\nConnection: keep-alive\r\n\r\n{}",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            "1.1",
            "0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nPortcullis-Reason: admitted\r\n\
             X-Request-Id: -\r\nDate: -\r\nConnection: keep-alive\r\n\r\nB\r\nhello world\r\n0\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "1.0",
            "hello",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nPortcullis-Reason: admitted\r\n\
             X-Request-Id: -\r\nDate: -\r\nConnection: close\r\n\r\nhello",
        ),
        (
            b"HTTP/1.1 204 No Content\r\n\r\n",
            "1.1",
            "\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nPortcullis-Reason: admitted\r\nX-Request-Id: -\r\n\
             Date: -\r\nConnection: keep-alive\r\n\r\n",
        ),
    ];
    for (answer, version, end, bytes) in cases {
        let backend = Backend::answering(answer);
        let gate = Gate::before(&backend).endpoint("hmac").start();
        let request = String::from_utf8(genuine(&gate, b"{}").bytes()).unwrap();
        let request = request.replacen("/1.1", &format!("/{version}"), 1);
        let mut connection = Connection::to(gate.http());
        connection.write(request.as_bytes());
        assert_eq!(next(&mut connection, end), bytes);
    }
}

#[test]
fn the_head_of_a_slow_answer_without_a_length_is_not_held_back() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let backend = Backend::scripted(move |request, stream| {
        use std::io::Write;
        if request.is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let _ = released.lock().unwrap().recv();
            let _ = stream.write_all(b"3\r\nend\r\n0\r\n\r\n");
        }
        false
    });
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    connection.write(&genuine(&gate, b"{}").bytes());
    assert!(next(&mut connection, "\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    release.send(()).unwrap();
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        rest.extend(connection.some().expect("the rest of the answer"));
    }
    assert_eq!(rest, b"3\r\nend\r\n0\r\n\r\n");
}
