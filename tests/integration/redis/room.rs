//! A Redis whose memory is full.

use super::*;

#[test]
fn a_full_redis_refuses_what_it_could_not_remember_and_keeps_what_it_was_told() {
    let (redis, door) = (RedisServer::start(), Door::default());
    let (backend, accepting) = (door.backend(ACCEPTED), Backend::accepting());
    let one = node("slack", &backend, &redis).start();
    let two = node("slack", &accepting, &redis);
    let two = with_preset(
        two,
        "workflows/ids",
        "github",
        &["--duplicates", "acknowledge"],
    )
    .start();
    // One that is under way when there is no more room, and one that was accepted.
    let under_way = slack(now(), "token=1");
    let mut sender = Connection::to(one.http());
    sender.write(&under_way.bytes());
    backend.wait_for(1);
    let accepted = slack(now(), "token=2");
    assert_eq!(send(two.http(), &accepted).status, 202);
    assert_eq!(redis.ask(&["CONFIG", "SET", "maxmemory", "1mb"]), "OK");

    let answer = send(two.http(), &slack(now(), "token=3"));
    is_unavailable(&answer);
    let lines = two.log(2);
    let cause = lines[1]["cause"].as_str().unwrap();
    assert!(cause.contains("OOM"), "{cause}");
    // The connection is well, and who can do without goes on.
    assert_eq!(two.metric(UP), 1);
    let id = Request::post("/webhooks/ai/workflows/ids")
        .header("X-GitHub-Delivery", "1")
        .header("X-Hub-Signature-256", &github_signature(SECRET, b"{}"))
        .body("{}");
    assert_eq!(send(two.http(), &id).status, 202);
    is_duplicate(&send(two.http(), &id));
    // What is known is told even now, and what was claimed has its room.
    is_in_flight(&send(two.http(), &under_way));
    is_replay(&send(two.http(), &accepted));
    door.open();
    assert_eq!(sender.answer().status, 202);
    eventually("it is known", || {
        let keys = redis.keys();
        !keys.is_empty()
            && keys
                .iter()
                .all(|key| redis.ask(&["GET", key]) == "accepted")
    });
    is_replay(&send(two.http(), &under_way));
    assert_eq!(redis.ask(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    assert_eq!(send(two.http(), &slack(now(), "token=3")).status, 202);
}

#[test]
fn a_gate_that_starts_at_a_full_redis_uses_it_as_soon_as_there_is_room() {
    let redis = RedisServer::with(&["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"]);
    let backend = Backend::accepting();
    let gate = node("slack", &backend, &redis).start();
    is_unavailable(&send(gate.http(), &slack(now(), "token=1")));
    assert_eq!(redis.ask(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    assert_eq!(send(gate.http(), &slack(now(), "token=1")).status, 202);
    backend.only();
}
