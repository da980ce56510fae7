//! Deliveries of one key at several gates: as many as the endpoint says are with the backend at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::contracts::turns::{Turnstile, is_refused, of_key};
use crate::contracts::{self, json};

/// A gate of a fleet at whose endpoint deliveries take turns.
fn turning(backend: &Backend, redis: &RedisServer, concurrency: &str) -> Gate {
    let lines = format!("key_field = \"key\"\nconcurrency = {{ {concurrency} }}");
    let ledger = format!("url = \"{}\"", redis.url());
    contracts::gate(backend, &lines).with("ledger", &ledger)
}

fn sent(gate: &Gate, key: &str, number: u32) -> Connection {
    let mut sender = Connection::to(gate.http());
    let delivery = of_key(gate, key, number).header("X-Number", &number.to_string());
    sender.write(&delivery.bytes());
    sender
}

/// How many wait for a permit.
fn waiting(redis: &RedisServer) -> usize {
    let keys = redis.keys();
    let zsets = keys
        .iter()
        .filter(|key| redis.ask(&["TYPE", key]) == "zset");
    // The permits, the queue, and until when each in it counts.
    let sizes = zsets.map(|key| redis.ask(&["ZCARD", key]).parse::<usize>().unwrap());
    sizes.sum::<usize>().saturating_sub(1) / 2
}

