//! Very many at once: one call for one secret, and never more calls than were allowed.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

const MANY: usize = 10_000;

#[test]
fn ten_thousand_deliveries_to_one_cold_endpoint_make_one_call() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "")
        .with("public", "max_connections = 20000")
        .with("log", "access = false")
        .endpoint("hmac")
        .start();
    raise_the_limit_of_files();
    // More than a hundred wait when it is answered; what comes later finds it in memory.
    kms.proxy.set(Fault::HoldDecrypt);
    let before = kms.proxy.count("Decrypt");
    // Each is judged by the secret; that none is genuine spares the backend of this test.
    let request = delivery(ID, "a guess").bytes();
    let miss = "portcullis_secret_cache_requests_total{result=\"miss\"}";
    let mut answers = at_once(
        &gate,
        MANY,
        |_| request.clone(),
        || {
            gate.wait_for_at_least(miss, 101);
            kms.proxy.set(Fault::None);
        },
    );
    // On a busy machine the store has a queue, too. Who waited too long for it sends again, as after every 503.
    eventually("the store serves all of them", || {
        let refused = answers.extract_if(.., |answer| *answer == of_the_store());
        let refused = refused.count();
        answers.extend(at_once(&gate, refused, |_| request.clone(), || {}));
        refused == 0
    });
    assert_eq!(answers.len(), MANY);
    let odd = answers.iter().find(|answer| **answer != mismatch());
    assert_eq!(odd, None);
    assert_eq!(kms.proxy.count("Decrypt"), before + 1);
    assert_eq!(gate.metric("portcullis_key_service_calls_total"), 1);
    let waited = gate.metric(miss);
    println!("{waited} of {MANY} deliveries waited for the one call");
    assert!(waited > 100, "{waited}");
}

#[test]
fn ten_thousand_cold_endpoints_never_exceed_the_bound_of_calls_in_flight() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "")
        .with("public", "max_connections = 20000")
        .with("secrets.aws", "max_calls_in_flight = 16")
        .with("log", "access = false")
        .endpoint_with("workflows/w0", &["--mode", "hmac"]);
    // The rest are made of it behind its back. Their ciphertext is another row's, so that none of them opens.
    sqlite(
        &gate,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
         INSERT INTO endpoints (id, organisation, workspace, definition, secret, created_ms, updated_ms) \
         SELECT 'workflows/w' || i, organisation, workspace, \
         replace(definition, 'workflows/w0', 'workflows/w' || i), 'workflows/w' || i || '#webhook', \
         created_ms, updated_ms FROM endpoints, n WHERE id = 'workflows/w0'; \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
         INSERT INTO secret_versions (scope, slot, version, created_ms, ends_ms, service, key_id, ciphertext) \
         SELECT 'workflows/w' || i, slot, version, created_ms, ends_ms, service, key_id, ciphertext \
         FROM secret_versions, n WHERE scope = 'workflows/w0'",
    );
    let gate = kms.hasty(gate).start();
    raise_the_limit_of_files();
    let late = Duration::from_millis(100);
    kms.proxy
        .set(Fault::LateError(late, 400, "InvalidCiphertextException"));
    let endpoint = |number| delivery(&format!("workflows/w{number}"), "a guess").bytes();
    // On a busy machine the store has a queue, too, and few deliveries reach the key service. A smaller flood passes
    // the store in time, and still has several times the calls that the key service answers before they time out.
    let (mut first, mut many) = (0, MANY);
    eventually("the key service has a queue", || {
        let mut reasons = std::collections::BTreeMap::<(u16, String), usize>::new();
        for answer in at_once(
            &gate,
            many,
            |number| endpoint((first + number) % MANY),
            || {},
        ) {
            *reasons.entry(answer).or_default() += 1;
        }
        println!(
            "{reasons:?}, at most {} calls at once",
            kms.proxy.most_in_flight()
        );
        let known = [unavailable(), undecryptable(), of_the_store()];
        let count = |it: &(u16, String)| reasons.get(it).copied().unwrap_or_default();
        assert_eq!(known.iter().map(count).sum::<usize>(), many, "{reasons:?}");
        (first, many) = (first + many, (many / 2).max(1_250));
        // Those that waited too long for their turn are among them.
        count(&unavailable()) > 0
            && gate.metric("portcullis_key_service_failures_total{kind=\"busy\"}") > 0
    });
    // One that was given up here can still be counted there.
    let given_up = gate.metric("portcullis_key_service_failures_total{kind=\"timed_out\"}");
    let most_in_flight = kms.proxy.most_in_flight() as u64;
    assert!(
        most_in_flight <= 16 + given_up,
        "{most_in_flight}, {given_up} given up"
    );
    backend.was_not_contacted();
    kms.proxy.set(Fault::None);
    eventually("it comes so far", || {
        signed(&gate, "workflows/w0", &gate.secret("workflows/w0")) == admitted()
    });
}

