//! A node of a fleet, with a million endpoints in PostgreSQL: what a cold one costs, and the memory of a node that
//! has a hundred thousand of them, with their secrets, ready.
//!
//! ```text
//! cargo bench --bench fleet
//! ```
//!
//! The PostgreSQL is the benchmark's own, on this machine, so a network comes on top of what is cold. The key service is
//! the local one: with AWS KMS a cold secret costs a call more.

#[path = "support/fixture.rs"]
#[expect(dead_code, reason = "it is shared with other benchmarks")]
mod fixture;
#[path = "../tests/integration/support/ports.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "it is shared with the tests"
)]
mod ports;
#[path = "../tests/integration/support/postgres.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "it is shared with the tests")]
mod postgres;
#[path = "../tests/integration/support/tls.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "it is shared with the tests")]
mod tls;
#[path = "../tests/integration/support/waiting.rs"]
#[expect(dead_code, reason = "it is shared with the tests")]
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::audit::{Action, Actor, AuditEntry};
use portcullis::auth::Mode;
use portcullis::directory::{Auth, Directory, EndpointChange};
use portcullis::secrets::KeyCache;
use tokio::task::JoinSet;

use self::fixture::{Fixture, definition};
use self::tls::Authority;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    // What `cargo test --benches` wants to know is whether it starts.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let server = postgres::Postgres::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure(&server));
}

async fn measure(server: &postgres::Postgres) {
    let url = server.url_with_password();
    let fixture = Fixture::open_with(&format!("[store]\nurl = \"{url}\"\n")).await;
    let start = Instant::now();
    fill(&fixture, server).await;
    said(
        "writing a million endpoints, and secrets for a tenth",
        start.elapsed(),
    );

    let empty = resident_bytes();
    let start = Instant::now();
    let directory = fixture.directory(HOT).await;
    said("learning their names", start.elapsed());
    let names = resident_bytes().saturating_sub(empty);
    println!("  the names of all take {:.1} MB", mb(names));
    let keys = Arc::new(KeyCache::new(
        fixture.config.keys,
        Arc::clone(&fixture.backends.store) as _,
        Arc::clone(&fixture.backends.key_service),
        Arc::clone(&fixture.backends.clock),
    ));
    let before = resident_bytes();
    let start = Instant::now();
    warm(&directory, &keys).await;
    said(
        "the first delivery of each hot one, 64 at a time",
        start.elapsed(),
    );
    let hot = resident_bytes().saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "they are small")]
    let each = hot as f64 / HOT as f64;
    println!(
        "  {HOT} hot endpoints with their keys take {:.1} MB, {each:.0} bytes each",
        mb(hot)
    );
    println!("  resident in all {:.1} MB", mb(resident_bytes()));

    let start = Instant::now();
    for number in 0..LOOKUPS {
        let path = path(number * 7919 % HOT);
        assert!(directory.find(&path).await.is_ok(), "{path}");
    }
    println!(
        "  a hot look-up takes {:.2} µs",
        per_lookup(start.elapsed())
    );

    let small = fixture.directory(1000).await;
    let start = Instant::now();
    for number in 0..LOOKUPS {
        let path = path(number * 611_953 % ENDPOINTS);
        assert!(small.find(&path).await.is_ok(), "{path}");
    }
    println!(
        "  a cold look-up takes {:.0} µs, one after the other",
        per_lookup(start.elapsed())
    );
}

/// Each of the hot ones once: the endpoint and its key.
async fn warm(directory: &Arc<Directory>, keys: &Arc<KeyCache>) {
    let mut tasks = JoinSet::new();
    for lane in 0..64 {
        let (directory, keys) = (Arc::clone(directory), Arc::clone(keys));
        tasks.spawn(async move {
            for number in (lane..HOT).step_by(64) {
                let found = directory.find(&path(number)).await.expect("an endpoint");
                let Auth::Proof(proof) = &found.endpoint.auth else {
                    panic!("no proof");
                };
                let address = proof.key.as_ref().expect("a secret");
                keys.keys(address).await.expect("a key");
            }
        });
    }
    tasks.join_all().await;
}

/// A million endpoints; the first of them with secrets, written as the program writes them.
async fn fill(fixture: &Fixture, server: &postgres::Postgres) {
    let vault = fixture.backends.vault();
    let actor = Actor::Recorded {
        name: "bench".to_owned(),
        origin: "bench".to_owned(),
    };
    for batch in 0..HOT / BATCH {
        let mut changes = Vec::new();
        let mut secrets = Vec::new();
        for number in batch * BATCH..(batch + 1) * BATCH {
            let definition = definition(&name(number), Mode::Hmac);
            let secret = definition.secret().expect("a secret");
            let first = vault.first_version(&secret, &actor).await;
            secrets.extend(first.expect("a store"));
            let audit = AuditEntry {
                at: fixture.backends.clock.now(),
                actor: actor.clone(),
                action: Action::EndpointCreated,
                subject: definition.id.to_string(),
                detail: String::new(),
            };
            changes.push((EndpointChange::Put(Box::new(definition)), audit));
        }
        let done = fixture.backends.store.change(changes, secrets).await;
        done.expect("a store");
    }
    let text = serde_json::to_string(&definition(TEMPLATE, Mode::Hmac)).expect("a definition");
    // The server's own connection waits on a runtime of its own.
    tokio::task::block_in_place(|| {
        server.run(&format!(
        "INSERT INTO endpoints (id, organisation, workspace, definition, secret, created_ms, updated_ms) \
         SELECT 'workflows/' || name, 'acme', 'main', replace('{text}', '{TEMPLATE}', name), \
         'workflows/' || name || '#webhook', 0, 0 FROM (SELECT 'bench-' || lpad(n::text, 7, '0') AS name \
         FROM generate_series({HOT}, {ENDPOINTS} - 1) AS n) AS names"
    ));
        server.as_admin("gate", "ANALYZE");
    });
}

fn name(number: u64) -> String {
    format!("bench-{number:07}")
}

fn path(number: u64) -> String {
    format!("/webhooks/ai/workflows/{}", name(number))
}

fn said(what: &str, took: Duration) {
    println!("{what}: {:.1} s", took.as_secs_f64());
}

fn per_lookup(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6 / f64::from(u32::try_from(LOOKUPS).unwrap_or(u32::MAX))
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[expect(clippy::cast_precision_loss, reason = "it is shown to one digit")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

const ENDPOINTS: u64 = 1_000_000;
const HOT: u64 = 100_000;
const BATCH: u64 = 1000;
const LOOKUPS: u64 = 20_000;
const TEMPLATE: &str = "a-template";
