//! HTTP/2: off unless it is switched on, and then the same contract, stream by stream.

use crate::support::*;

fn gate_with_http2(backend: &Backend, authority: &Authority) -> Gate {
    Gate::before(backend)
        .tls(authority)
        .with("public", "http2 = true")
        .with("bodies", "max = \"1MiB\"")
        .endpoint("hmac")
}

fn connect(gate: &Gate, authority: &Authority) -> Http2 {
    Http2::connect(gate.https(), authority.certificate()).expect("a gate that speaks HTTP/2")
}

fn to(path: &str) -> http::Request<()> {
    http::Request::post(format!("https://portal.example.com{path}"))
        .body(())
        .unwrap()
}

#[test]
fn it_is_not_spoken_unless_it_is_switched_on() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .endpoint("hmac")
        .start();
    assert!(Http2::connect(gate.https(), authority.certificate()).is_none());
    let mut connection = Connection::over_tls(gate.https(), authority.certificate());
    connection.write(&genuine(&gate, b"{}").bytes());
    assert_eq!(connection.answer().status, 202);
}

#[test]
fn it_is_never_spoken_in_the_clear() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let mut connection = Connection::to(gate.http());
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(connection.answer().status, 400);
    let upgrade = genuine(&gate, b"{}")
        .header("Connection", "Upgrade, HTTP2-Settings")
        .header("Upgrade", "h2c")
        .header("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA");
    assert_eq!(send(gate.http(), &upgrade).status, 202);
    assert!(backend.only().headers("Upgrade").is_empty());
}

#[test]
fn every_stream_is_judged_by_itself() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let connection = connect(&gate, &authority);
    let body = noise(10_000);
    let good = (http2_request(&gate, &body), 202);
    let bad = (http2_request(&gate, b"another"), 401);
    // All heads first, so that they are in flight together.
    let mut streams: Vec<(Pending, u16)> = (0..60)
        .map(|number| {
            let (request, status) = if number % 3 == 0 { &bad } else { &good };
            (connection.begin(request.clone(), true), *status)
        })
        .collect();
    for (stream, _) in &mut streams {
        connection.send(stream, &body, true);
    }
    for (stream, status) in streams {
        assert_eq!(connection.answer(stream).unwrap().status, status);
    }
    assert_eq!(backend.received().len(), 40);
}

#[test]
fn refusals_are_those_of_the_contract() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let connection = connect(&gate, &authority);

    let answer = connection.deliver(to("/webhooks/ai/workflows/nope"), b"{}");
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.body,
        br#"{"error":"Workflow webhook not configured"}"#
    );
    assert_eq!(answer.headers["portcullis-reason"], "not_configured");

    let answer = connection.deliver(to(PATH), b"{}");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.body, br#"{"error":"Unauthorized"}"#);

    let get = http::Request::get(format!("https://portal.example.com{PATH}"));
    let answer = connection.deliver(get.body(()).unwrap(), b"");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.headers["portcullis-reason"], "method_not_signed");

    let large = noise(1024 * 1024 + 1);
    let answer = connection.deliver(http2_request(&gate, &large), &large);
    assert_eq!(answer.status, 413);

    let mut request = http2_request(&gate, b"{}");
    let expectation = "200-ok".parse().unwrap();
    request.headers_mut().insert("expect", expectation);
    assert_eq!(connection.deliver(request, b"{}").status, 417);
    backend.was_not_contacted();
}

#[test]
fn a_body_that_stops_coming_is_408_and_the_other_streams_go_on() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority)
        .with("auth", "allow_unauthenticated = true")
        .apply(
            "[[endpoints]]\nid = \"workflows/hasty\"\norganisation = \"o\"\nworkspace = \"w\"\n\
             auth = { mode = \"none\" }\nlimits = { body_timeout = \"700ms\" }\n",
        )
        .start();
    let connection = connect(&gate, &authority);
    let body = noise(5000);
    let request = to("/webhooks/ai/workflows/hasty");
    let mut slow = connection.begin(request, true);
    connection.send(&mut slow, &body[..4999], false);
    assert_eq!(
        connection
            .deliver(http2_request(&gate, &body), &body)
            .status,
        202
    );
    assert_eq!(connection.answer(slow).unwrap().status, 408);
    assert_eq!(
        connection
            .deliver(http2_request(&gate, &body), &body)
            .status,
        202
    );
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn a_stream_that_is_reset_never_reaches_the_backend() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let connection = connect(&gate, &authority);
    let body = noise(5000);
    let mut stream = connection.begin(http2_request(&gate, &body), true);
    connection.send(&mut stream, &body[..4999], false);
    stream.body.as_mut().unwrap().send_reset(h2::Reason::CANCEL);
    let line = &gate.log(1)[0];
    assert_eq!(line["reason"], "sender_left");
    backend.was_not_contacted();
    gate.wait_for_metric("portcullis_bodies_in_flight", 0);
}

#[test]
fn a_length_that_is_not_kept_never_reaches_the_backend() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    for length in ["1", "3"] {
        // A mismatch may end the whole connection.
        let connection = connect(&gate, &authority);
        let mut request = http2_request(&gate, b"{}");
        let length = length.parse().unwrap();
        request.headers_mut().insert("content-length", length);
        let mut stream = connection.begin(request, true);
        connection.send(&mut stream, b"{}", true);
        let refused = connection.answer(stream);
        assert!(refused.is_err() || refused.unwrap().status == 400);
    }
    backend.was_not_contacted();
}

