//! What is changed while a delivery is under way decides about it, too: its head came before, and counts for nothing.

use std::io::Write;

use super::*;
use crate::replays::flight::Door;

/// A gate whose senders may take their time.
fn patient(backend: &Backend) -> Gate {
    Gate::before(backend).with("bodies", "timeout = \"5m\"")
}

/// A delivery whose head and half of whose body have come.
struct DeliveryUnderWay {
    sender: Connection,
    rest: Vec<u8>,
}

impl DeliveryUnderWay {
    fn begin(gate: &Gate, request: &Request) -> Self {
        let bytes = request.bytes();
        let half = bytes.len() - 3;
        let mut sender = Connection::to(gate.http());
        sender.write(&bytes[..half]);
        // Its head was judged, and its keys are there.
        gate.wait_for_metric("portcullis_bodies_in_flight", 1);
        let rest = bytes[half..].to_vec();
        Self { sender, rest }
    }

    fn send_rest(mut self) -> Connection {
        self.sender.write(&self.rest);
        self.sender
    }

    fn end(self) -> Answer {
        self.send_rest().answer()
    }
}

const BODY: &[u8] = b"{\"under\":\"way\"}";

fn signed(secret: &str) -> Request {
    Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature(secret, BODY))
        .body(BODY)
}

/// Whether the body under way reached the backend.
fn was_delivered(backend: &Backend) -> bool {
    let received = backend.received();
    received.iter().any(|it| it.body_sha256 == sha256(BODY))
}

/// A change, whether it is in force for a delivery signed with a secret, and what the delivery under way gets.
type Case = (&'static [&'static [&'static str]], u16, (u16, &'static str));

#[test]
fn what_is_revoked_while_a_body_comes_admits_it_no_more() {
    let create = ["--organisation", "acme", "--workspace", "main", "--mode"];
    let again: Vec<&str> = [&["endpoint", "create", ID], &create[..], &["hmac"]].concat();
    let again: &'static [&'static str] = Box::leak(again.into_boxed_slice());
    let cases: [Case; 8] = [
        (
            &[&["endpoint", "delete", "--yes", ID]],
            404,
            (404, "not_configured"),
        ),
        (
            &[&["endpoint", "disable", "--yes", ID]],
            404,
            (404, "not_configured"),
        ),
        (
            Box::leak(Box::new([&["endpoint", "delete", "--yes", ID][..], again])),
            401,
            (401, "signature_mismatch"),
        ),
        (
            &[&["secret", "rotate", "--yes", ID]],
            401,
            (401, "signature_mismatch"),
        ),
        (
            &[
                &["secret", "rotate", "--yes", ID, "--overlap", "1h"],
                &["secret", "retire", ID],
            ],
            401,
            (401, "signature_mismatch"),
        ),
        (
            &[&["secret", "retire", ID, "--current", "--yes"]],
            401,
            (401, "secret_unbound"),
        ),
        (
            &[&["endpoint", "update", ID, "--mode", "secret"]],
            401,
            (401, "token_missing"),
        ),
        (
            &[&["secret", "rotate", "--yes", ID, "--overlap", "2s"]],
            401,
            (401, "signature_mismatch"),
        ),
    ];
    for (commands, status, expected) in cases {
        let backend = Backend::accepting();
        let gate = patient(&backend).endpoint("hmac").start();
        let old = gate.secret(ID);
        let under_way = DeliveryUnderWay::begin(&gate, &signed(&old));
        for command in commands {
            gate.run(command).succeeded();
        }
        in_force(|| signed_with(&gate, &old) == status);
        let answer = under_way.end();
        assert_eq!((answer.status, answer.reason()), expected, "{commands:?}");
        assert!(!was_delivered(&backend), "{commands:?}");
    }
}

#[test]
fn a_token_that_is_revoked_while_a_body_comes_admits_it_no_more() {
    let backend = Backend::accepting();
    let draft = "flows/orders/draft/new";
    let gate = patient(&backend)
        .apply(&format!(
            "[[endpoints]]\nid = \"{draft}\"\norganisation = \"acme\"\nworkspace = \"main\"\n"
        ))
        .start();
    let path = "/api/flows/orders/interfaces/draft/new";
    let token = gate.token("main");
    let request = Request::post(path).header("Authorization", &format!("Bearer {token}"));
    let under_way = DeliveryUnderWay::begin(&gate, &request.body(BODY));
    let list = gate.run(&["token", "list", "--json"]).succeeded();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list.pointer("/tokens/0/id").or(list.pointer("/0/id"));
    let id = id.unwrap().as_str().unwrap();
    gate.run(&["token", "revoke", id]).succeeded();
    in_force(|| with_token(&gate, path, &token) == 401);
    let answer = under_way.end();
    assert_eq!((answer.status, answer.reason()), (401, "token_mismatch"));
    assert!(!was_delivered(&backend));
}

