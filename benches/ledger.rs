//! The ledger with a million entries: its memory, and what a delivery pays for it.
//!
//! ```text
//! cargo bench --bench ledger
//! ```
//!
//! The floor is a hash map of the standard library with the same keys, which remembers for ever, forgets
//! nothing, and is used by one thread without a lock: put in for a claim, changed for a commit. Rounds are
//! interleaved; only the ratios of one run mean anything. `full` is a ledger in which every claim has to
//! make room first.
//!
//! After that, what nodes share: a Redis of the benchmark's own on this machine, beside the same ledger in
//! memory, in the same rounds. `claimed` is what a delivery waits for before it goes to the backend; what comes
//! after the answer nobody waits for, but it takes its share of the processor.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use portcullis::clock::{Clock, SystemClock};
use portcullis::ledger::{
    BYTES_PER_ENTRY, Entries, Entry, EntryKind, FleetLedger, InProcessLedger, Key, KeyPrefix,
    Ledger, LedgerClaim, RedisLedger, Retention,
};
use portcullis::redis::RedisSettings;
use portcullis::task::Tasks;
use tokio::runtime::Runtime;

#[path = "../tests/integration/support/ports.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "it is shared with the tests"
)]
mod ports;
#[path = "../tests/integration/support/redis.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "it is shared with the tests"
)]
mod redis;
#[path = "../tests/integration/support/waiting.rs"]
#[expect(dead_code, reason = "it is shared with the tests")]
mod waiting;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    // What `cargo test --benches` wants to know is whether it starts.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    memory(&runtime);
    let mut rounds: Vec<[f64; 4]> = Vec::new();
    for round in 0..ROUNDS {
        rounds.push(times(&runtime, round));
    }
    let [floor, empty, full, keys] = [0, 1, 2, 3].map(|column| median(&rounds, column));
    println!("\n{ROUNDS} rounds of {ENTRIES}, ns each, the median");
    println!("  a key (SHA-256 over an endpoint and an id)  {keys:>7.0}");
    println!("  floor: hash map, insert and change          {floor:>7.0}");
    println!(
        "  ledger: claim and commit                    {empty:>7.0}  {:.2} of the floor",
        empty / floor
    );
    println!(
        "  ledger, full: make room, claim and commit   {full:>7.0}  {:.2} of the floor",
        full / floor
    );
    if std::process::Command::new("redis-server")
        .arg("--version")
        .output()
        .is_ok()
    {
        shared();
    } else {
        println!(
            "\n*** NOT MEASURED: there is no redis-server here; `scripts/prepare test` installs it ***"
        );
    }
}

/// The memory that nodes share, beside that of a node.
fn shared() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let server = redis::RedisServer::start();
    let _inside = runtime.enter();
    let own = || Arc::new(InProcessLedger::new(ENTRIES, Arc::new(SystemClock)));
    let far = RedisLedger::new(
        settings(&server),
        KeyPrefix::default(),
        Arc::new(SystemClock),
        &Tasks::default(),
    );
    runtime.block_on(far.redis().ready()).expect("a Redis");
    let ledgers: [(&str, Arc<dyn Ledger>); 2] = [
        ("in memory", own()),
        (
            "in memory and in Redis",
            Arc::new(FleetLedger::new(own(), far)),
        ),
    ];
    println!("\n{ROUNDS} rounds of {SHARED} deliveries, the median");
    let mut rounds = vec![Vec::new(); ledgers.len() * 2];
    for round in 0..ROUNDS {
        for (place, (_, ledger)) in ledgers.iter().enumerate() {
            let keys = |half: usize| some_keys(2 * round + half, SHARED);
            let alone = runtime.block_on(one_at_a_time(ledger, &keys(0)));
            let together = runtime.block_on(many_at_a_time(ledger, &keys(1)));
            for (column, took) in [alone, together].into_iter().enumerate() {
                if let Some(rounds) = rounds.get_mut(2 * place + column) {
                    rounds.push(took.as_secs_f64());
                }
            }
        }
    }
    for ((name, _), medians) in ledgers.iter().zip(rounds.chunks_mut(2)) {
        let [alone, together] = [0, 1].map(|column| {
            let rounds = medians.get_mut(column).expect("two columns");
            rounds.sort_by(f64::total_cmp);
            rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
        });
        println!(
            "  {name:<24} one at a time: claimed in {:>7.2} µs; {TOGETHER} at a time: {:>8.0} deliveries a second",
            alone * 1e6 / per(SHARED, 1),
            per(SHARED, 1) / together
        );
    }
    let calls = server.calls("evalsha");
    println!(
        "  {} round trips for {} deliveries",
        calls,
        2 * ROUNDS * SHARED
    );
}

/// The time that is waited for claims alone.
async fn one_at_a_time(ledger: &Arc<dyn Ledger>, keys: &[Key]) -> Duration {
    let clock = SystemClock;
    let mut waited = Duration::ZERO;
    for key in keys {
        let entries = entries(*key, clock.now());
        let start = Instant::now();
        let held = LedgerClaim::claim(ledger, entries, LEASE).await;
        waited += start.elapsed();
        let held = held.expect("an answer").expect("a new delivery");
        held.settle(true).await.expect("room");
    }
    waited
}

