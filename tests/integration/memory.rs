//! Memory: what all senders together can make the gate hold, and that it comes back.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::*;

const MIB: u64 = 1024 * 1024;

fn forged(size: usize) -> Vec<u8> {
    let body = noise(size);
    let signature = github_signature("another secret", &body);
    let request = Request::post(PATH).header("X-Hub-Signature-256", &signature);
    request.body(body).bytes()
}

/// Sends as much of a request as the gate takes before its last byte, or before it refuses.
fn stalled(gate: &Gate, request: &[u8]) -> Connection {
    let mut connection = Connection::to(gate.http());
    connection.write(&request[..request.len() - 1]);
    connection
}

/// Waits until the process holds at most that much.
fn wait_for_memory(gate: &Gate, most: u64) {
    eventually(&format!("at most {} MiB are held", most / MIB), || {
        gate.resident_bytes() <= most
    });
}

#[test]
fn forged_uploads_that_stall_stay_inside_the_budget_and_leave_room_for_good_ones() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "budget = \"256 MiB\"")
        .endpoint("hmac")
        .start();
    let idle = gate.resident_bytes();
    let request = forged(49 * 1024 * 1024);
    let stalled: Vec<Connection> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| stalled(&gate, &request)))
            .collect();
        let senders = senders.into_iter().map(|sender| sender.join().unwrap());
        senders.collect()
    });
    assert!(gate.metric("portcullis_bodies_in_flight") >= 2);
    assert!(gate.metric("portcullis_body_budget_used_bytes") <= 256 * MIB);
    // Pieces that a growing body has left behind go back to the system within a second or so.
    wait_for_memory(&gate, 256 * MIB + 64 * MIB);
    for _ in 0..50 {
        assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    }

    drop(stalled);
    gate.wait_for_metric("portcullis_bodies_in_flight", 0);
    gate.wait_for_metric("portcullis_body_budget_used_bytes", 0);
    wait_for_memory(&gate, idle + 64 * MIB);
    let large = noise(50 * 1024 * 1024);
    assert_eq!(send(gate.http(), &genuine(&gate, &large)).status, 202);
}

#[test]
fn uploads_in_step_never_take_more_than_the_budget_and_the_process_itself() {
    const SENDERS: usize = 24;
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("public", "trusted_proxies = [\"127.0.0.0/8\"]")
        .with("bodies", "budget = \"256 MiB\"\ntimeout = \"10m\"")
        .endpoint("hmac")
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    let idle = gate.peak_bytes();
    let body = noise(49 * 1024 * 1024);
    let forged = github_signature("another secret", b"{}");
    let step = std::sync::Barrier::new(SENDERS);
    std::thread::scope(|scope| {
        for number in 0..SENDERS {
            let (gate, body, forged, step) = (&gate, &body, &forged, &step);
            scope.spawn(move || {
                let head = Request::post(PATH)
                    .header("X-Forwarded-For", &format!("192.0.2.{number}"))
                    .header("X-Hub-Signature-256", forged)
                    .header("Content-Length", &body.len().to_string())
                    .framed();
                let mut connection = Connection::to(gate.http());
                connection.write(&head.head());
                // All buffers grow at the same time: where one is copied, the old piece is freed.
                for part in body.chunks(1024 * 1024) {
                    if !connection.has_ended() {
                        connection.write(part);
                    }
                    step.wait();
                }
            });
        }
    });
    let most = idle + 256 * MIB + 32 * MIB;
    let peak = gate.peak_bytes();
    assert!(peak <= most, "{} of {} MiB", peak / MIB, most / MIB);
    backend.wait_for(1);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_body_that_was_announced_and_does_not_come_costs_no_memory() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .endpoint("hmac")
        .start();
    let head = genuine(&gate, &noise(1024 * 1024)).head();
    let silent: Vec<Connection> = (0..20)
        .map(|_| {
            let mut connection = Connection::to(gate.http());
            connection.write(&head);
            connection
        })
        .collect();
    let signature = github_signature(&gate.secret(ID), b"{}");
    let mut streams = RawHttp2::connect(gate.https(), authority.certificate(), &[]);
    for stream in 0..80 {
        streams.headers(
            2 * stream + 1,
            false,
            &[
                (":method", "POST"),
                (":scheme", "https"),
                (":authority", "portal.example.com"),
                (":path", PATH),
                ("x-hub-signature-256", &signature),
            ],
        );
    }
    gate.wait_for_metric("portcullis_bodies_in_flight", 100);
    gate.wait_for_metric("portcullis_requests_in_flight", 100);
    assert_eq!(gate.metric("portcullis_body_budget_used_bytes"), 0);
    // Their heads, streams and connections are in the budget all the same.
    assert!(gate.metric("portcullis_memory_leased_bytes") >= 80 * 32 * 1024 + 20 * 32 * 1024);
    // The first byte of one of them leases the first piece.
    streams.data(1, false, b"{");
    eventually("a piece is leased", || {
        gate.metric("portcullis_body_budget_used_bytes") > 0
    });
    assert!(gate.metric("portcullis_body_budget_used_bytes") <= 8 * 1024);
    drop((silent, streams));
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
    gate.wait_for_metric("portcullis_requests_in_flight", 0);
}

