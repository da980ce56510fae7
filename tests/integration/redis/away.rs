//! Redis is away: killed, held, or not there yet.

use serde_json::Value;

use super::*;

/// Two endpoints at one gate: Slack's, whose signatures are told apart, and GitHub's, whose ids are.
fn both(backend: &Backend, redis: &RedisServer) -> Gate {
    let gate = node("slack", backend, redis);
    with_preset(
        gate,
        "workflows/ids",
        "github",
        &["--duplicates", "acknowledge"],
    )
}

fn id(id: &str) -> Request {
    let body = "{}";
    Request::post("/webhooks/ai/workflows/ids")
        .header("X-GitHub-Delivery", id)
        .header(
            "X-Hub-Signature-256",
            &github_signature(SECRET, body.as_bytes()),
        )
        .body(body)
}

#[test]
fn each_endpoint_is_closed_or_judged_by_the_gate_alone_as_its_rule_asks() {
    let (mut redis, backend) = (RedisServer::start(), Backend::accepting());
    let gate = both(&backend, &redis).start();
    let accepted_before = slack(now(), "token=before");
    assert_eq!(send(gate.http(), &accepted_before).status, 202);
    redis.kill();
    wait_until_up(&gate, false);
    // A signature of another gate could not be told: 503, and the sender repeats.
    let delivery = slack(now(), "token=1");
    is_unavailable(&send(gate.http(), &delivery));
    // What this one has accepted it knows all the same.
    is_replay(&send(gate.http(), &accepted_before));
    // An id that comes twice is the worst that can happen here.
    assert_eq!(send(gate.http(), &id("1")).status, 202);
    is_duplicate(&send(gate.http(), &id("1")));
    assert_eq!(gate.metric(REFUSED_ALONE), 1);
    assert_eq!(gate.metric(JUDGED_ALONE), 1);

    let lines = gate.log(5);
    let refused = lines.iter().find(|line| line["status"] == 503).unwrap();
    let cause = refused["cause"].as_str().unwrap();
    assert!(cause.contains("Redis is out of reach"), "{cause}");
    let ready = send(
        gate.admin(),
        &Request::new("GET", "/readyz").host("localhost"),
    );
    assert_eq!(ready.status, 200);
    let report: Value = serde_json::from_str(ready.text()).unwrap();
    assert_eq!(report["ready"], true);
    let ledger = report["parts"]["ledger"].as_str().unwrap();
    assert!(ledger.contains("out of reach"), "{ledger}");

    redis.restart();
    wait_until_up(&gate, true);
    assert_eq!(send(gate.http(), &delivery).status, 202);
    is_duplicate(&send(gate.http(), &id("1")));
    // One line for each change, whatever was tried meanwhile.
    let written = gate.everything_written();
    for (words, times) in [("Redis is out of reach", 1), ("Redis can be used", 2)] {
        let lines = written
            .lines()
            .filter(|line| line.contains(words) && !line.starts_with('{'));
        assert_eq!(lines.count(), times, "{words}\n{written}");
    }
}

#[test]
fn what_was_accepted_without_redis_is_known_to_every_gate_as_soon_as_it_is_back() {
    let (mut redis, backend) = (RedisServer::start(), Backend::accepting());
    let [one, two] = twins(both(&backend, &redis), &backend, &redis);
    let signed = slack(now(), "token=1");
    assert_eq!(send(one.http(), &signed).status, 202);
    eventually("it is known", || {
        redis.ask(&["GET", &redis.keys()[0]]) == "accepted"
    });
    redis.kill();
    wait_until_up(&one, false);
    for number in 0..300 {
        assert_eq!(send(one.http(), &id(&number.to_string())).status, 202);
    }
    assert_eq!(one.metric(UNTOLD), 300);
    // It has forgotten everything.
    redis.restart();
    one.wait_for_at_least(RETOLD, 1);
    one.wait_for_metric(UNTOLD, 0);
    wait_until_up(&two, true);
    for number in 0..300 {
        is_duplicate(&send(two.http(), &id(&number.to_string())));
    }
    is_replay(&send(two.http(), &signed));
    assert_eq!(backend.received().len(), 301);
}

#[test]
fn a_redis_that_does_not_answer_costs_one_delivery_its_patience_and_no_other() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let gate = hasty(both(&backend, &redis), &redis).start();
    redis.pause();
    is_unavailable(&send(gate.http(), &slack(now(), "token=1")));
    wait_until_up(&gate, false);
    let calls = gate.metric(CALLS);
    for number in 0..50 {
        is_unavailable(&send(
            gate.http(),
            &slack(now(), &format!("again={number}")),
        ));
        assert_eq!(send(gate.http(), &id(&number.to_string())).status, 202);
    }
    // None of the hundred has asked Redis, and waited for it.
    assert_eq!(gate.metric(CALLS), calls);
    redis.resume();
    wait_until_up(&gate, true);
    gate.wait_for_metric(UNTOLD, 0);
    // The first one may have been claimed by nobody's hand when Redis woke up. It is let go.
    eventually("it gets in", || {
        send(gate.http(), &slack(now(), "token=1")).status == 202
    });
    for number in 0..50 {
        is_duplicate(&send(gate.http(), &id(&number.to_string())));
    }
}