/// The time that all of it takes.
async fn many_at_a_time(ledger: &Arc<dyn Ledger>, keys: &[Key]) -> Duration {
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for keys in keys.chunks(keys.len().div_ceil(TOGETHER)) {
        let (ledger, keys) = (Arc::clone(ledger), keys.to_vec());
        tasks.spawn(async move {
            for key in keys {
                let entries = entries(key, SystemClock.now());
                let held = LedgerClaim::claim(&ledger, entries, LEASE).await;
                let held = held.expect("an answer").expect("a new delivery");
                held.settle(true).await.expect("room");
            }
        });
    }
    tasks.join_all().await;
    start.elapsed()
}

fn settings(server: &redis::RedisServer) -> RedisSettings {
    RedisSettings {
        host: "127.0.0.1".to_owned(),
        port: server.address().port(),
        tls: None,
        user: None,
        password: None,
        database: 0,
        connect_timeout: Duration::from_secs(2),
        response_timeout: Duration::from_secs(2),
    }
}

/// What a ledger takes, in the program's own words and in the system's.
fn memory(runtime: &Runtime) {
    let keys = keys(0);
    let before = resident_bytes();
    let ledger = ledger();
    let allocated = ledger.bytes();
    let empty = resident_bytes().saturating_sub(before);
    runtime.block_on(fill(&ledger, &keys));
    let full = resident_bytes().saturating_sub(before);
    let entries = ledger.stats().entries();
    println!("a ledger for {ENTRIES} entries of at most {BYTES_PER_ENTRY} bytes");
    println!(
        "  allocated           {:>6.1} MB  {:>5.1} bytes an entry",
        mb(allocated),
        per(allocated, ENTRIES)
    );
    println!("  resident when empty {:>6.1} MB", mb(empty));
    println!(
        "  resident when full  {:>6.1} MB  {:>5.1} bytes an entry; {entries} entries, {} forgotten to make room",
        mb(full),
        per(full, ENTRIES),
        ledger.stats().forgotten(),
    );
}

/// One round: the floor, an empty ledger, a full one, and the keys.
fn times(runtime: &Runtime, round: usize) -> [f64; 4] {
    let start = Instant::now();
    let first = keys(2 * round);
    let keys_took = start.elapsed();
    let second = keys(2 * round + 1);

    let mut floor: HashMap<Key, (u32, u32)> = HashMap::with_capacity(ENTRIES);
    let start = Instant::now();
    for key in &first {
        floor.insert(*key, (1, 0));
        if let Some(slot) = floor.get_mut(key) {
            *slot = black_box((2, 1));
        }
    }
    let floor_took = start.elapsed();
    drop(black_box(floor));

    let ledger = ledger();
    let start = Instant::now();
    runtime.block_on(fill(&ledger, &first));
    let empty_took = start.elapsed();
    let start = Instant::now();
    runtime.block_on(fill(&ledger, &second));
    [floor_took, empty_took, start.elapsed(), keys_took].map(each)
}

fn ledger() -> Arc<InProcessLedger> {
    Arc::new(InProcessLedger::new(ENTRIES, Arc::new(SystemClock)))
}

/// What the gate and the proxy do with a delivery, through the trait as they do.
async fn fill(ledger: &Arc<InProcessLedger>, keys: &[Key]) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger: Arc<dyn Ledger> = Arc::clone(ledger) as _;
    for key in keys {
        let entries = entries(*key, clock.now());
        let held = LedgerClaim::claim(&ledger, entries, LEASE).await;
        let held = held.expect("room").expect("a new delivery");
        held.settle(true).await.expect("room");
    }
}

fn entries(key: Key, now: Timestamp) -> Entries {
    let keep = Retention::Evictable(now + SignedDuration::from_hours(24));
    Entries::from([
        Some(Entry { key, keep }),
        None,
        None,
        None,
        None,
        None,
        None,
    ])
}

fn keys(series: usize) -> Vec<Key> {
    some_keys(series, ENTRIES)
}

fn some_keys(series: usize, many: usize) -> Vec<Key> {
    (0..many)
        .map(|number| {
            let id = format!("72d3162e-cc78-{series:04x}-81ab-{number:012x}");
            Key::of("workflows/pr-bot", EntryKind::SignedId, &[id.as_bytes()])
        })
        .collect()
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0_usize) * 1024
}

fn median(rounds: &[[f64; 4]], column: usize) -> f64 {
    let mut values: Vec<f64> = rounds
        .iter()
        .filter_map(|round| round.get(column).copied())
        .collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per(bytes: usize, entries: usize) -> f64 {
    bytes as f64 / entries as f64
}

fn mb(bytes: usize) -> f64 {
    per(bytes, 1_000_000)
}

fn each(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9 / per(ENTRIES, 1)
}

const ENTRIES: usize = 1_000_000;
const LEASE: Duration = Duration::from_secs(38);
const ROUNDS: usize = 5;
/// Deliveries in a round over a socket.
const SHARED: usize = 20_000;
/// Deliveries that are under way together.
const TOGETHER: usize = 64;
