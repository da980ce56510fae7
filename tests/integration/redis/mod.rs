//! A ledger that several gates share: real gates, a real Redis, and what becomes of deliveries when it is
//! slow, full, held, killed, or was never there.

mod away;
mod checked;
mod crash;
mod fleet;
mod load;
mod room;
mod secured;
mod trips;
mod turns;

use std::time::{Duration, Instant};

use crate::replays::flight::Door;
use crate::replays::*;
use crate::support::*;

/// A gate of a fleet: its endpoint is proven by a preset, its ledger is in `redis`.
fn node(preset: &str, backend: &Backend, redis: &RedisServer) -> Gate {
    node_with(preset, backend, redis, &[])
}

fn node_with(preset: &str, backend: &Backend, redis: &RedisServer, options: &[&str]) -> Gate {
    // A machine that runs many tests may be slow, and that is not what they are about.
    let patient = "connect_timeout = \"20s\"\nresponse_timeout = \"20s\"";
    let lines = format!("url = \"{}\"\n{patient}", redis.url());
    let gate = Gate::before(backend).with("ledger", &lines);
    with_preset(gate, ID, preset, options)
}

/// The same gate with the time-outs that it has by itself.
fn hasty(gate: Gate, redis: &RedisServer) -> Gate {
    gate.with_only("ledger", &format!("url = \"{}\"", redis.url()))
}

/// Waits until it is so.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "not so after a while: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a gate can use Redis, or cannot.
#[track_caller]
fn wait_until_up(gate: &Gate, up: bool) {
    gate.wait_for_metric(UP, u64::from(up));
}

#[track_caller]
fn is_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.head);
    assert_eq!(answer.text(), r#"{"error":"Temporarily unavailable"}"#);
    assert_eq!(answer.reason(), "ledger_unavailable");
    assert_eq!(answer.header("Retry-After"), "5");
}

const UP: &str = "portcullis_redis_up";
const UNTOLD: &str = "portcullis_ledger_untold";
const RETOLD: &str = "portcullis_ledger_retold_total";
const REFUSED_ALONE: &str = r#"portcullis_ledger_alone_total{result="refused"}"#;
const JUDGED_ALONE: &str = r#"portcullis_ledger_alone_total{result="judged"}"#;
