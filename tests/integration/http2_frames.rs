//! HTTP/2, frame by frame: what RFC 9113 calls malformed is refused, and every wait has a deadline.

use std::time::Duration;

use crate::support::*;

/// A gate on which only the deadline under test can pass while a test waits.
fn gate(backend: &Backend, authority: &Authority) -> Gate {
    Gate::before(backend)
        .tls(authority)
        .with("public", "http2 = true\nkeep_alive = \"1h\"")
        .endpoint("hmac")
}

fn connect(gate: &Gate, authority: &Authority) -> RawHttp2 {
    RawHttp2::connect(gate.https(), authority.certificate(), &[])
}

const BODY: &[u8] = b"{}";

/// The fields of a delivery that is admitted, with `path` and `more`.
fn fields<'f>(
    signature: &'f str,
    path: &'f str,
    more: &[(&'f str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "portal.example.com"),
        (":path", path),
        ("x-hub-signature-256", signature),
    ];
    fields.extend(more);
    fields
}

/// Sends `fields` as stream 1 with the body behind them.
fn deliver(gate: &Gate, authority: &Authority, fields: &[(&str, &str)]) -> StreamEnd {
    let mut sender = connect(gate, authority);
    sender.headers(1, false, fields).data(1, true, BODY);
    sender.ended(1)
}

