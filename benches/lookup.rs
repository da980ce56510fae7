//! The look-up among a million endpoints.
//!
//! ```text
//! cargo bench --bench lookup
//! ```
//!
//! `hot` are endpoints that are in memory, `cold` are those that exist and have to be read from the store,
//! `unknown` are names that somebody invented: the filter over all names turns almost all of them away.

#[path = "support/fixture.rs"]
mod fixture;

use std::time::{Duration, Instant};

use criterion::Criterion;
use portcullis::auth::Mode;
use portcullis::directory::Directory;
use sqlx::{Connection, SqliteConnection};
use tokio::runtime::Runtime;

use self::fixture::{Fixture, definition};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let fixture = runtime.block_on(Fixture::open());
    told("inserting them took", || runtime.block_on(fill(&fixture)));
    let usual = fixture.config.directory.cache_capacity;
    let directory = told("learning their names took", || {
        runtime.block_on(fixture.directory(usual))
    });
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .nresamples(2000)
        .configure_from_args();

    let hot: Vec<String> = (0..HOT).map(|n| path(n * (ENDPOINTS / HOT))).collect();
    measure(&mut criterion, "hot", &runtime, &directory, &hot, true);
    let unknown: Vec<String> = (0..UNKNOWN).map(|n| format!("{}x", path(n))).collect();
    measure(
        &mut criterion,
        "unknown",
        &runtime,
        &directory,
        &unknown,
        false,
    );

    // Far apart from each other, and never twice before all the others: no cache of this size helps.
    let directory = runtime.block_on(fixture.directory(HOT));
    let cold: Vec<String> = (0..ENDPOINTS)
        .map(|n| path(n * 611_953 % ENDPOINTS))
        .collect();
    measure(&mut criterion, "cold", &runtime, &directory, &cold, true);
    criterion.final_summary();
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    runtime: &Runtime,
    directory: &Directory,
    paths: &[String],
    known: bool,
) {
    let mut next = paths.iter().cycle();
    let mut lookups = 0;
    let reads_before = directory.stats().misses();
    criterion.bench_function(&format!("lookup/{name}"), |bencher| {
        bencher.iter_custom(|times| {
            lookups += times;
            runtime.block_on(async {
                let start = Instant::now();
                for path in next.by_ref().take(usize::try_from(times).expect("a count")) {
                    assert_eq!(directory.find(path).await.is_ok(), known, "{path}");
                }
                start.elapsed()
            })
        });
    });
    let reads = directory.stats().misses() - reads_before;
    println!("{name}: {reads} reads of the store for {lookups} look-ups");
}

/// A million endpoints, in one transaction: what the store writes for one, so often.
async fn fill(fixture: &Fixture) {
    let definition = definition(TEMPLATE, Mode::Hmac);
    let text = serde_json::to_string(&definition).expect("a definition");
    let file = &fixture.config.store;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{file}"))
        .await
        .expect("the store");
    sqlx::query(
        "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?1) \
         INSERT INTO endpoints (id, organisation, workspace, definition, created_ms, updated_ms) \
         SELECT 'workflows/' || name, 'acme', 'main', replace(?2, ?3, name), 0, 0 \
         FROM (SELECT printf('bench-%07d', n) AS name FROM numbers)",
    )
    .bind(i64::try_from(ENDPOINTS).expect("a count"))
    .bind(text)
    .bind(TEMPLATE)
    .execute(&mut connection)
    .await
    .expect("a million rows");
    let known = fixture
        .backends
        .store
        .endpoint("workflows/bench-0000007")
        .await;
    let expected = fixture::definition("bench-0000007", Mode::Hmac);
    assert_eq!(known.expect("the store"), Some(expected));
}

fn path(number: u64) -> String {
    format!("/webhooks/ai/workflows/bench-{number:07}")
}

fn told<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!(
        "{ENDPOINTS} endpoints: {what} {:.1} s",
        start.elapsed().as_secs_f64()
    );
    result
}

const ENDPOINTS: u64 = 1_000_000;
const HOT: u64 = 1000;
const TEMPLATE: &str = "a-template";
const UNKNOWN: u64 = 200_000;
