//! The matrix of bodies: every size that has a boundary of its own, however it is framed and carried,
//! arrives at the backend as the bytes that were sent.

use crate::support::*;

const SIZES: [usize; 9] = [
    0,
    1,
    1024,
    16 * 1024,
    65_535,
    65_536,
    65_537,
    1024 * 1024,
    50 * 1024 * 1024,
];

/// What one row of the matrix sends with.
type Send<'s> = &'s mut dyn FnMut(&Gate, &[u8]) -> u16;

/// Sends every size through `send`, and compares what came out at the other end.
#[track_caller]
fn arrives(gate: &Gate, backend: &Backend, send: Send<'_>) {
    for (number, size) in SIZES.into_iter().enumerate() {
        let body = noise(size);
        assert_eq!(send(gate, &body), 202, "{size} bytes");
        let received = backend.received();
        assert_eq!(received.len(), number + 1, "{size} bytes: sent once");
        let last = received.last().unwrap();
        assert_eq!(last.body_len, size);
        assert_eq!(last.body_sha256, sha256(&body), "{size} bytes");
        assert_eq!(last.header("Content-Length"), size.to_string());
        assert!(last.headers("Transfer-Encoding").is_empty());
    }
}

fn signed(gate: &Gate, body: &[u8]) -> Request {
    let signature = github_signature(&gate.secret(ID), body);
    Request::post(PATH).header("X-Hub-Signature-256", &signature)
}

/// Chunks of a size that divides nothing.
fn in_chunks(gate: &Gate, body: &[u8]) -> Request {
    let len = if body.len() < 2048 { 7 } else { 70_001 };
    signed(gate, body).chunked(body, len)
}

/// How a body is framed.
type Framing = fn(&Gate, &[u8]) -> Request;

const FRAMINGS: [Framing; 2] = [genuine, in_chunks];

#[test]
fn with_a_length_and_in_chunks_over_plain_http() {
    for framed in FRAMINGS {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).endpoint("hmac").start();
        arrives(&gate, &backend, &mut |gate, body| {
            send(gate.http(), &framed(gate, body)).status
        });
    }
}

#[test]
fn with_a_length_and_in_chunks_over_tls() {
    let authority = Authority::new();
    for framed in FRAMINGS {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).tls(&authority);
        let gate = gate.endpoint("hmac").start();
        arrives(&gate, &backend, &mut |gate, body| {
            Connection::over_tls(gate.https(), authority.certificate())
                .write(&framed(gate, body).bytes())
                .answer()
                .status
        });
    }
}

#[test]
fn over_one_connection_that_is_kept() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    let mut chunked = false;
    arrives(&gate, &backend, &mut |gate, body| {
        chunked = !chunked;
        let request = if chunked {
            in_chunks(gate, body)
        } else {
            genuine(gate, body)
        };
        connection.write(&request.bytes()).answer().status
    });
}

#[test]
fn over_http2_with_and_without_a_length() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .endpoint("hmac")
        .start();
    let connection = Http2::connect(gate.https(), authority.certificate()).unwrap();
    let mut with_length = false;
    arrives(&gate, &backend, &mut |gate, body| {
        with_length = !with_length;
        let mut request = http2_request(gate, body);
        if with_length {
            let length = body.len().to_string().parse().unwrap();
            request.headers_mut().insert("content-length", length);
        }
        connection.deliver(request, body).status
    });
}

#[test]
fn a_body_that_drips_byte_by_byte_is_the_same_body() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let body = noise(300);
    for request in [
        genuine(&gate, &body),
        signed(&gate, &body).chunked(&body, 1),
        signed(&gate, &body).chunked(&body, 299),
    ] {
        let mut connection = Connection::to(gate.http());
        for byte in request.bytes() {
            connection.write(&[byte]);
        }
        assert_eq!(connection.answer().status, 202);
        assert_eq!(
            backend.received().last().unwrap().body_sha256,
            sha256(&body)
        );
    }
}

#[test]
fn a_hundred_thousand_chunks_of_one_byte_are_one_body() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let body = noise(100_000);
    let answer = send(gate.http(), &signed(&gate, &body).chunked(&body, 1));
    assert_eq!(answer.status, 202);
    assert_eq!(backend.only().body_sha256, sha256(&body));
}

#[test]
fn a_packed_body_is_verified_and_forwarded_as_it_was_sent() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    // `gzip` of "{}\n": nobody here unpacks it.
    let packed = hex::decode("1f8b0800000000000203abaee5020006b0a1dd03000000").unwrap();
    let request = genuine(&gate, &packed)
        .header("Content-Encoding", "gzip")
        .header("Content-Type", "application/json; charset=utf-16");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert_eq!(received.body_sha256, sha256(&packed));
    assert_eq!(received.header("Content-Encoding"), "gzip");
    assert_eq!(
        received.header("Content-Type"),
        "application/json; charset=utf-16"
    );
}

#[test]
fn the_cap_is_exact_by_length_and_by_chunks() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "max = \"64KiB\"")
        .endpoint("hmac")
        .start();
    let cap = 64 * 1024;
    for (size, status) in [(cap - 1, 202), (cap, 202), (cap + 1, 413)] {
        let body = noise(size);
        let requests = [
            genuine(&gate, &body),
            signed(&gate, &body).chunked(&body, 999),
            // The last chunk alone goes over it.
            signed(&gate, &body).chunked(&body, size.min(cap)),
        ];
        for request in requests {
            assert_eq!(send(gate.http(), &request).status, status, "{size} bytes");
        }
    }
    assert_eq!(backend.received().len(), 6);
}

#[test]
fn a_signature_over_anything_but_the_exact_bytes_is_refused() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let body = b"{\"id\": 7}\n";
    let near_misses: [&[u8]; 5] = [
        b"{\"id\": 7}",
        b"{\"id\":7}",
        b"{\"id\": 7}\r\n",
        b"",
        b"\xef\xbb\xbf{\"id\": 7}\n",
    ];
    for other in near_misses {
        let signature = github_signature(&gate.secret(ID), other);
        let request = Request::post(PATH)
            .header("X-Hub-Signature-256", &signature)
            .body(body);
        assert_eq!(send(gate.http(), &request).status, 401);
    }
    backend.was_not_contacted();
}