#[test]
fn a_store_that_is_replaced_while_a_body_comes_admits_it_no_more() {
    let backend = Backend::accepting();
    let gate = patient(&backend).endpoint("hmac").start();
    let secret = gate.secret(ID);
    let under_way = DeliveryUnderWay::begin(&gate, &signed(&secret));
    let store = gate.folder().join("portcullis.db");
    let copy = gate.folder().join("copy.db");
    sqlite(&gate, &format!("VACUUM INTO '{}'", copy.display()));
    std::fs::rename(&store, gate.folder().join("old.db")).unwrap();
    for log in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(gate.folder().join(format!("portcullis.db{log}")));
    }
    std::fs::rename(&copy, &store).unwrap();
    in_force(|| signed_with(&gate, &secret) == 503);
    let answer = under_way.end();
    assert_eq!((answer.status, answer.reason()), (503, "store_unavailable"));
    assert!(!was_delivered(&backend));
}

#[test]
fn what_is_revoked_while_the_process_is_stopped_admits_nothing_that_waits() {
    let backend = Backend::accepting();
    for grace in ["1h", "1s"] {
        let gate = Gate::before(&backend)
            .with("directory", &format!("grace = \"{grace}\""))
            .endpoint("hmac")
            .start();
        let secret = gate.secret(ID);
        assert_eq!(signed_with(&gate, &secret), 202);
        let under_way = DeliveryUnderWay::begin(&gate, &signed(&secret));
        let reached = backend.received().len();
        gate.signal("STOP");
        gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
        let request = Request::post(PATH)
            .header("X-Hub-Signature-256", &github_signature(&secret, b"{}"))
            .body("{}")
            .bytes();
        let queued = (0..16).map(|_| {
            let mut sender = Connection::to(gate.http());
            sender.write(&request);
            sender
        });
        let mut waiting: Vec<Connection> = queued.collect();
        waiting.push(under_way.send_rest());
        // Longer than the gate takes its caches for current.
        let_pass(Duration::from_secs(6));
        gate.signal("CONT");
        for mut sender in waiting {
            let answer = sender.answer();
            let refusal = (answer.status, answer.reason());
            // A busy machine can exceed the short grace time before the store is followed again.
            let is_late = grace == "1s" && refusal == (503, "store_unavailable");
            assert!(
                is_late || refusal == (401, "signature_mismatch"),
                "{refusal:?}"
            );
        }
        assert_eq!(backend.received().len(), reached);
        let new = gate.secret(ID);
        in_force(|| signed_with(&gate, &new) == 202);
    }
}

