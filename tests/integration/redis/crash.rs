//! A gate that is killed in the middle of a delivery.

use super::*;

#[test]
fn a_claim_of_a_gate_that_was_killed_ends_with_its_time_and_the_retry_gets_through() {
    let (redis, door) = (RedisServer::start(), Door::default());
    let (backend, other) = (door.backend(ACCEPTED), Backend::accepting());
    let with_times = |gate: Gate| {
        gate.with("upstreams.default", "total_timeout = \"1s\"")
            .with("ledger", "claim_timeout = \"3s\"")
            .start()
    };
    let mut killed = with_times(node("slack", &backend, &redis));
    let next = with_times(node("slack", &other, &redis));
    let delivery = slack(now(), "token=1");
    let mut sender = Connection::to(killed.http());
    sender.write(&delivery.bytes());
    backend.wait_for(1);
    let since = Instant::now();
    killed.kill();
    is_in_flight(&send(next.http(), &delivery));
    eventually("it gets in", || {
        let answer = send(next.http(), &delivery);
        assert!([202, 409].contains(&answer.status), "{}", answer.head);
        answer.status == 202
    });
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    is_replay(&send(next.http(), &delivery));
    other.only();
    door.open();
}
