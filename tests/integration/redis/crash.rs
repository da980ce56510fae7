//! A gate that is killed, or ends, in the middle of a delivery.

use super::*;

#[test]
fn a_claim_of_a_gate_that_was_killed_ends_with_its_time_and_the_retry_gets_through() {
    let (redis, door) = (RedisServer::start(), Door::default());
    let (backend, other) = (door.backend(ACCEPTED), Backend::accepting());
    let next = node("slack", &other, &redis).start();
    let mut seconds = 1;
    // It is killed before its delivery ends by itself: until then the delivery is in flight.
    let delivery = found("a gate is killed in time", || {
        let mut killed = node("slack", &backend, &redis)
            .with(
                "upstreams.default",
                &format!("total_timeout = \"{seconds}s\""),
            )
            .with("ledger", &format!("claim_timeout = \"{}s\"", seconds + 2))
            .start();
        let delivery = slack(now(), &format!("token={seconds}"));
        seconds *= 2;
        let so_far = backend.received().len();
        let mut sender = Connection::to(killed.http());
        sender.write(&delivery.bytes());
        backend.wait_for(so_far + 1);
        killed.kill();
        let claim = redis.keys().into_iter().find_map(|key| {
            let left: i64 = redis.ask(&["PTTL", &key]).parse().unwrap();
            let is_claim = redis.ask(&["GET", &key]) != "accepted" && left > 0;
            is_claim.then_some(left)
        })?;
        assert!(claim <= 1000 * (seconds / 2 + 2), "{claim} ms are left");
        (send(next.http(), &delivery).reason() == "in_flight").then_some(delivery)
    });
    eventually("it gets in", || {
        let answer = send(next.http(), &delivery);
        assert!([202, 409].contains(&answer.status), "{}", answer.head);
        answer.status == 202
    });
    is_replay(&send(next.http(), &delivery));
    door.open();
}

#[test]
fn a_claim_that_is_cut_off_at_the_end_of_the_grace_time_is_released() {
    let redis = RedisServer::start();
    let (mute, other) = (Backend::mute(), Backend::accepting());
    let mut ends = node("slack", &mute, &redis)
        .with("server", "shutdown_grace = \"500ms\"")
        .start();
    let next = node("slack", &other, &redis).start();
    let delivery = slack(now(), "token=1");
    let mut sender = Connection::to(ends.http());
    sender.write(&delivery.bytes());
    mute.wait_for(1);
    assert_eq!(send(next.http(), &delivery).reason(), "in_flight");
    ends.signal("TERM");
    assert_eq!(ends.wait(), Some(1));
    // At once, and not when the claim ends by itself.
    assert_eq!(send(next.http(), &delivery).status, 202);
}
