//! What other parts of the process count by themselves: read when somebody looks.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use super::Stream;
use super::panics::panics;
use crate::directory::{DirectoryStats, Standing, StandingNow};
use crate::gate::Budget;
use crate::ledger::{Fleet, InProcess};
use crate::secrets::CacheStats;
use crate::task::Tasks;

/// The parts.
pub struct Sources {
    /// The memory for bodies.
    pub budget: Arc<Budget>,
    /// The keys.
    pub keys: Arc<CacheStats>,
    /// The endpoints.
    pub directory: Arc<DirectoryStats>,
    /// How they stand to the store.
    pub standing: Arc<StandingNow>,
    /// Whether the last write to the store succeeded.
    pub can_write: Box<dyn Fn() -> bool + Send + Sync>,
    /// The deliveries that this node remembers.
    pub ledger: Arc<InProcess>,
    /// The memory that it shares with others, if it does.
    pub fleet: Option<Arc<Fleet>>,
    /// The background tasks.
    pub tasks: Tasks,
}

impl Sources {
    fn families(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let build = IntGaugeVec::new(
            Opts::new("portcullis_build_info", "Always 1; the version is a label."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok([
            build.collect(),
            self.ledger()?,
            self.fleet
                .as_deref()
                .map(shared)
                .transpose()?
                .unwrap_or_default(),
            self.memory()?,
            by(
                "portcullis_secret_cache_requests_total",
                "Look-ups of keys: in memory, in memory past their time, loaded, or known not to open.",
                "result",
                &[
                    ("hit", self.keys.hits()),
                    ("grace", self.keys.grace()),
                    ("miss", self.keys.misses()),
                    ("refused", self.keys.refused()),
                ],
            )?,
            one(
                "portcullis_key_service_calls_total",
                "Secrets that the key service was asked to decrypt.",
                self.keys.service_calls(),
            )?,
            by(
                "portcullis_key_service_failures_total",
                "Secrets that the key service did not decrypt, by why.",
                "kind",
                &self.keys.service_failures().collect::<Vec<_>>(),
            )?,
            gauge(
                "portcullis_key_service_up",
                "Whether the key service answered when it was asked last.",
                u64::from(self.keys.service_is_up()),
            )?,
            by(
                "portcullis_endpoint_lookups_total",
                "Look-ups of endpoints: in memory, read from the store, or known not to exist.",
                "result",
                &[
                    ("hit", self.directory.hits()),
                    ("miss", self.directory.misses()),
                    ("absent", self.directory.absent()),
                ],
            )?,
            gauge(
                "portcullis_store_up",
                "1 while the store answers and its changes are followed; 0 while known endpoints go on without it, or none does.",
                u64::from(self.standing.get() == Standing::InStep),
            )?,
            gauge(
                "portcullis_store_writable",
                "1 unless the last write to the store failed, as on a full disk.",
                u64::from((self.can_write)()),
            )?,
            one(
                "portcullis_access_log_lines_dropped_total",
                "Lines of the access log that could not be written. The same as portcullis_log_lines_lost_total{stream=\"stdout\"}.",
                Stream::Stdout.lost_lines(),
            )?,
            by(
                "portcullis_log_lines_lost_total",
                "Lines that could not be written: stdout has the access log, stderr what the process says about itself.",
                "stream",
                &Stream::ALL.map(|stream| (stream.word(), stream.lost_lines())),
            )?,
            one(
                "portcullis_panics_total",
                "Panics of background tasks and connections. Each is a bug; the log says where.",
                panics(),
            )?,
            self.tasks()?,
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    fn memory(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        Ok([
            gauge(
                "portcullis_bodies_in_flight",
                "Bodies that are held in memory.",
                self.budget.bodies(),
            )?,
            gauge(
                "portcullis_body_budget_used_bytes",
                "Memory that is leased for bodies.",
                self.budget.used(),
            )?,
            gauge(
                "portcullis_memory_leased_bytes",
                "Memory of the same budget that is leased for anything: bodies, heads, streams, connections, responses.",
                self.budget.leased(),
            )?,
            gauge(
                "portcullis_requests_in_flight",
                "Requests whose head was read and whose response was not written yet.",
                self.budget.requests(),
            )?,
            gauge(
                "portcullis_body_budget_bytes",
                "Memory that there is for bodies.",
                self.budget.total(),
            )?,
            one(
                "portcullis_bodies_taken_back_total",
                "Bodies that were given up with 503 while they came, for a sender or an endpoint that held less memory.",
                self.budget.taken_back(),
            )?,
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    fn tasks(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let reports = self.tasks.reports();
        let restarts: Vec<_> = reports.iter().map(|it| (it.name, it.restarts)).collect();
        let up = IntGaugeVec::new(
            Opts::new(
                "portcullis_task_up",
                "1 while a background task runs and makes progress, 0 while it does not.",
            ),
            &["task"],
        )?;
        for report in &reports {
            up.with_label_values(&[report.name])
                .set(i64::from(report.up));
        }
        let mut families = up.collect();
        families.extend(by(
            "portcullis_task_restarts_total",
            "Restarts of a background task that panicked or returned.",
            "task",
            &restarts,
        )?);
        Ok(families)
    }

    fn ledger(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let ledger = self.ledger.stats();
        // What deliveries were told.
        let answers = self.fleet.as_ref().map_or(ledger, |fleet| fleet.answers());
        Ok([
            gauge(
                "portcullis_ledger_entries",
                "Deliveries that are remembered, and those that nobody has cleared away yet.",
                ledger.entries(),
            )?,
            gauge(
                "portcullis_ledger_capacity",
                "Entries that there is room for.",
                self.ledger.capacity() as u64,
            )?,
            by(
                "portcullis_ledger_claims_total",
                "Deliveries that the ledger was asked for, by what it knew.",
                "result",
                &[
                    ("claimed", answers.claimed()),
                    ("accepted", answers.accepted()),
                    ("in_flight", answers.in_flight()),
                    ("full", answers.full()),
                ],
            )?,
            by(
                "portcullis_ledger_settlements_total",
                "Claims that ended, by whether the backend had accepted the delivery.",
                "result",
                &[
                    ("committed", answers.committed()),
                    ("released", answers.released()),
                ],
            )?,
            one(
                "portcullis_ledger_forgotten_total",
                "Entries that were forgotten before their time, to make room.",
                ledger.forgotten(),
            )?,
        ]
        .into_iter()
        .flatten()
        .collect())
    }
}

/// What there is to say about a memory that is shared, and about nothing else.
fn shared(fleet: &Fleet) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let redis = fleet.redis().stats();
    let alone = fleet.stats();
    Ok([
        gauge(
            "portcullis_redis_up",
            "1 if Redis can be used, and 0 while it is out of reach.",
            u64::from(redis.is_up()),
        )?,
        one(
            "portcullis_redis_calls_total",
            "Round trips to Redis.",
            redis.calls(),
        )?,
        by(
            "portcullis_redis_failures_total",
            "What Redis refused; connections to it that were lost, and that did not come about.",
            "what",
            &[
                ("refused", redis.refused()),
                ("lost", redis.lost()),
                ("not_connected", redis.not_connected()),
            ],
        )?,
        by(
            "portcullis_ledger_alone_total",
            "Deliveries for which Redis could not be asked: refused, or judged by this node alone.",
            "result",
            &[("refused", alone.refused()), ("judged", alone.judged())],
        )?,
        gauge(
            "portcullis_ledger_untold",
            "Claims that ended and that Redis has yet to be told about.",
            fleet.untold() as u64,
        )?,
        one(
            "portcullis_ledger_retold_total",
            "Open windows of signatures that Redis was told of again, after a loss.",
            fleet.retold(),
        )?,
        one(
            "portcullis_ledger_never_told_total",
            "Claims and permits that ended and that Redis was never told about, because too many waited.",
            fleet.never_told(),
        )?,
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// Counts, each under a value of one label.
fn by(
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, u64)],
) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let vec = IntCounterVec::new(Opts::new(name, help), &[label])?;
    for (value, count) in values {
        vec.with_label_values(&[value]).inc_by(*count);
    }
    Ok(vec.collect())
}

fn one(name: &str, help: &str, count: u64) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    counter.inc_by(count);
    Ok(counter.collect())
}

fn gauge(name: &str, help: &str, value: u64) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    Ok(gauge.collect())
}

impl Collector for Sources {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The names are constants, so a failure here is one of this file, and tests read it all.
        self.families().unwrap_or_default()
    }
}