#[test]
fn a_path_is_judged_as_the_target_of_http1_is() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority).start();
    let signature = github_signature(&gate.secret(ID), BODY);
    let spoilt = |with: &str| format!("{PATH}{with}");
    let paths = [
        spoilt("#"),
        spoilt("#fragment"),
        spoilt("?a=b#c"),
        spoilt(" "),
        spoilt("?a b"),
        spoilt("\u{1}"),
        spoilt("\t"),
        spoilt("\u{7f}"),
        spoilt("?\""),
        spoilt("?a=<b"),
        spoilt("?a=b>"),
        spoilt("<"),
        spoilt(">"),
        spoilt("`"),
        spoilt("?caf\u{e9}"),
        spoilt("\u{212a}"),
        spoilt("\r\nX: y"),
        spoilt("\0"),
        format!("https://portal.example.com{PATH}"),
        format!("//portal.example.com#{PATH}"),
        PATH[1..].to_owned(),
        "*".to_owned(),
        "?a".to_owned(),
        "#".to_owned(),
        String::new(),
    ];
    for path in &paths {
        let ended = deliver(&gate, &authority, &fields(&signature, path, &[]));
        assert!(ended.is_refusal(), "HTTP/2, {path:?}: {ended:?}");
        let request = Request::new("POST", path)
            .header("X-Hub-Signature-256", &signature)
            .body(BODY);
        let answer = Connection::to(gate.http())
            .write(&request.bytes())
            .try_answer();
        let status = answer.map(|answer| answer.status);
        assert!(
            matches!(status, None | Some(400)),
            "HTTP/1, {path:?}: {status:?}"
        );
    }
    backend.was_not_contacted();
    let good = deliver(&gate, &authority, &fields(&signature, PATH, &[]));
    assert!(matches!(good, StreamEnd::Response(_)) && !good.is_refusal());
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_malformed_head_is_refused_and_the_backend_not_contacted() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority).start();
    let signature = github_signature(&gate.secret(ID), BODY);
    let more: [&[(&str, &str)]; 20] = [
        &[("x-a", " leading")],
        &[("x-a", "trailing ")],
        &[("x-a", "\tleading")],
        &[("x-a", "trailing\t")],
        &[("x-a", " ")],
        &[("x-a", "a\r\nb")],
        &[("x-a", "a\0b")],
        &[("X-A", "upper")],
        &[("x a", "space")],
        &[("", "no name")],
        &[("connection", "close")],
        &[("keep-alive", "5")],
        &[("proxy-connection", "close")],
        &[("transfer-encoding", "chunked")],
        &[("upgrade", "h2c")],
        &[("te", "gzip")],
        &[("content-length", "2"), ("content-length", "2")],
        &[("content-length", "+2")],
        &[("host", "other.example.com")],
        &[
            ("host", "portal.example.com"),
            ("host", "portal.example.com"),
        ],
    ];
    for more in more {
        let ended = deliver(&gate, &authority, &fields(&signature, PATH, more));
        assert!(ended.is_refusal(), "{more:?}: {ended:?}");
    }
    let heads: [&[(&str, &str)]; 14] = [
        &[
            (":method", "POST"),
            (":scheme", "ftp"),
            (":authority", "portal.example.com"),
            (":path", PATH),
        ],
        &[
            (":method", "POST"),
            (":scheme", "wss"),
            (":authority", "portal.example.com"),
            (":path", PATH),
        ],
        &[
            (":method", "POST"),
            (":scheme", ""),
            (":authority", "portal.example.com"),
            (":path", PATH),
        ],
        &[(":scheme", "https"), (":authority", "a"), (":path", PATH)],
        &[(":method", "POST"), (":authority", "a"), (":path", PATH)],
        &[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "a"),
        ],
        &[(":method", "POST"), (":scheme", "https"), (":path", PATH)],
        &[
            (":method", "POST"),
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "a"),
            (":path", PATH),
        ],
        &[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "a"),
            (":path", PATH),
            (":path", PATH),
        ],
        &[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "a"),
            (":path", PATH),
            ("x-a", "b"),
            (":authority", "b"),
        ],
        &[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "a"),
            (":path", PATH),
            (":status", "200"),
        ],
        &[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "a"),
            (":path", PATH),
            (":unknown", "x"),
        ],
        &[
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "user@a"),
            (":path", PATH),
        ],
        &[
            (":method", "CONNECT"),
            (":authority", "portal.example.com:443"),
        ],
    ];
    for head in heads {
        let mut head = head.to_vec();
        head.push(("x-hub-signature-256", &signature));
        let ended = deliver(&gate, &authority, &head);
        assert!(ended.is_refusal(), "{head:?}: {ended:?}");
    }
    backend.was_not_contacted();
    let good = [
        ("te", "trailers"),
        ("host", "portal.example.com"),
        ("x-a", "a b"),
    ];
    let good = deliver(&gate, &authority, &fields(&signature, PATH, &good));
    assert!(matches!(good, StreamEnd::Response(_)) && !good.is_refusal());
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_host_without_an_authority_and_a_scheme_in_capitals_are_admitted() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority).start();
    let signature = github_signature(&gate.secret(ID), BODY);
    let heads = [
        // RFC 9113 §8.3.1: a request that was HTTP/1.1 before.
        [("host", "portal.example.com"), (":scheme", "https")],
        [(":authority", "portal.example.com"), (":scheme", "HTTPS")],
    ];
    for (number, [host, scheme]) in heads.into_iter().enumerate() {
        let mut head = fields(&signature, PATH, &[]);
        head.retain(|(name, _)| ![":authority", ":scheme"].contains(name));
        head.insert(1, scheme);
        match host.0 {
            "host" => head.push(host),
            _ => head.insert(1, host),
        }
        let ended = deliver(&gate, &authority, &head);
        let is_admitted = matches!(ended, StreamEnd::Response(_)) && !ended.is_refusal();
        assert!(is_admitted, "{head:?}: {ended:?}");
        assert_eq!(backend.received().len(), number + 1);
    }
}

