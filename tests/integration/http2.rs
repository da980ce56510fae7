//! HTTP/2: off unless it is switched on, and then the same contract, stream by stream.

use crate::support::*;

/// A gate that speaks HTTP/2 before a backend.
struct Setup {
    authority: Authority,
    backend: Backend,
    gate: Gate,
}

impl Setup {
    fn new() -> Self {
        Self::configured(Backend::accepting(), |gate| gate)
    }

    /// With a section of the configuration.
    fn with(section: &str, lines: &str) -> Self {
        Self::configured(Backend::accepting(), |gate| gate.with(section, lines))
    }

    fn configured(backend: Backend, configure: impl FnOnce(Gate) -> Gate) -> Self {
        let authority = Authority::new();
        let gate = Gate::before(&backend)
            .tls(&authority)
            .with("public", "http2 = true")
            .with("bodies", "max = \"1MiB\"")
            .endpoint("hmac");
        Self {
            gate: configure(gate).start(),
            authority,
            backend,
        }
    }

    fn connect(&self) -> Http2 {
        let certificate = self.authority.certificate();
        Http2::connect(self.gate.https(), certificate).expect("a gate that speaks HTTP/2")
    }

    /// The head of a delivery that is admitted, with more headers.
    fn genuine(&self, body: &[u8], more: &[(&'static str, &str)]) -> http::Request<()> {
        let mut request = http2_request(&self.gate, body);
        for (name, value) in more {
            let name = http::HeaderName::from_static(name);
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    }

    /// The status of a genuine delivery on a connection of its own.
    fn deliver(&self, body: &[u8], more: &[(&'static str, &str)]) -> u16 {
        let request = self.genuine(body, more);
        self.connect().deliver(request, body).status
    }
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
    let Setup { backend, gate, .. } = &Setup::new();
    let mut connection = Connection::to(gate.http());
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(connection.answer().status, 400);
    let upgrade = genuine(gate, b"{}")
        .header("Connection", "Upgrade, HTTP2-Settings")
        .header("Upgrade", "h2c")
        .header("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA");
    assert_eq!(send(gate.http(), &upgrade).status, 202);
    assert!(backend.only().headers("Upgrade").is_empty());
}

#[test]
fn every_stream_is_judged_by_itself() {
    let setup = Setup::new();
    let connection = setup.connect();
    let body = noise(10_000);
    let good = (setup.genuine(&body, &[]), 202);
    let bad = (setup.genuine(b"another", &[]), 401);
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
    assert_eq!(setup.backend.received().len(), 40);
}

#[test]
fn refusals_are_those_of_the_contract() {
    let setup = Setup::new();
    let get = http::Request::get(format!("https://portal.example.com{PATH}"));
    let large = noise(1024 * 1024 + 1);
    let unauthorized = r#"{"error":"Unauthorized"}"#;
    for (request, sent, status, reason, text) in [
        (
            to("/webhooks/ai/workflows/nope"),
            &b"{}"[..],
            404,
            "not_configured",
            r#"{"error":"Workflow webhook not configured"}"#,
        ),
        (to(PATH), b"{}", 401, "signature_missing", unauthorized),
        (
            get.body(()).unwrap(),
            b"",
            401,
            "method_not_signed",
            unauthorized,
        ),
        (
            setup.genuine(&large, &[]),
            &large,
            413,
            "body_too_large",
            r#"{"error":"Payload too large","limit_bytes":1048576}"#,
        ),
        (
            setup.genuine(b"{}", &[("expect", "200-ok")]),
            b"{}",
            417,
            "expectation_failed",
            "",
        ),
        // A host beside another authority.
        (
            setup.genuine(b"{}", &[("host", "other.example.com")]),
            b"{}",
            400,
            "bad_request",
            "",
        ),
    ] {
        let answer = setup.connect().deliver(request, sent);
        assert_eq!(answer.status, status, "{reason}");
        assert_eq!(answer.headers["portcullis-reason"], reason);
        assert_eq!(answer.body, text.as_bytes(), "{reason}");
    }
    setup.backend.was_not_contacted();
}

#[test]
fn a_body_that_stops_coming_is_408_and_the_other_streams_go_on() {
    let hasty = "[[endpoints]]\nid = \"workflows/hasty\"\norganisation = \"o\"\nworkspace = \"w\"\n\
                 auth = { mode = \"none\" }\nlimits = { body_timeout = \"700ms\" }\n";
    let setup = Setup::configured(Backend::accepting(), |gate| {
        gate.with("auth", "allow_unauthenticated = true")
            .apply(hasty)
    });
    let connection = setup.connect();
    let body = noise(5000);
    let good = || connection.deliver(setup.genuine(&body, &[]), &body).status;
    let mut slow = connection.begin(to("/webhooks/ai/workflows/hasty"), true);
    connection.send(&mut slow, &body[..4999], false);
    assert_eq!(good(), 202);
    assert_eq!(connection.answer(slow).unwrap().status, 408);
    assert_eq!(good(), 202);
    assert_eq!(setup.backend.received().len(), 2);
}

#[test]
fn a_stream_that_is_reset_never_reaches_the_backend() {
    let setup = Setup::new();
    let connection = setup.connect();
    let body = noise(5000);
    let mut stream = connection.begin(setup.genuine(&body, &[]), true);
    connection.send(&mut stream, &body[..4999], false);
    stream.body.as_mut().unwrap().send_reset(h2::Reason::CANCEL);
    let line = &setup.gate.log(1)[0];
    assert_eq!(line["reason"], "sender_left");
    setup.backend.was_not_contacted();
    setup.gate.wait_for_metric("portcullis_bodies_in_flight", 0);
}

#[test]
fn a_length_that_is_not_kept_never_reaches_the_backend() {
    let setup = Setup::new();
    for length in ["1", "3"] {
        // A mismatch may end the whole connection.
        let connection = setup.connect();
        let request = setup.genuine(b"{}", &[("content-length", length)]);
        let mut stream = connection.begin(request, true);
        connection.send(&mut stream, b"{}", true);
        let refused = connection.answer(stream);
        assert!(refused.is_err() || refused.unwrap().status == 400);
    }
    setup.backend.was_not_contacted();
}

#[test]
fn spoofed_headers_never_reach_the_backend() {
    let setup = Setup::new();
    let spoofed = ["x-portal-org-id", "x_portal_org_id", "x-request-id"];
    let status = setup.deliver(b"{}", &spoofed.map(|name| (name, "spoofed")));
    assert_eq!(status, 202);
    let received = setup.backend.only();
    assert!(!received.head.contains("spoofed"), "{}", received.head);
    assert_eq!(received.header("X-Portal-Org-Id"), "acme");
    assert_eq!(received.header("Host"), "portal.example.com");
    assert_eq!(received.header("X-Forwarded-Proto"), "https");
}

#[test]
fn a_head_beyond_the_limits_is_refused() {
    let setup = Setup::with("public", "max_headers = 50\nmax_head = \"16KiB\"");
    let genuine = setup.genuine(b"{}", &[]);
    for (count, name_len, len) in [(60, 1, 1), (3, 1, 8000), (2000, 1, 1000), (2, 800, 1)] {
        let mut request = genuine.clone();
        for number in 0..count {
            let name = format!("x-{number:0name_len$}");
            let name: http::HeaderName = name.parse().unwrap();
            let value = "v".repeat(len).parse().unwrap();
            request.headers_mut().insert(name, value);
        }
        let connection = setup.connect();
        let stream = connection.begin(request, false);
        let refused = connection.answer(stream).map(|answer| answer.status);
        assert!(
            refused.is_err() || matches!(refused, Ok(400 | 431)),
            "{count} headers of {name_len} and {len}: {refused:?}"
        );
    }
    setup.backend.was_not_contacted();
}

#[test]
fn a_target_or_a_header_that_is_too_long_is_refused() {
    let setup = Setup::new();
    let longest = 16 * 1024;
    let name = "x-long";
    for (target, field, status, reached) in [
        (8001, longest, 202, 1),
        (longest, 8000, 202, 2),
        (longest + 1, 10, 400, 2),
        (100, longest + 1, 400, 2),
    ] {
        let value = "v".repeat(field - name.len());
        let mut request = setup.genuine(b"{}", &[(name, &value)]);
        let query = "a".repeat(target - PATH.len() - 1);
        let uri = format!("https://portal.example.com{PATH}?{query}");
        *request.uri_mut() = uri.parse().unwrap();
        let answer = setup.connect().deliver(request, b"{}");
        assert_eq!(answer.status, status, "{target} {field}");
        assert_eq!(setup.backend.received().len(), reached);
    }
}

#[test]
fn streams_that_are_reset_again_and_again_cost_the_sender_its_connection_and_nobody_else_anything()
{
    let setup = Setup::new();
    let connection = setup.connect();
    let request = setup.genuine(b"{}", &[]);
    let is_cut_off = (0..50_000).any(|_| {
        let Ok(mut stream) = connection.try_begin(request.clone(), true) else {
            return true;
        };
        let body = stream.body.as_mut().unwrap();
        body.send_reset(h2::Reason::CANCEL);
        false
    });
    assert!(is_cut_off);
    setup.backend.was_not_contacted();
    assert_eq!(setup.deliver(b"{}", &[]), 202);
}

#[test]
fn silence_in_place_of_the_preface_is_closed() {
    let setup = Setup::with("public", "head_timeout = \"1s\"");
    let certificate = setup.authority.certificate();
    let mut connection = Connection::over_tls_with(setup.gate.https(), certificate, &[b"h2"]);
    connection.write(b"");
    // The gate's own settings come first.
    while !connection.is_closed_after_noise() {}
}

#[test]
fn a_connection_without_streams_is_closed_when_its_time_is_over() {
    let setup = Setup::with("public", "keep_alive = \"500ms\"");
    let connection = setup.connect();
    let answer = connection.deliver(setup.genuine(b"{}", &[]), b"{}");
    assert_eq!(answer.status, 202);
    setup.gate.wait_for_metric("portcullis_connections", 0);
}

#[test]
fn a_sender_that_opens_no_window_for_its_answer_is_left() {
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec();
        answer.resize(answer.len() + 1_000_000, b'x');
        answer
    });
    let setup = Setup::configured(Backend::answering(&ANSWER), |gate| {
        gate.with("public", "send_timeout = \"400ms\"")
    });
    let connection = setup.connect();
    let stalled = connection.begin(setup.genuine(b"", &[]), false);
    let line = &setup.gate.log(1)[0];
    assert_eq!(line["reason"], "admitted");
    setup.gate.wait_for_metric("portcullis_bodies_in_flight", 0);
    drop(stalled);
}

#[test]
fn cookies_that_were_split_are_one_line_again() {
    let setup = Setup::new();
    let cookies = ["a=1", "b=2", "c=3"].map(|cookie| ("cookie", cookie));
    assert_eq!(setup.deliver(b"{}", &cookies), 202);
    assert_eq!(setup.backend.only().headers("Cookie"), ["a=1; b=2; c=3"]);
}