#[test]
fn one_more_of_the_same_key_is_429_at_every_gate_until_the_first_one_has_gone() {
    let (redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let backend = &turnstile.backend;
    let [one, two] = [(); 2].map(|()| turning(backend, &redis, "per_key = 1").start());
    let mut first = sent(&one, "a", 1);
    backend.wait_for(1);
    is_refused(&send(two.http(), &of_key(&two, "a", 2)));
    is_refused(&send(one.http(), &of_key(&one, "a", 3)));
    let mut other = sent(&two, "b", 4);
    backend.wait_for(2);
    turnstile.let_out(2);
    assert_eq!(first.answer().status, 202);
    assert_eq!(other.answer().status, 202);
    eventually("nobody has a permit", || redis.keys().is_empty());
    turnstile.let_out(1);
    assert_eq!(send(two.http(), &of_key(&two, "a", 2)).status, 202);
}

#[test]
fn deliveries_of_one_key_at_four_gates_go_through_one_at_a_time() {
    let (redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let backend = &turnstile.backend;
    let gates = [(); 4].map(|()| turning(backend, &redis, "per_key = 1, wait = \"60s\"").start());
    let mut senders = vec![sent(&gates[0], "a", 1)];
    backend.wait_for(1);
    for (number, gate) in gates.iter().enumerate().skip(1) {
        senders.push(sent(gate, "a", 1 + u32::try_from(number).unwrap()));
        eventually("it waits", || waiting(&redis) == number);
    }
    for number in 5..=8 {
        senders.push(sent(&gates[0], "a", number));
    }
    gates[0].wait_for_metric("portcullis_bodies_in_flight", 5);
    for place in 1..=8 {
        backend.wait_for(place);
        assert_eq!(backend.received().len(), place, "one at a time");
        turnstile.let_out(1);
    }
    for sender in &mut senders {
        assert_eq!(sender.answer().status, 202);
    }
    let received = backend.received();
    let mut numbers: Vec<&str> = received.iter().map(|it| it.header("X-Number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
}

/// Whoever does not ask for half a second loses its place, so at gates the order depends on the machine. Inside one script
/// of Redis the time stands still.
#[test]
fn a_permit_goes_to_the_first_in_the_queue_that_asks_soon() {
    let redis = RedisServer::start();
    let permit = include_str!("../../../src/ledger/scripts/permit.lua");
    let script = format!(
        "local function permit(KEYS, ARGV)\n{permit}\nend\n\
         local answers = {{}}\n\
         local function ask(token, pause)\n\
           table.insert(answers, permit(KEYS, {{token, 1, 60000, pause}}))\n\
         end\n\
         local function give_back(token) redis.call('ZREM', KEYS[1], token) end\n\
         ask('a', 50) ask('b', 50) ask('c', 50) ask('d', 0)\n\
         give_back('a')\n\
         ask('d', 50) ask('c', 50) ask('b', 50)\n\
         give_back('b')\n\
         ask('d', 5000) ask('c', 5000)\n\
         give_back('c')\n\
         ask('e', 50)\n\
         return answers"
    );
    let answers = redis.ask(&["EVAL", &script, "3", "has", "waits", "due"]);
    let answers: Vec<&str> = answers.lines().collect();
    // `a` has one, `b` and `c` wait, and `d` only looks. What `a` gives back is kept for `b`, and then for `c`. `d` comes
    // before `e` and asks only in five seconds: the permit does not lie idle.
    let expected = ["1", "0", "-1", "-2", "-2", "-1", "1", "-1", "1", "1"];
    assert_eq!(answers, expected);
}

#[test]
fn who_waited_at_a_gate_that_was_killed_keeps_nobody_waiting_for_long() {
    let (redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let backend = &turnstile.backend;
    let [one, mut killed, two] =
        [(); 3].map(|()| turning(backend, &redis, "per_key = 1, wait = \"60s\"").start());
    let mut first = sent(&one, "a", 1);
    backend.wait_for(1);
    let _gone = sent(&killed, "a", 2);
    eventually("it waits", || waiting(&redis) == 1);
    let mut last = sent(&two, "a", 3);
    eventually("both wait", || waiting(&redis) == 2);
    killed.kill();
    turnstile.let_out(2);
    assert_eq!(first.answer().status, 202);
    // The permit would have gone to the killed gate for minutes, and then this is 429.
    assert_eq!(last.answer().status, 202);
    assert_eq!(backend.received()[1].header("X-Number"), "3");
}

#[test]
fn a_redis_that_hangs_takes_no_turn_with_it() {
    let (redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let backend = &turnstile.backend;
    let nothing_told = "per_key = 1 }\nreplay = { key = \"none\"";
    let gate = hasty(turning(backend, &redis, nothing_told), &redis).start();
    redis.pause();
    // The first finds out, and goes on by what the gate knows itself.
    let mut first = sent(&gate, "a", 1);
    backend.wait_for(1);
    is_refused(&send(gate.http(), &of_key(&gate, "a", 2)));
    turnstile.let_out(1);
    assert_eq!(first.answer().status, 202);
    redis.resume();
    wait_until_up(&gate, true);
    eventually("nothing was left behind", || redis.keys().is_empty());
    turnstile.let_out(1);
    eventually("the permit is free", || {
        send(gate.http(), &of_key(&gate, "a", 2)).status == 202
    });
}

#[test]
fn no_more_than_so_many_are_with_the_backend_at_once_and_none_is_lost() {
    let redis = RedisServer::start();
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let backend = {
        let (inside, most) = (inside.clone(), most.clone());
        Backend::scripted(move |request, stream| {
            if request.is_some() {
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                // Others would come meanwhile.
                thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
                let _ = stream.write_all(ACCEPTED);
            }
            request.is_some()
        })
    };
    let concurrency = "per_key = 2, wait = \"60s\"";
    let gates = [(); 3].map(|()| turning(&backend, &redis, concurrency).start());
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let gate = &gates[sender % gates.len()];
            scope.spawn(move || {
                let mut connection = Connection::to(gate.http());
                for number in 0..EACH {
                    let body = format!(r#"{{"key":"a","n":"{sender}-{number}"}}"#);
                    connection.write(&json(gate, &body).bytes());
                    assert_eq!(connection.answer().status, 202);
                }
            });
        }
    });
    assert_eq!(backend.received().len(), SENDERS * EACH);
    assert_eq!(most.load(Ordering::SeqCst), 2);
    eventually("every permit was given back", || redis.keys().is_empty());
}

#[test]
fn who_has_waited_long_enough_is_told_so_and_comes_next_no_more() {
    let (redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let backend = &turnstile.backend;
    let [one, two] =
        [(); 2].map(|()| turning(backend, &redis, "per_key = 1, wait = \"300ms\"").start());
    let mut first = sent(&one, "a", 1);
    backend.wait_for(1);
    let since = Instant::now();
    is_refused(&send(two.http(), &of_key(&two, "a", 2)));
    assert!(since.elapsed() >= Duration::from_millis(300));
    eventually("nobody waits", || waiting(&redis) == 0);
    // Its place was given up, and did not end by itself.
    let stats = redis.ask(&["INFO", "stats"]);
    assert!(
        stats.lines().any(|line| line == "expired_keys:0"),
        "{stats}"
    );
    turnstile.let_out(2);
    assert_eq!(first.answer().status, 202);
    assert_eq!(send(two.http(), &of_key(&two, "a", 2)).status, 202);
}

#[test]
fn what_a_sender_has_left_while_it_waited_is_delivered_and_leaves_nothing_behind() {
    let (redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let backend = &turnstile.backend;
    let [one, two] =
        [(); 2].map(|()| turning(backend, &redis, "per_key = 1, wait = \"60s\"").start());
    let mut first = sent(&one, "a", 1);
    backend.wait_for(1);
    let gone = sent(&two, "a", 2);
    eventually("it waits", || waiting(&redis) == 1);
    drop(gone);
    turnstile.let_out(2);
    assert_eq!(first.answer().status, 202);
    backend.wait_for(2);
    eventually("every permit was given back", || redis.keys().is_empty());
    turnstile.let_out(1);
    assert_eq!(send(one.http(), &of_key(&one, "a", 3)).status, 202);
}

#[test]
fn the_permit_of_a_gate_that_was_killed_ends_with_its_time() {
    let (redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let (backend, other) = (&turnstile.backend, Backend::accepting());
    let concurrency = "per_key = 1, wait = \"60s\"";
    let next = turning(&other, &redis, concurrency).start();
    let mut seconds = 1;
    // It is killed before its delivery ends by itself: until then its permit is there.
    let ends = found("a gate is killed in time", || {
        let mut killed = turning(backend, &redis, concurrency)
            .with(
                "upstreams.default",
                &format!("total_timeout = \"{seconds}s\""),
            )
            .with("ledger", &format!("claim_timeout = \"{}s\"", seconds + 2))
            .start();
        seconds *= 2;
        let so_far = backend.received().len();
        let _sender = sent(&killed, "a", 1);
        backend.wait_for(so_far + 1);
        killed.kill();
        let keys = redis.keys();
        let permits = keys
            .iter()
            .find(|key| redis.ask(&["TYPE", key]) == "zset")?;
        let permits = redis.ask(&["ZRANGE", permits, "0", "-1", "WITHSCORES"]);
        permits.lines().nth(1)?.parse::<u64>().ok()
    });
    let now = || {
        let time = redis.ask(&["TIME"]);
        let mut parts = time.lines().map(|part| part.parse::<u64>().unwrap());
        parts.next().unwrap() * 1000 + parts.next().unwrap() / 1000
    };
    assert!(
        ends <= now() + 1000 * (seconds / 2 + 2),
        "it lasts longer than its time"
    );
    assert_eq!(send(next.http(), &of_key(&next, "a", 2)).status, 202);
    assert!(now() >= ends, "it was given to two");
    turnstile.let_out(1);
}

#[test]
fn without_redis_each_gate_counts_its_own_or_refuses_as_the_endpoint_says() {
    let (mut redis, turnstile) = (RedisServer::start(), Turnstile::new());
    let backend = &turnstile.backend;
    let closed = "per_key = 1 }\nreplay = { ledger_down = \"closed\"";
    let nothing_told = "per_key = 1 }\nreplay = { key = \"none\"";
    let local = turning(backend, &redis, nothing_told).start();
    let closed = turning(backend, &redis, closed).start();
    redis.kill();
    for gate in [&local, &closed] {
        wait_until_up(gate, false);
    }
    is_unavailable(&send(closed.http(), &of_key(&closed, "a", 1)));
    assert_eq!(closed.metric(REFUSED_ALONE), 1);
    let mut first = sent(&local, "a", 2);
    backend.wait_for(1);
    is_refused(&send(local.http(), &of_key(&local, "a", 3)));
    turnstile.let_out(1);
    assert_eq!(first.answer().status, 202);
    assert_eq!(local.metric(JUDGED_ALONE), 1);
    redis.restart();
    for gate in [&local, &closed] {
        wait_until_up(gate, true);
    }
    turnstile.let_out(2);
    assert_eq!(send(closed.http(), &of_key(&closed, "a", 1)).status, 202);
    assert_eq!(send(local.http(), &of_key(&local, "a", 3)).status, 202);
}

const SENDERS: usize = 12;
const EACH: usize = 10;