#[test]
fn malformed_trailers_make_the_request_malformed_and_others_are_dropped() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority).start();
    let signature = github_signature(&gate.secret(ID), BODY);
    let trailers: [&[(&str, &str)]; 8] = [
        &[(":path", "/other")],
        &[(":path", "/other"), ("x-a", "b")],
        &[("x-a", "b"), (":path", "/other")],
        &[(":status", "200")],
        &[(":unknown", "x")],
        &[("x-a", " b")],
        &[("x-a", "b ")],
        &[("connection", "close")],
    ];
    for trailers in trailers {
        let mut sender = connect(&gate, &authority);
        sender
            .headers(1, false, &fields(&signature, PATH, &[]))
            .data(1, false, BODY)
            .headers(1, true, trailers);
        let ended = sender.ended(1);
        assert!(ended.is_refusal(), "{trailers:?}: {ended:?}");
    }
    // The same from the dynamic table, where no byte of the block is a name: `:path` is its first entry.
    let mut sender = connect(&gate, &authority);
    let mut head = vec![0x40];
    head.extend(&block(&[(":path", PATH)])[1..]);
    let mut rest = fields(&signature, PATH, &[]);
    rest.retain(|(name, _)| *name != ":path");
    head.extend(block(&rest));
    sender
        .frame(1, END_HEADERS, 1, &head)
        .data(1, false, BODY)
        .frame(1, END_HEADERS | 1, 1, &[0x80 | 62]);
    let ended = sender.ended(1);
    assert!(ended.is_refusal(), "from the table: {ended:?}");
    backend.was_not_contacted();

    let mut sender = connect(&gate, &authority);
    sender
        .headers(1, false, &fields(&signature, PATH, &[]))
        .data(1, false, BODY)
        .headers(
            1,
            true,
            &[("x-portal-org-id", "spoofed"), ("x-checksum", "1")],
        );
    let good = sender.ended(1);
    assert!(matches!(good, StreamEnd::Response(_)) && !good.is_refusal());
    let received = backend.only();
    assert!(!received.head.contains("spoofed"), "{}", received.head);
    assert!(!received.head.contains("checksum"), "{}", received.head);
}

#[test]
fn a_preface_without_settings_ends_the_connection() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority).start();
    let signature = github_signature(&gate.secret(ID), BODY);
    let mut sender = RawHttp2::without_settings(gate.https(), authority.certificate());
    let head = block(&fields(&signature, PATH, &[]));
    let request = [
        frame_bytes(1, END_HEADERS, 1, &head),
        frame_bytes(0, END_STREAM, 1, BODY),
    ];
    sender.connection().write(&request.concat());
    assert_eq!(sender.ended(1), StreamEnd::Connection);
    gate.wait_for_metric("portcullis_connections", 0);
    backend.was_not_contacted();
}

#[test]
fn a_body_in_frames_of_single_bytes_is_the_same_body() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority).start();
    // As much as the window lets a sender write before it has to read.
    let body = noise(60_000);
    let signature = github_signature(&gate.secret(ID), &body);
    for size in [1, 60] {
        let mut sender = connect(&gate, &authority);
        let head = block(&fields(&signature, PATH, &[]));
        let mut request = frame_bytes(1, END_HEADERS, 1, &head);
        for piece in body.chunks(size) {
            request.extend(frame_bytes(0, 0, 1, piece));
        }
        request.extend(frame_bytes(0, END_STREAM, 1, &[]));
        sender.connection().write(&request);
        let good = sender.ended(1);
        assert!(
            matches!(good, StreamEnd::Response(_)) && !good.is_refusal(),
            "{size}: {good:?}"
        );
    }
    let received = backend.received();
    assert_eq!(received.len(), 2);
    let digest = sha256(&body);
    for received in received {
        assert_eq!(received.body_sha256, digest);
    }
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
}

#[test]
fn a_connection_that_breaks_off_with_open_streams_panics_nowhere() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority).start();
    let signature = github_signature(&gate.secret(ID), BODY);
    for _ in 0..5 {
        let mut sender = connect(&gate, &authority);
        for stream in [1, 3, 5] {
            sender.headers(stream, false, &fields(&signature, PATH, &[]));
        }
        gate.wait_for_metric("portcullis_bodies_in_flight", 3);
        // Closed with unread answers to its SETTINGS, a socket sends a reset.
        drop(sender);
        gate.wait_for_metric("portcullis_connections", 0);
    }
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
    assert_eq!(gate.metric("portcullis_panics_total"), 0);
    backend.was_not_contacted();
}

