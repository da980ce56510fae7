//! What one gate has let through no other one lets through.

use std::sync::{Arc, Barrier};

use super::*;

#[test]
fn what_one_gate_has_accepted_is_a_replay_or_a_duplicate_at_the_next() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let [one, two] = twins(
        node("standard-webhooks", &backend, &redis),
        &backend,
        &redis,
    );
    let first = standard("evt_1", ago(10), "{}");
    assert_eq!(send(one.http(), &first).status, 202);
    eventually("it is known", || {
        redis.ask(&["GET", &redis.keys()[0]]) == "accepted"
    });
    is_replay(&send(two.http(), &first));
    is_duplicate(&send(two.http(), &standard("evt_1", now(), "{}")));
    // Each has a memory of its own beside it.
    is_replay(&send(one.http(), &first));
    backend.only();
    assert_eq!(
        two.metric(r#"portcullis_ledger_claims_total{result="accepted"}"#),
        2
    );
}

#[test]
fn what_is_with_the_backend_is_in_flight_at_every_gate() {
    let (redis, door) = (RedisServer::start(), Door::default());
    let backend = door.backend(FAILED);
    let [one, two] = [(); 2].map(|()| node("slack", &backend, &redis).start());
    let delivery = slack(now(), "token=1");
    let mut sender = Connection::to(one.http());
    sender.write(&delivery.bytes());
    backend.wait_for(1);
    is_in_flight(&send(two.http(), &delivery));
    is_in_flight(&send(one.http(), &delivery));
    door.open();
    assert_eq!(sender.answer().status, 500);
    // The backend did not take it, so it may come again, by either way.
    eventually("it is released", || redis.keys().is_empty());
    assert_eq!(send(two.http(), &delivery).status, 500);
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn of_a_thousand_at_once_over_three_gates_exactly_one_reaches_the_backend() {
    let (redis, door) = (RedisServer::start(), Door::default());
    let backend = door.backend(ACCEPTED);
    let gates = [(); 3].map(|()| node("standard-webhooks", &backend, &redis).start());
    let start = Arc::new(Barrier::new(SENDERS));
    let delivery = standard("evt_1", now(), "{}").bytes();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (start, delivery) = (start.clone(), delivery.clone());
            let address = gates[sender % gates.len()].http();
            std::thread::spawn(move || {
                let mut connection = Connection::to(address);
                start.wait();
                let answers = (0..EACH).map(|_| connection.write(&delivery).answer());
                answers
                    .map(|answer| answer.reason().to_owned())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    // Some come while it is with the backend, and others afterwards.
    eventually("others have come meanwhile", || {
        let count = |gate| Gate::metric(gate, IN_FLIGHT);
        gates.iter().map(count).sum::<u64>() >= 200
    });
    door.open();
    let reasons: Vec<String> = senders
        .into_iter()
        .flat_map(|sender| sender.join().unwrap())
        .collect();
    let count = |reason: &str| reasons.iter().filter(|it| *it == reason).count();
    let counts = ["admitted", "in_flight", "replay"].map(count);
    assert_eq!(counts[0], 1, "{counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), SENDERS * EACH, "{counts:?}");
    backend.only();
}

#[test]
fn gates_with_other_prefixes_have_nothing_to_do_with_each_other() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let [one, two] = ["test:", "live:"].map(|prefix| {
        let gate = node("slack", &backend, &redis);
        gate.with("ledger", &format!("key_prefix = \"{prefix}\""))
            .start()
    });
    let delivery = slack(now(), "token=1");
    for gate in [&one, &two] {
        assert_eq!(send(gate.http(), &delivery).status, 202);
        is_replay(&send(gate.http(), &delivery));
    }
    eventually("both have a key of their own", || {
        let keys = redis.keys();
        ["test:{", "live:{"]
            .iter()
            .all(|it| keys.iter().any(|key| key.starts_with(it)))
    });
}

/// A Redis that is a node of a cluster, with no slots yet.
fn in_cluster() -> RedisServer {
    let bus = free_port().to_string();
    RedisServer::with(&["--cluster-enabled", "yes", "--cluster-port", &bus])
}

#[test]
fn everything_that_a_delivery_is_remembered_by_is_in_one_slot_of_a_cluster() {
    // A cluster of one: it refuses scripts whose keys are in several slots.
    let redis = in_cluster();
    assert_eq!(redis.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
    eventually("the cluster is well", || {
        redis.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    });
    let backend = Backend::accepting();
    let gate = node("standard-webhooks", &backend, &redis).start();
    for number in 0..50 {
        let delivery = standard(&format!("evt_{number}"), now(), "{}");
        assert_eq!(send(gate.http(), &delivery).status, 202);
    }
    eventually("all are known", || redis.keys().len() == 100);
    let slot = |key: &String| redis.ask(&["CLUSTER", "KEYSLOT", key]);
    let slots: std::collections::BTreeSet<String> = redis.keys().iter().map(slot).collect();
    assert_eq!(slots.len(), 1);
    assert_eq!(gate.metric(REFUSED_ALONE), 0);
}

#[test]
fn a_node_of_a_cluster_that_has_not_every_slot_is_no_ledger() {
    let redis = in_cluster();
    assert_eq!(redis.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]), "OK");
    assert_eq!(
        redis.ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]),
        "OK"
    );
    eventually("the cluster is well", || {
        redis.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    });
    let backend = Backend::accepting();
    let gate = node("slack", &backend, &redis);
    let output = gate.run(&["check"]).failed_with(3);
    assert!(
        output.contains("CLUSTERDOWN") || output.contains("MOVED"),
        "{output}"
    );
    let gate = gate.start();
    is_unavailable(&send(gate.http(), &slack(now(), "token=1")));
    assert_eq!(gate.metric(UP), 0);
}

const IN_FLIGHT: &str = r#"portcullis_ledger_claims_total{result="in_flight"}"#;
const SENDERS: usize = 50;
const EACH: usize = 20;
