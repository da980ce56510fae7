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

use crate::replays::flight::Door;
use crate::replays::*;
use crate::support::*;

/// A gate of a fleet: its endpoint is proven by a preset, its ledger is in `redis`.
fn node(preset: &str, backend: &Backend, redis: &RedisServer) -> Gate {
    node_with(preset, backend, redis, &[])
}

fn node_with(preset: &str, backend: &Backend, redis: &RedisServer, options: &[&str]) -> Gate {
    let lines = format!("url = \"{}\"", redis.url());
    let gate = Gate::before(backend).with("ledger", &lines);
    with_preset(gate, ID, preset, options)
}

/// The same gate, which soon gives up a Redis that does not answer.
///
/// On a busy machine it may do so with a healthy Redis, too, so a test that has such a gate uses [`settled`].
fn hasty(gate: Gate, redis: &RedisServer) -> Gate {
    let short = "connect_timeout = \"2s\"\nresponse_timeout = \"500ms\"";
    gate.with_only("ledger", &format!("url = \"{}\"\n{short}", redis.url()))
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