#[test]
fn silence_after_the_preface_is_closed_after_the_time_for_a_head() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority)
        .with("public", "head_timeout = \"700ms\"")
        .start();
    let mut silent = connect(&gate, &authority);
    while silent.next().is_some() {}
    // Frames that are no head do not count as one.
    let mut pings = connect(&gate, &authority);
    while !pings.connection().is_over() {
        let_pass(Duration::from_millis(50));
        pings.frame(6, 0, 0, b"12345678");
    }
    gate.wait_for_metric("portcullis_connections", 0);
    backend.was_not_contacted();
}

#[test]
fn a_head_that_drips_is_closed_however_it_is_cut() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority)
        .with("public", "head_timeout = \"700ms\"")
        .start();
    let signature = github_signature(&gate.secret(ID), BODY);
    let block = block(&fields(&signature, PATH, &[]));
    let (first, rest) = block.split_at(10);
    let whole = frame_bytes(1, END_HEADERS, 1, &block);
    // A byte now and then; a head without its end; a CONTINUATION now and then.
    let in_bytes = whole.chunks(1).map(<[u8]>::to_vec).collect();
    let mut without_end = vec![frame_bytes(1, 0, 1, first)];
    without_end.extend(std::iter::repeat_n(Vec::new(), 1));
    let mut continued = vec![frame_bytes(1, 0, 1, first)];
    continued.extend(rest.chunks(1).map(|part| frame_bytes(9, 0, 1, part)));
    for pieces in [in_bytes, without_end, continued] {
        let pieces: Vec<Vec<u8>> = pieces;
        // Also where another request came before: then it is no new connection any more.
        for served in [false, true] {
            // On a busy machine the whole head may be late, too: then it is sent again.
            let mut sender = found("a connection that was served", || {
                let mut sender = connect(&gate, &authority);
                if served {
                    sender.headers(1, false, &fields(&signature, PATH, &[]));
                    sender.data(1, true, BODY);
                }
                (!served || matches!(sender.ended(1), StreamEnd::Response(_))).then_some(sender)
            });
            let stream = if served { 3 } else { 1 };
            let before = backend.received().len();
            for mut piece in pieces.clone() {
                if piece.len() > 9 && piece[8] == 1 {
                    piece[8] = stream;
                }
                let_pass(Duration::from_millis(40));
                if sender.connection().is_over() {
                    break;
                }
                sender.connection().write(&piece);
            }
            while sender.next().is_some() {}
            assert_eq!(backend.received().len(), before);
        }
    }
    gate.wait_for_metric("portcullis_connections", 0);
}

#[test]
fn a_stream_whose_response_finds_no_window_is_reset_and_the_connection_goes_on() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = gate(&backend, &authority)
        .with("public", "send_timeout = \"500ms\"")
        .start();
    let signature = github_signature(&gate.secret(ID), BODY);
    let no_window = [(4, 0)];
    let authority = authority.certificate();
    let mut sender = RawHttp2::connect(gate.https(), authority, &no_window);
    // A refusal, an acknowledgement of the backend, and a path that leads nowhere.
    let heads = [
        fields("sha256=00", PATH, &[]),
        fields(&signature, PATH, &[]),
        fields(&signature, "/webhooks/ai/workflows/nope", &[]),
    ];
    for (stream, head) in [1, 3, 5].into_iter().zip(&heads) {
        sender.headers(stream, false, head).data(stream, true, BODY);
        assert!(matches!(sender.ended(stream), StreamEnd::Response(_)));
        assert!(matches!(sender.ended(stream), StreamEnd::Reset(_)));
    }
    assert_eq!(gate.metric("portcullis_connections"), 1);
    gate.wait_for_metric("portcullis_bodies_in_flight", 0);
}