/// Sends the beginning of a head on 20 connections, and waits until it is leased. Each frame is its type and its
/// payload; `least` are the bytes that the frames of one connection take.
fn heads_are_leased(frames: &[(u8, &[u8])], least: u64) {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true\nhead_timeout = \"5m\"")
        .endpoint("hmac")
        .start();
    let heads = 20;
    let mut senders: Vec<RawHttp2> = (0..heads)
        .map(|_| RawHttp2::connect(gate.https(), authority.certificate(), &[]))
        .collect();
    gate.wait_for_metric("portcullis_connections", heads);
    gate.wait_for_at_least("portcullis_memory_leased_bytes", heads * 112 * 1024);
    let connections = gate.metric("portcullis_memory_leased_bytes");
    for sender in &mut senders {
        for (kind, payload) in frames {
            sender.frame(*kind, 0, 1, payload);
        }
    }
    gate.wait_for_at_least(
        "portcullis_memory_leased_bytes",
        connections + heads * least,
    );
    drop(senders);
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
    backend.was_not_contacted();
}

#[test]
fn a_head_of_http2_that_never_ends_is_in_the_budget() {
    // Field by field, without END_HEADERS: a literal that is not indexed, with a name of one byte (RFC 7541 §6.2.2).
    let field = [&[0, 1, b'x', 0x7f, 0x81, 0x7c][..], &vec![b'v'; 16_000][..]].concat();
    heads_are_leased(&[(1, &field), (9, &field)], 4 * 2 * field.len() as u64);
}

#[test]
fn a_head_of_http2_is_leased_by_the_memory_that_its_fields_take() {
    // A field that the table keeps, and then one byte for each time that it comes again (RFC 7541 §6.1).
    let mut indexed = vec![0x40, 1, b'a', 0];
    indexed.resize(1904, 0xbe);
    // Two header maps have an entry of 72 bytes for each.
    heads_are_leased(&[(1, &indexed)], 1900 * 2 * 72);
}

/// A head of 20 KB in two frames, to which no answer is read.
fn large_head(stream: u32) -> Vec<u8> {
    let large = "v".repeat(10_000);
    let mut fields = HTTP2_HEAD.to_vec();
    fields.push(("x-a", &large));
    [
        frame_bytes(1, 0, stream, &block(&fields)),
        frame_bytes(9, END_HEADERS, stream, &block(&[("x-b", &large)])),
    ]
    .concat()
}

const HTTP2_HEAD: [(&str, &str); 5] = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "portal.example.com"),
    (":path", PATH),
    (
        "x-hub-signature-256",
        "sha256=0000000000000000000000000000000000000000000000000000000000000000",
    ),
];

#[test]
fn a_stream_that_is_refused_holds_a_leased_answer_and_not_its_head() {
    const REFUSED: u64 = 30;
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with(
            "public",
            "http2 = true\nmax_requests = 3\nsend_timeout = \"5m\"",
        )
        .endpoint("hmac")
        .start();
    let no_window = [(4, 0)];
    let mut sender = RawHttp2::connect(gate.https(), authority.certificate(), &no_window);
    // The sender's share of the requests in flight.
    for stream in [1, 3] {
        sender.headers(stream, false, &HTTP2_HEAD);
    }
    gate.wait_for_metric("portcullis_bodies_in_flight", 2);
    let before = gate.metric("portcullis_memory_leased_bytes");
    for number in 0..u32::try_from(REFUSED).unwrap() {
        let head = large_head(5 + 2 * number);
        sender.connection().write(&head);
    }
    // Their answers come in any order; each stays with the gate without its body.
    let mut answers = 0;
    while answers < REFUSED {
        let (kind, _, stream, _) = sender.next().expect("an answer");
        assert_ne!(kind, 3, "stream {stream} is reset");
        answers += u64::from(kind == 1);
    }
    let held = REFUSED * 8 * 1024;
    gate.wait_for_metric("portcullis_memory_leased_bytes", before + held);
    drop(sender);
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
    backend.was_not_contacted();
}

