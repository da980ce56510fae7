//! What a delivery costs in round trips, and what nobody waits for.

use super::*;

#[test]
fn a_delivery_takes_one_round_trip_to_claim_and_one_to_settle() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let [gate, other] = twins(
        node("standard-webhooks", &backend, &redis),
        &backend,
        &redis,
    );
    assert_eq!(redis.ask(&["CONFIG", "RESETSTAT"]), "OK");
    let before = gate.metric(CALLS);
    for number in 0..20 {
        let delivery = standard(&format!("evt_{number}"), ago(10), "{}");
        assert_eq!(send(gate.http(), &delivery).status, 202);
    }
    eventually("all are settled", || redis.calls("evalsha") == 40);
    // What this gate has accepted itself it need not ask for.
    is_duplicate(&send(gate.http(), &standard("evt_1", now(), "{}")));
    assert_eq!(redis.calls("evalsha"), 40);
    assert_eq!(redis.calls("eval"), 0);
    assert_eq!(gate.metric(CALLS), before + 40);
    // And what another one has, in one.
    assert_eq!(redis.ask(&["CONFIG", "RESETSTAT"]), "OK");
    is_duplicate(&send(other.http(), &standard("evt_2", now(), "{}")));
    assert_eq!(redis.calls("evalsha"), 1);
}

#[test]
fn scripts_that_redis_has_forgotten_are_sent_again_once() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let gate = node("slack", &backend, &redis).start();
    for round in 0..2 {
        assert_eq!(redis.ask(&["SCRIPT", "FLUSH"]), "OK");
        assert_eq!(redis.ask(&["CONFIG", "RESETSTAT"]), "OK");
        for number in 0..3 {
            let delivery = slack(now(), &format!("token={number}-{round}"));
            assert_eq!(send(gate.http(), &delivery).status, 202);
        }
        eventually("all are settled", || redis.calls("evalsha") == 6);
        // The claim and the commit, each with its text.
        eventually("both were sent whole", || redis.calls("eval") == 2);
    }
    assert_eq!(gate.metric(REFUSED_ALONE), 0);
}

#[test]
fn the_sender_does_not_wait_until_redis_has_heard_of_its_delivery() {
    let (redis, door) = (RedisServer::start(), Door::default());
    let backend = door.backend(ACCEPTED);
    let [one, two] = [(); 2].map(|()| node("slack", &backend, &redis).start());
    let delivery = slack(now(), "token=1");
    let mut sender = Connection::to(one.http());
    sender.write(&delivery.bytes());
    backend.wait_for(1);
    redis.pause();
    door.open();
    // Redis is still held.
    assert_eq!(sender.answer().status, 202);
    // The gate knows it already; and Redis, before it hears anything else of this gate.
    is_replay(&send(one.http(), &delivery));
    redis.resume();
    eventually("it is known", || {
        redis.ask(&["GET", &redis.keys()[0]]) == "accepted"
    });
    is_replay(&send(two.http(), &delivery));
    backend.only();
}

#[test]
fn a_gate_that_ends_settles_what_it_has_begun() {
    let (redis, door) = (RedisServer::start(), Door::default());
    let backend = door.backend(ACCEPTED);
    let [mut one, two] = [(); 2].map(|()| node("slack", &backend, &redis).start());
    let delivery = slack(now(), "token=1");
    let mut sender = Connection::to(one.http());
    sender.write(&delivery.bytes());
    backend.wait_for(1);
    one.signal("TERM");
    redis.pause();
    door.open();
    assert_eq!(sender.answer().status, 202);
    one.wait_until_idle();
    assert!(one.is_running(), "it does not wait for Redis");
    redis.resume();
    assert_eq!(one.wait(), Some(0));
    is_replay(&send(two.http(), &delivery));
    backend.only();
}

const CALLS: &str = "portcullis_redis_calls_total";
