//! The gate without sockets: the whole decision, from a request in memory to the admitted delivery.
//!
//! ```text
//! cargo bench --bench gate
//! ```
//!
//! Endpoints and secrets come from a real store and a real key file; both are warm, as they are for all
//! but the first delivery. A body is copied once, from the source into its own buffer, as from a socket.

#[path = "support/delivery.rs"]
mod delivery;
#[path = "support/fixture.rs"]
mod fixture;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use http::Method;
use jiff::SignedDuration;
use portcullis::audit::{Action, Actor, AuditEntry};
use portcullis::auth::{Mode, Scheme};
use portcullis::directory::EndpointChange;
use portcullis::gate::{BodyError, BodySource, Budget, Caches, Gate, Request};
use portcullis::ledger::InProcessLedger;
use portcullis::outbound::Outbound;
use portcullis::secrets::{KeyCache, Secret, SecretRef};
use tokio::runtime::Runtime;

use self::delivery::{Delivery, PIECE, SECRET, SIZES};
use self::fixture::{Fixture, definition};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .nresamples(2000)
        .configure_from_args();
    let fixture = runtime.block_on(Fixture::open());
    let gate = runtime.block_on(gate(&fixture));
    admitted(&mut criterion, &runtime, &gate);
    refused(&mut criterion, &runtime, &gate);
    criterion.final_summary();
}

fn admitted(criterion: &mut Criterion, runtime: &Runtime, gate: &Gate) {
    let mut group = criterion.benchmark_group("admitted");
    for mode in MODES {
        let scheme = scheme_of(mode);
        for (name, size) in SIZES {
            let delivery = Delivery::proven(&scheme, size);
            let sent = PreparedDelivery::to(mode.word(), &delivery);
            group.throughput(Throughput::Bytes(delivery.body.len() as u64));
            group.bench_function(BenchmarkId::new(mode.word(), name), |bencher| {
                bencher.iter_custom(|times| runtime.block_on(judge(gate, &sent, times, true)));
            });
        }
    }
    group.finish();
}

/// None of these reads a body.
fn refused(criterion: &mut Criterion, runtime: &Runtime, gate: &Gate) {
    let mut group = criterion.benchmark_group("refused");
    let scheme = scheme_of(Mode::Bearer);
    let bearer = Delivery::proven(&scheme, 8 * 1024);
    let mut forged = Delivery::proven(&scheme, 8 * 1024);
    let value = "Bearer not-the-token".parse().expect("a value");
    forged.headers.insert("authorization", value);
    for (case, workflow, delivery) in [
        ("no such endpoint", "nobody", &bearer),
        ("no signature", Mode::Hmac.word(), &bearer),
        ("wrong token", Mode::Bearer.word(), &forged),
    ] {
        let sent = PreparedDelivery::to(workflow, delivery);
        group.bench_function(case, |bencher| {
            bencher.iter_custom(|times| runtime.block_on(judge(gate, &sent, times, false)));
        });
    }
    group.finish();
}

async fn judge(gate: &Gate, sent: &PreparedDelivery<'_>, times: u64, admitted: bool) -> Duration {
    let request = Request {
        method: &Method::POST,
        path: &sent.path,
        query: None,
        headers: &sent.delivery.headers,
    };
    let start = Instant::now();
    for _ in 0..times {
        let mut body = InMemory {
            bytes: &sent.delivery.body,
            read: 0,
        };
        let judgement = gate.judge(&request, &mut body).await;
        assert_eq!(
            judgement.verdict.is_ok(),
            admitted,
            "{:?}",
            judgement.verdict
        );
    }
    start.elapsed()
}

/// A delivery on its way to a workflow.
struct PreparedDelivery<'d> {
    path: String,
    delivery: &'d Delivery,
}

impl<'d> PreparedDelivery<'d> {
    fn to(workflow: &str, delivery: &'d Delivery) -> Self {
        Self {
            path: format!("/webhooks/ai/workflows/{workflow}"),
            delivery,
        }
    }
}

/// A body that is there already, and comes in pieces all the same.
struct InMemory<'b> {
    bytes: &'b [u8],
    read: usize,
}

impl BodySource for InMemory<'_> {
    fn announced_len(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        Ok(())
    }

    async fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<usize, BodyError> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let piece = rest.get(..room.min(PIECE)).unwrap_or(rest);
        into.extend_from_slice(piece);
        self.read += piece.len();
        Ok(piece.len())
    }
}

/// A gate with an endpoint for every mode, called after it.
async fn gate(fixture: &Fixture) -> Gate {
    let backends = &fixture.backends;
    for mode in MODES {
        let definition = definition(mode.word(), mode);
        let id = definition.id.to_string();
        let entry = entry(fixture, &id);
        let secret = SecretRef::new(&id, "webhook").expect("an address");
        let value = Secret::new(SECRET.to_vec());
        let vault = backends.vault();
        let set = vault.set(&secret, &value, SignedDuration::ZERO, &entry.actor);
        set.await.expect("a secret");
        let change = EndpointChange::Put(Box::new(definition));
        let change = backends.store.change(vec![(change, entry)], Vec::new());
        change.await.expect("an endpoint");
    }
    let keys = KeyCache::new(
        fixture.config.keys,
        Arc::clone(&backends.store) as _,
        Arc::clone(&backends.key_service),
        Arc::clone(&backends.clock),
    );
    Gate::new(
        fixture.config.gate.clone(),
        Caches {
            directory: fixture
                .directory(fixture.config.directory.cache_capacity)
                .await,
            keys: Arc::new(keys),
            tokens: fixture.tokens(),
        },
        Arc::new(InProcessLedger::new(
            fixture.config.ledger.capacity,
            Arc::clone(&backends.clock),
        )),
        Arc::new(Outbound::new(
            fixture.config.outbound.clone(),
            Arc::clone(&fixture.backends.clock),
        )),
        Budget::new(fixture.config.body_budget_bytes),
        Arc::clone(&backends.clock),
    )
}

fn entry(fixture: &Fixture, subject: &str) -> AuditEntry {
    AuditEntry {
        at: fixture.backends.clock.now(),
        actor: Actor::Recorded {
            name: "bench".to_owned(),
            origin: "bench".to_owned(),
        },
        action: Action::EndpointCreated,
        subject: subject.to_owned(),
        detail: String::new(),
    }
}

const MODES: [Mode; 4] = [Mode::Hmac, Mode::Secret, Mode::Bearer, Mode::ApiKey];

fn scheme_of(mode: Mode) -> Scheme {
    let scheme = portcullis::directory::AuthDefinition::of(mode)
        .compiled()
        .expect("a scheme");
    scheme.expect("a mode with a proof")
}