#[test]
fn spoofed_headers_never_reach_the_backend() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let connection = connect(&gate, &authority);
    let mut request = http2_request(&gate, b"{}");
    for name in ["x-portal-org-id", "x_portal_org_id", "x-request-id"] {
        let name = http::HeaderName::from_static(name);
        request
            .headers_mut()
            .insert(name, "spoofed".parse().unwrap());
    }
    assert_eq!(connection.deliver(request, b"{}").status, 202);
    let received = backend.only();
    assert!(!received.head.contains("spoofed"), "{}", received.head);
    assert_eq!(received.header("X-Portal-Org-Id"), "acme");
    assert_eq!(received.header("Host"), "portal.example.com");
    assert_eq!(received.header("X-Forwarded-Proto"), "https");
}

#[test]
fn a_host_beside_another_authority_is_refused() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let connection = connect(&gate, &authority);
    let mut request = http2_request(&gate, b"{}");
    let other = "other.example.com".parse().unwrap();
    request.headers_mut().insert("host", other);
    assert_eq!(connection.deliver(request, b"{}").status, 400);
    backend.was_not_contacted();
}

#[test]
fn a_head_beyond_the_limits_is_refused() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority)
        .with("public", "max_headers = 50\nmax_head = \"16KiB\"")
        .start();
    let genuine = http2_request(&gate, b"{}");
    let many = |count: usize, name_len: usize, len: usize| {
        let mut request = genuine.clone();
        for number in 0..count {
            let name = format!("x-{number:0name_len$}")
                .parse::<http::HeaderName>()
                .unwrap();
            request
                .headers_mut()
                .insert(name, "v".repeat(len).parse().unwrap());
        }
        let connection = connect(&gate, &authority);
        let stream = connection.begin(request, false);
        connection.answer(stream).map(|answer| answer.status)
    };
    for (count, name_len, len) in [(60, 1, 1), (3, 1, 8000), (2000, 1, 1000), (2, 800, 1)] {
        let refused = many(count, name_len, len);
        assert!(
            refused.is_err() || matches!(refused, Ok(400 | 431)),
            "{count} headers of {name_len} and {len}: {refused:?}"
        );
    }
    backend.was_not_contacted();
}

#[test]
fn a_target_or_a_header_that_is_too_long_is_refused() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let genuine = http2_request(&gate, b"{}");
    let with = |query: usize, value: usize| {
        let mut request = genuine.clone();
        let uri = format!("https://portal.example.com{PATH}?{}", "a".repeat(query));
        *request.uri_mut() = uri.parse().unwrap();
        let value = "v".repeat(value).parse().unwrap();
        request.headers_mut().insert("x-long", value);
        connect(&gate, &authority).deliver(request, b"{}").status
    };
    assert_eq!(with(8000 - PATH.len(), 16 * 1024 - "x-long".len()), 202);
    assert_eq!(with(16 * 1024 - 1 - PATH.len(), 8000), 202);
    backend.wait_for(2);
    assert_eq!(with(16 * 1024 - PATH.len(), 1), 400);
    assert_eq!(with(1, 16 * 1024 + 1 - "x-long".len()), 400);
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn streams_that_are_reset_again_and_again_cost_the_sender_its_connection_and_nobody_else_anything()
{
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let connection = connect(&gate, &authority);
    let request = http2_request(&gate, b"{}");
    let is_cut_off = (0..50_000).any(|_| {
        let Ok(mut stream) = connection.try_begin(request.clone(), true) else {
            return true;
        };
        let body = stream.body.as_mut().unwrap();
        body.send_reset(h2::Reason::CANCEL);
        false
    });
    assert!(is_cut_off);
    backend.was_not_contacted();
    let other = connect(&gate, &authority);
    assert_eq!(other.deliver(request, b"{}").status, 202);
}

#[test]
fn silence_in_place_of_the_preface_is_closed() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority)
        .with("public", "head_timeout = \"1s\"")
        .start();
    let mut connection = Connection::over_tls_with(gate.https(), authority.certificate(), &[b"h2"]);
    connection.write(b"");
    // The gate's own settings come first.
    while !connection.is_closed_after_noise() {}
}

#[test]
fn a_connection_without_streams_is_closed_when_its_time_is_over() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority)
        .with("public", "keep_alive = \"500ms\"")
        .start();
    let connection = connect(&gate, &authority);
    assert_eq!(
        connection
            .deliver(http2_request(&gate, b"{}"), b"{}")
            .status,
        202
    );
    gate.wait_for_metric("portcullis_connections", 0);
}

#[test]
fn a_sender_that_opens_no_window_for_its_answer_is_left() {
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec();
        answer.resize(answer.len() + 1_000_000, b'x');
        answer
    });
    let authority = Authority::new();
    let backend = Backend::answering(&ANSWER);
    let gate = gate_with_http2(&backend, &authority)
        .with("public", "send_timeout = \"400ms\"")
        .start();
    let connection = connect(&gate, &authority);
    let stalled = connection.begin(http2_request(&gate, b""), false);
    let line = &gate.log(1)[0];
    assert_eq!(line["reason"], "admitted");
    gate.wait_for_metric("portcullis_bodies_in_flight", 0);
    drop(stalled);
}

#[test]
fn cookies_that_were_split_are_one_line_again() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate_with_http2(&backend, &authority).start();
    let connection = connect(&gate, &authority);
    let mut request = http2_request(&gate, b"{}");
    for cookie in ["a=1", "b=2", "c=3"] {
        let value = cookie.parse().unwrap();
        request.headers_mut().append("cookie", value);
    }
    assert_eq!(connection.deliver(request, b"{}").status, 202);
    assert_eq!(backend.only().headers("Cookie"), ["a=1; b=2; c=3"]);
}