#[test]
fn a_stream_for_whose_answer_no_memory_is_left_is_refused() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true\nsend_timeout = \"5m\"")
        .with("bodies", "max = \"1 MiB\"\nbudget = \"3 MiB\"")
        .endpoint("hmac")
        .start();
    let no_window = [(4, 0)];
    let mut sender = RawHttp2::connect(gate.https(), authority.certificate(), &no_window);
    for number in 0..100 {
        sender.headers(1 + 2 * number, false, &HTTP2_HEAD);
    }
    // Some find memory and wait for their bodies, some find enough for an answer, and the others find none.
    let code = loop {
        match sender.next() {
            Some((3, _, _, code)) => break code,
            Some(_) => {}
            None => panic!("the connection has ended"),
        }
    };
    assert_eq!(code, 7_u32.to_be_bytes(), "REFUSED_STREAM");
    eventually("a record of a request without an answer", || {
        let lines = gate.log(1);
        assert!(lines.iter().all(|line| line["reason"] == "overloaded"));
        lines.iter().any(|line| line["status"].is_null())
    });
    drop(sender);
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
    backend.was_not_contacted();
}

/// A gate that believes its one sender about the addresses of others.
fn behind_a_proxy(backend: &Backend) -> Gate {
    Gate::before(backend)
        .with(
            "public",
            "trusted_proxies = [\"127.0.0.0/8\"]\nmax_requests = 30",
        )
        .with(
            "bodies",
            "max = \"6 MiB\"\nbudget = \"14 MiB\"\ntimeout = \"10m\"",
        )
        .endpoint("hmac")
}

#[test]
fn a_client_that_takes_all_it_can_get_leaves_a_share_for_the_others() {
    let backend = Backend::accepting();
    let gate = behind_a_proxy(&backend).start();
    let body = noise(900_000);
    let from = |client: &str, body: &[u8]| genuine(&gate, body).header("X-Forwarded-For", client);
    let stalled: Vec<Connection> = (0..40)
        .map(|_| {
            let request = from("192.0.2.1", &body).bytes();
            let mut connection = Connection::to(gate.http());
            connection.write(&request[..request.len() - 1]);
            connection
        })
        .collect();
    // Some were refused: by the limit of requests, or by the share of memory.
    let refused = |connection: &mut Connection| connection.has_ended();
    let mut stalled = stalled;
    eventually("one client has not got everything", || {
        stalled.iter_mut().any(refused)
    });
    for connection in &mut stalled {
        if !connection.has_ended() {
            continue;
        }
        if let Some(answer) = connection.try_answer() {
            assert_eq!((answer.status, answer.reason()), (503, "overloaded"));
            assert!(answer.try_header("Retry-After").is_some());
        }
    }
    let other = from("192.0.2.2", &noise(300_000));
    assert_eq!(send(gate.http(), &other).status, 202);
    drop(stalled);
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
}

#[test]
fn memory_is_taken_back_from_greedy_clients_for_one_that_holds_less() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("public", "trusted_proxies = [\"127.0.0.0/8\"]")
        .with(
            "bodies",
            "max = \"6 MiB\"\nbudget = \"28 MiB\"\ntimeout = \"10m\"",
        )
        .endpoint("hmac")
        .endpoint_with("workflows/flooded", &["--mode", "hmac"])
        .endpoint_with("workflows/quiet", &["--mode", "hmac"])
        .start();
    let request = |id: &str, client: &str, secret: &str, body: &[u8]| {
        Request::post(&format!("/webhooks/ai/{id}"))
            .header("X-Forwarded-For", client)
            .header("X-Hub-Signature-256", &github_signature(secret, body))
            .body(body)
    };
    // Ten clients at two endpoints: more than a share of each, and bodies that never end.
    let body = noise(100_000);
    let mut greedy: Vec<Connection> = (0..240)
        .map(|number| {
            let id = [ID, "workflows/flooded"][number / 10 % 2];
            let client = format!("192.0.2.{}", number % 10);
            let bytes = request(id, &client, "another secret", &body).bytes();
            let mut connection = Connection::to(gate.http());
            connection.write(&bytes[..bytes.len() - 1]);
            connection
        })
        .collect();
    eventually("the greedy clients have used up what they can get", || {
        greedy.iter_mut().any(Connection::has_ended)
    });

    for (id, client, size) in [
        (ID, "198.51.100.1", 600_000),
        ("workflows/flooded", "198.51.100.2", 600_000),
        ("workflows/quiet", "198.51.100.3", 1_000_000),
    ] {
        let genuine = request(id, client, &gate.secret(id), &noise(size)).bytes();
        eventually(&format!("a delivery to {id} is accepted"), || {
            let mut connection = Connection::to(gate.http());
            let answer = connection.write(&genuine).try_answer();
            answer.is_some_and(|answer| answer.status == 202)
        });
    }
    assert!(gate.metric("portcullis_bodies_taken_back_total") > 0);
    let mut refused = 0;
    for connection in &mut greedy {
        if connection.has_ended()
            && let Some(answer) = connection.try_answer()
        {
            assert_eq!((answer.status, answer.reason()), (503, "overloaded"));
            refused += 1;
        }
    }
    assert!(refused > 0, "no greedy client was told");
    drop(greedy);
    gate.wait_for_metric("portcullis_memory_leased_bytes", 0);
}