#[test]
fn what_is_revoked_while_a_delivery_waits_for_its_turn_admits_it_no_more() {
    let cases: [(&[&str], (u16, &str)); 3] = [
        (
            &["endpoint", "disable", "--yes", ID],
            (404, "not_configured"),
        ),
        (
            &["endpoint", "delete", "--yes", ID],
            (404, "not_configured"),
        ),
        (
            &["secret", "rotate", "--yes", ID],
            (401, "signature_mismatch"),
        ),
    ];
    for (command, expected) in cases {
        let door = Door::default();
        let behind = door.clone();
        let backend = Backend::scripted(move |request, stream| {
            let Some(request) = request else {
                return false;
            };
            if request.headers("X-Number") == ["1"] {
                behind.pass();
            }
            let _ = stream.write_all(ACCEPTED);
            true
        });
        let gate = Gate::before(&backend)
            .with(
                "upstreams.default",
                "total_timeout = \"10m\"\nread_timeout = \"10m\"",
            )
            .with("ledger", "claim_timeout = \"20m\"")
            .apply(&format!(
                "[[endpoints]]\nid = \"{ID}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
                 auth = {{ mode = \"hmac\" }}\nkey_field = \"key\"\n\
                 concurrency = {{ per_key = 1, wait = \"25s\" }}\n"
            ))
            .start();
        let old = gate.secret(ID);
        let numbered = |number: &str| {
            let body = format!("{{\"key\":\"a\",\"n\":{number}}}");
            Request::post(PATH)
                .header("X-Number", number)
                .header(
                    "X-Hub-Signature-256",
                    &github_signature(&old, body.as_bytes()),
                )
                .body(body)
        };
        let mut first = Connection::to(gate.http());
        first.write(&numbered("1").bytes());
        backend.wait_for(1);
        let mut second = Connection::to(gate.http());
        second.write(&numbered("2").bytes());
        gate.wait_for_metric("portcullis_bodies_in_flight", 2);
        gate.run(command).succeeded();
        in_force(|| signed_with(&gate, &old) == expected.0);
        door.open();
        assert_eq!(first.answer().status, 202, "it was with the backend before");
        let answer = second.answer();
        assert_eq!((answer.status, answer.reason()), expected, "{command:?}");
        let received = backend.received();
        assert!(received.iter().all(|it| it.headers("X-Number") != ["2"]));
    }
}

#[test]
fn a_change_of_something_else_and_an_overlap_change_nothing_for_a_delivery_under_way() {
    let backend = Backend::accepting();
    let gate = patient(&backend).endpoint("hmac").start();
    let old = gate.secret(ID);
    let owner = ["--organisation", "acme", "--workspace", "main"];
    let create = [&["endpoint", "create", "workflows/other"][..], &owner].concat();
    for command in [
        &create[..],
        &["secret", "rotate", "--yes", ID, "--overlap", "1h"],
    ] {
        let before = backend.received().len();
        let under_way = DeliveryUnderWay::begin(&gate, &signed(&old));
        gate.run(command).succeeded();
        in_force(|| match command[0] {
            "endpoint" => unproven(&gate, "/webhooks/ai/workflows/other") == 401,
            _ => signed_with(&gate, &gate.secret(ID)) == 202,
        });
        let probes = backend.received().len() - before;
        assert_eq!(under_way.end().status, 202, "{command:?}");
        let received = backend.received();
        assert_eq!(received.len(), before + probes + 1, "{command:?}");
        let received = received.last().unwrap();
        assert_eq!(received.body_sha256, sha256(BODY));
        assert_eq!(received.header("X-Portal-Secret-Version"), "1");
    }
}

#[test]
fn a_delivery_under_way_is_judged_by_the_secret_and_the_endpoint_that_came_meanwhile() {
    let backend = Backend::accepting();
    let gate = patient(&backend).endpoint("hmac").start();
    let new = "the secret that the provider uses already";
    let under_way = DeliveryUnderWay::begin(&gate, &signed(new));
    gate.run_with_input(&["secret", "set", ID], new.as_bytes())
        .succeeded();
    gate.run(&["endpoint", "update", ID, "--event-name", "renamed"])
        .succeeded();
    in_force(|| signed_with(&gate, new) == 202);
    in_force(|| {
        let _ = signed_with(&gate, new);
        let received = backend.received();
        received.last().unwrap().headers("X-Portal-Event-Name") == ["renamed"]
    });
    assert_eq!(under_way.end().status, 202);
    let received = backend.received();
    let received = received.last().unwrap();
    assert_eq!(received.body_sha256, sha256(BODY));
    assert_eq!(received.header("X-Portal-Secret-Version"), "2");
    assert_eq!(received.header("X-Portal-Event-Name"), "renamed");
}

#[test]
fn a_flow_that_is_rolled_back_while_a_body_comes_admits_it_no_more() {
    let backend = Backend::accepting();
    let gate = patient(&backend).start();
    let owner = ["--organisation", "acme", "--workspace", "shop"];
    // The first version has another interface in place of the one that the second has.
    let second = crate::flows::ORDERS;
    let first = second.replace(":id :order-webhook", ":id :order-archive");
    for text in [&first, second] {
        let path = gate.file("orders.edn", text);
        let apply = ["apply", "-f", path.to_str().unwrap(), "--target", "live"];
        gate.run(&[&apply[..], &owner].concat()).succeeded();
    }
    let secret = "the secret of the flow's orders";
    let bind = [
        "secret",
        "bind",
        "flows/orders/live",
        "webhook-signing-secret",
    ];
    gate.run_with_input(&bind, secret.as_bytes()).succeeded();
    let path = "/api/flows/orders/interfaces/live/order-webhook";
    let signed = |body: &[u8]| {
        let now = jiff::Timestamp::now().as_second();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let code = ring::hmac::sign(&key, &[format!("{now}.").as_bytes(), body].concat());
        let signature = format!("t={now},v1={}", hex::encode(code));
        Request::post(path)
            .header("Stripe-Signature", &signature)
            .body(body)
    };
    in_force(|| send(gate.http(), &signed(br#"{"order-id":"o-1"}"#)).status == 202);
    let body = br#"{"order-id":"o-2"}"#;
    let under_way = DeliveryUnderWay::begin(&gate, &signed(body));
    gate.run(&["flow", "rollback", "--yes", "orders"])
        .succeeded();
    in_force(|| send(gate.http(), &signed(br#"{"order-id":"o-3"}"#)).status == 404);
    let answer = under_way.end();
    assert_eq!((answer.status, answer.reason()), (404, "not_configured"));
    let received = backend.received();
    assert!(received.iter().all(|it| it.body_sha256 != sha256(body)));
}
