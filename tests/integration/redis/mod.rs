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

/// Two gates of a fleet, with one store. An endpoint of another store is another creation of it, so ids do not count there.
fn twins(one: Gate, backend: &Backend, redis: &RedisServer) -> [Gate; 2] {
    let two = if std::env::var_os("PORTCULLIS_TEST_STORE").is_some() {
        one.beside(backend)
    } else {
        let file = |name: &str| one.folder().join(name).display().to_string();
        let (store, key) = (file("portcullis.db"), file("portcullis.key"));
        Gate::before(backend)
            .with("store", &format!("path = \"{store}\""))
            .with("secrets", &format!("key_file = \"{key}\""))
    };
    let two = two.with("ledger", &format!("url = \"{}\"", redis.url()));
    [one.start(), two.start()]
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