#[test]
fn requests_in_flight_are_limited_and_one_client_does_not_have_them_all() {
    let backend = Backend::accepting();
    let gate = behind_a_proxy(&backend).start();
    let from = |client: &str| genuine(&gate, b"{}").header("X-Forwarded-For", client);
    let mut waiting: Vec<Connection> = (0..30)
        .map(|_| {
            let mut connection = Connection::to(gate.http());
            connection.write(&from("192.0.2.1").head());
            connection
        })
        .collect();
    gate.wait_for_metric("portcullis_requests_in_flight", 20);
    let held = |waiting: &mut [Connection]| {
        let many = waiting.len();
        let ended = waiting.iter_mut().map(|it| usize::from(it.has_ended()));
        many - ended.sum::<usize>()
    };
    eventually("the others are refused", || held(&mut waiting) <= 20);
    assert_eq!(send(gate.http(), &from("192.0.2.2")).status, 202);
    let refused = send(gate.http(), &from("192.0.2.1"));
    assert_eq!((refused.status, refused.reason()), (503, "overloaded"));
}

#[test]
fn uploads_that_break_off_reach_no_backend_and_give_everything_back() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for size in [2, 1000, 70_000, 3_000_000] {
        let request = forged(size);
        for _ in 0..10 {
            drop(stalled(&gate, &request));
        }
    }
    gate.wait_for_metric("portcullis_bodies_in_flight", 0);
    gate.wait_for_metric("portcullis_body_budget_used_bytes", 0);
    backend.was_not_contacted();
}

#[test]
fn a_flood_of_forged_deliveries_does_not_grow_memory() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let over = AtomicBool::new(false);
    let request = forged(64 * 1024);
    let flood = |rounds: usize| {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let mut connection = Connection::to(gate.http());
                        if connection.write(&request).answer().status != 401 {
                            over.store(true, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
    };
    flood(50);
    let before = gate.resident_bytes();
    flood(200);
    assert!(!over.load(Ordering::Relaxed), "an answer that is no 401");
    wait_for_memory(&gate, before + 16 * MIB);
    backend.was_not_contacted();
}

#[test]
fn the_largest_body_that_the_configuration_allows_finds_room_on_an_idle_gate() {
    let gate = |budget: &str| {
        Gate::before(&Backend::accepting())
            .with("bodies", &format!("max = \"7 MiB\"\nbudget = \"{budget}\""))
            .endpoint("hmac")
    };
    // 16/7 of the largest body, and not a byte less.
    let gate = gate("16 MiB").start();
    let body = noise(7 * 1024 * 1024);
    let chunked = Request::post(PATH)
        .header(
            "X-Hub-Signature-256",
            &github_signature(&gate.secret(ID), &body),
        )
        .chunked(&body, 70_001);
    for request in [genuine(&gate, &body), chunked] {
        assert_eq!(send(gate.http(), &request).status, 202);
    }
    let too_small = Gate::configured(
        "[upstreams.a]\naddresses = [\"h:1\"]\n[bodies]\nmax = \"7 MiB\"\nbudget = \"16777213B\"\n",
    );
    let output = too_small.run(&["check", "--running"]).failed_with(3);
    assert!(output.contains("16/7"), "{output}");
}