#[test]
fn deliveries_that_wait_together_are_told_together() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let gate = hasty(both(&backend, &redis), &redis).start();
    redis.pause();
    let address = gate.http();
    let senders: Vec<_> = (0..50)
        .map(|number| {
            std::thread::spawn(move || send(address, &slack(now(), &format!("token={number}"))))
        })
        .collect();
    for sender in senders {
        is_unavailable(&sender.join().unwrap());
    }
    // Redis is still held: each of them was told by a time-out, of its own or of the connection that they share.
    wait_until_up(&gate, false);
    redis.resume();
}

#[test]
fn a_silent_connection_is_found_out_before_a_delivery_has_to() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let gate = hasty(both(&backend, &redis), &redis).start();
    wait_until_up(&gate, true);
    redis.pause();
    wait_until_up(&gate, false);
    redis.resume();
    wait_until_up(&gate, true);
}

#[test]
fn a_gate_starts_without_redis_and_finds_it_later() {
    let (mut redis, backend) = (RedisServer::start(), Backend::accepting());
    redis.kill();
    let gate = both(&backend, &redis).start();
    is_unavailable(&send(gate.http(), &slack(now(), "token=1")));
    assert_eq!(send(gate.http(), &id("1")).status, 202);
    redis.restart();
    wait_until_up(&gate, true);
    assert_eq!(send(gate.http(), &slack(now(), "token=1")).status, 202);
    is_duplicate(&send(gate.http(), &id("1")));
}

#[test]
fn an_endpoint_can_choose_otherwise() {
    let (mut redis, backend) = (RedisServer::start(), Backend::accepting());
    let gate = node_with("slack", &backend, &redis, &["--ledger-down", "local"]);
    let gate = with_preset(
        gate,
        "workflows/ids",
        "github",
        &["--ledger-down", "closed", "--duplicates", "acknowledge"],
    )
    .start();
    redis.kill();
    wait_until_up(&gate, false);
    let delivery = slack(now(), "token=1");
    assert_eq!(send(gate.http(), &delivery).status, 202);
    is_replay(&send(gate.http(), &delivery));
    is_unavailable(&send(gate.http(), &id("1")));
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn the_rule_of_an_endpoint_says_what_becomes_of_it() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let closed = "refused while Redis is unavailable";
    let local = "checked by each gate alone while Redis is unavailable";
    for (preset, options, expected) in [
        ("slack", &[][..], closed),
        ("standard-webhooks", &[], closed),
        ("github", &["--duplicates", "acknowledge"], local),
        ("github", &["--duplicates", "reject"], closed),
        ("github", &["--replay-key", "signature"], closed),
        (
            "github",
            &["--ledger-down", "closed", "--duplicates", "acknowledge"],
            closed,
        ),
        ("standard-webhooks", &["--replay-key", "id"], local),
        ("standard-webhooks", &["--ledger-down", "local"], local),
    ] {
        let gate = node_with(preset, &backend, &redis, options);
        let shown = gate.run(&["endpoint", "show", ID]).succeeded();
        let line = shown
            .lines()
            .find(|line| line.starts_with("replays"))
            .unwrap();
        assert!(line.ends_with(expected), "{preset} {options:?}: {line}");
    }
    // Where nothing is shared there is nothing to say.
    let gate = gate("slack", &backend, &[]);
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(!shown.contains("Redis"), "{shown}");
}

#[test]
fn what_becomes_of_deliveries_without_redis_is_said_only_where_something_is_remembered() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend);
    let words = [
        "endpoint",
        "create",
        "workflows/a",
        "--organisation",
        "acme",
        "--workspace",
        "main",
    ];
    for (options, says) in [
        (
            &["--mode", "secret", "--ledger-down", "local"][..],
            "no delivery is remembered",
        ),
        (
            &[
                "--mode",
                "hmac",
                "--replay-key",
                "none",
                "--ledger-down",
                "closed",
            ],
            "no delivery is remembered",
        ),
    ] {
        let output = gate.run(&[&words[..], options].concat()).failed_with(3);
        assert!(output.contains(says), "{output}");
    }
    let output = gate
        .run(&[&words[..], &["--ledger-down", "open"]].concat())
        .failed_with(2);
    assert!(output.contains("expected `closed` or `local`"), "{output}");
}

const CALLS: &str = "portcullis_redis_calls_total";