#[test]
fn three_hundred_cold_endpoints_are_all_served_through_eight_calls_at_once() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let ids: Vec<String> = (0..300)
        .map(|number| format!("workflows/w{number}"))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = kms
        .gate(&backend, "")
        .with("secrets.aws", "max_calls_in_flight = 8")
        .apply(&super::custody::declared(&ids))
        .start();
    let before = kms.proxy.count("Decrypt");
    let mut waiting = ids.clone();
    // On a busy machine the store has a queue, too. Who waited too long for it sends again, as after every 503.
    eventually("the store serves all of them", || {
        let request = |number: usize| delivery(waiting[number], "a guess").bytes();
        let answers = at_once(&gate, waiting.len(), request, || {});
        let mut answers = answers.into_iter();
        waiting.retain(|_| {
            let answer = answers.next().unwrap();
            assert!(
                answer == mismatch() || answer == of_the_store(),
                "{answer:?}"
            );
            answer != mismatch()
        });
        waiting.is_empty()
    });
    assert_eq!(kms.proxy.count("Decrypt"), before + 300);
    assert!(
        kms.proxy.most_in_flight() <= 8,
        "{}",
        kms.proxy.most_in_flight()
    );
}

#[test]
fn a_sender_that_leaves_while_its_secret_is_loaded_costs_no_second_call() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac");
    let secret = gate.secret(ID);
    let gate = gate.start();
    kms.proxy.set(Fault::HoldDecrypt);
    let before = kms.proxy.count("Decrypt");
    for _ in 0..20 {
        Connection::to(gate.http()).write(&delivery(ID, &secret).bytes());
    }
    kms.proxy.wait_for("Decrypt", before + 1);
    gate.wait_until_idle();
    kms.proxy.set(Fault::None);
    let answer = send(gate.http(), &delivery(ID, &secret));
    assert!(matches!(answer.status, 200 | 202 | 409), "{}", answer.head);
    assert_eq!(kms.proxy.count("Decrypt"), before + 1);
}

fn of_the_store() -> (u16, String) {
    (503, "store_unavailable".to_owned())
}

/// Sends `many` deliveries, each on its own open connection, calls `meanwhile`, and gives the status and reason of each.
fn at_once(
    gate: &Gate,
    many: usize,
    request: impl Fn(usize) -> Vec<u8>,
    meanwhile: impl FnOnce(),
) -> Vec<(u16, String)> {
    let connect = |_| {
        let stream = TcpStream::connect(gate.http()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut senders: Vec<TcpStream> = (0..many).map(connect).collect();
    for (number, sender) in senders.iter_mut().enumerate() {
        sender.write_all(&request(number)).unwrap();
    }
    meanwhile();
    let answer = |sender: &mut TcpStream| {
        let mut head = Vec::new();
        let mut buffer = [0; 4096];
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            let read = sender.read(&mut buffer).unwrap();
            assert!(read > 0, "an answer before the end");
            head.extend_from_slice(&buffer[..read]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut reason = head
            .lines()
            .filter_map(|line| line.strip_prefix("Portcullis-Reason: "));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, reason.next().unwrap_or_default().to_owned())
    };
    senders.iter_mut().map(answer).collect()
}

/// Sockets for all senders at once.
fn raise_the_limit_of_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let many = files.maximum.is_none_or(|it| it > MANY as u64 + 500);
    assert!(
        many,
        "this test needs {MANY} open files and more: `ulimit -Hn`"
    );
}
