//! Metrics of other modules, which count by themselves. They are read at each scrape.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use super::Stream;
use super::panics::panics;
use crate::deliveries::UnrecordedCounts;
use crate::directory::{DirectoryStats, StoreHealth, StoreState};
use crate::gate::Budget;
use crate::ledger::{FleetLedger, InProcessLedger};
use crate::secrets::CacheStats;
use crate::task::Tasks;

/// The modules that provide counters.
pub struct MetricSources {
    /// The memory budget.
    pub budget: Arc<Budget>,
    /// The cache of keys.
    pub keys: Arc<CacheStats>,
    /// The cache of endpoints.
    pub directory: Arc<DirectoryStats>,
    /// Whether the cached endpoints follow the store.
    pub health: Arc<StoreHealth>,
    /// Whether the last write to the store succeeded.
    pub can_write: Box<dyn Fn() -> bool + Send + Sync>,
    /// Deliveries that were not recorded.
    pub unrecorded: Arc<UnrecordedCounts>,
    /// The ledger of this node.
    pub ledger: Arc<InProcessLedger>,
    /// The ledger that nodes share, if Redis is configured.
    pub fleet: Option<Arc<FleetLedger>>,
    /// The supervised tasks.
    pub tasks: Tasks,
}

impl MetricSources {
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
            counters(
                "portcullis_secret_cache_requests_total",
                "Key look-ups by result: cached, cached and expired but within the grace, loaded, or known not to decrypt.",
                "result",
                &[
                    ("hit", self.keys.hits()),
                    ("grace", self.keys.grace()),
                    ("miss", self.keys.misses()),
                    ("refused", self.keys.refused()),
                ],
            )?,
            counter(
                "portcullis_key_service_calls_total",
                "Decryptions requested from the key service.",
                self.keys.service_calls(),
            )?,
            counters(
                "portcullis_key_service_failures_total",
                "Decryptions that failed, by cause.",
                "kind",
                &self.keys.service_failures().collect::<Vec<_>>(),
            )?,
            gauge(
                "portcullis_key_service_up",
                "0 if the last request to the key service was not answered, 1 otherwise.",
                u64::from(self.keys.service_is_up()),
            )?,
            counters(
                "portcullis_endpoint_lookups_total",
                "Endpoint look-ups by result: cached, read from the store, or known not to exist.",
                "result",
                &[
                    ("hit", self.directory.hits()),
                    ("miss", self.directory.misses()),
                    ("absent", self.directory.absent()),
                ],
            )?,
            gauge(
                "portcullis_store_up",
                "1 while the store answers and its changes are followed; 0 while cached endpoints are used without it, or none are.",
                u64::from(self.health.get() == StoreState::InStep),
            )?,
            gauge(
                "portcullis_store_writable",
                "1 unless the last write to the store failed, for instance on a full disk.",
                u64::from((self.can_write)()),
            )?,
            counters(
                "portcullis_deliveries_unrecorded_total",
                "Deliveries to endpoints without a record: rate (the endpoint had its rows of that second), queue (full), counts (too many endpoints, in no hourly count either).",
                "cause",
                &[
                    ("rate", self.unrecorded.rate()),
                    ("queue", self.unrecorded.queue()),
                    ("counts", self.unrecorded.counts()),
                ],
            )?,
            counter(
                "portcullis_access_log_lines_dropped_total",
                "Access log lines that could not be written. The same as portcullis_log_lines_lost_total{stream=\"stdout\"}.",
                Stream::Stdout.lost_lines(),
            )?,
            counters(
                "portcullis_log_lines_lost_total",
                "Log lines that could not be written: stdout is the access log, stderr the log of the process.",
                "stream",
                &Stream::ALL.map(|stream| (stream.word(), stream.lost_lines())),
            )?,
            counter(
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
                "Bodies in memory.",
                self.budget.bodies(),
            )?,
            gauge(
                "portcullis_body_budget_used_bytes",
                "Memory leased for bodies.",
                self.budget.used(),
            )?,
            gauge(
                "portcullis_memory_leased_bytes",
                "Memory of the budget that is leased for bodies, heads, streams, connections and responses together.",
                self.budget.leased(),
            )?,
            gauge(
                "portcullis_requests_in_flight",
                "Requests whose head was read and whose response is not written yet.",
                self.budget.requests(),
            )?,
            gauge(
                "portcullis_body_budget_bytes",
                "Size of the memory budget.",
                self.budget.total(),
            )?,
            counter(
                "portcullis_bodies_taken_back_total",
                "Bodies that were dropped with 503 while they arrived, to free memory for a sender or endpoint that held less.",
                self.budget.reclaimed(),
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
        families.extend(counters(
            "portcullis_task_restarts_total",
            "Restarts of a background task that panicked or returned.",
            "task",
            &restarts,
        )?);
        Ok(families)
    }

    fn ledger(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let ledger = self.ledger.stats();
        // In a fleet, the answers that deliveries got come from both ledgers.
        let answers = self.fleet.as_ref().map_or(ledger, |fleet| fleet.answers());
        Ok([
            gauge(
                "portcullis_ledger_entries",
                "Entries in the ledger, including expired ones that are not removed yet.",
                ledger.entries(),
            )?,
            gauge(
                "portcullis_ledger_capacity",
                "The most entries that the ledger can hold.",
                self.ledger.capacity() as u64,
            )?,
            counters(
                "portcullis_ledger_claims_total",
                "Claims in the ledger, by result.",
                "result",
                &[
                    ("claimed", answers.claimed()),
                    ("accepted", answers.accepted()),
                    ("in_flight", answers.in_flight()),
                    ("full", answers.full()),
                ],
            )?,
            counters(
                "portcullis_ledger_settlements_total",
                "Settled claims: committed if the backend accepted the delivery, released otherwise.",
                "result",
                &[
                    ("committed", answers.committed()),
                    ("released", answers.released()),
                ],
            )?,
            counter(
                "portcullis_ledger_forgotten_total",
                "Entries that were evicted before they expired, to make room.",
                ledger.forgotten(),
            )?,
        ]
        .into_iter()
        .flatten()
        .collect())
    }
}

/// The metrics of the shared ledger and of Redis.
fn shared(fleet: &FleetLedger) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let redis = fleet.redis().stats();
    let outages = fleet.stats();
    Ok([
        gauge(
            "portcullis_redis_up",
            "1 while Redis can be used, 0 while it cannot be reached.",
            u64::from(redis.is_up()),
        )?,
        counter(
            "portcullis_redis_calls_total",
            "Round trips to Redis.",
            redis.calls(),
        )?,
        counters(
            "portcullis_redis_failures_total",
            "Failures of Redis: refused commands, lost connections, and failed connection attempts.",
            "what",
            &[
                ("refused", redis.refused()),
                ("lost", redis.lost()),
                ("not_connected", redis.not_connected()),
            ],
        )?,
        counters(
            "portcullis_ledger_alone_total",
            "Deliveries while Redis was unavailable: refused (fail-closed), or judged by this node alone (fail-open).",
            "result",
            &[("refused", outages.refused()), ("judged", outages.judged_locally())],
        )?,
        gauge(
            "portcullis_ledger_untold",
            "Settled claims that are not sent to Redis yet.",
            fleet.pending_settlements() as u64,
        )?,
        counter(
            "portcullis_ledger_retold_total",
            "Open signature windows that were sent to Redis again after it lost data.",
            fleet.resent_windows(),
        )?,
        counter(
            "portcullis_ledger_never_told_total",
            "Settled claims and permits that were never sent to Redis, because too many were queued.",
            fleet.dropped_settlements(),
        )?,
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// One counter with one label.
fn counters(
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, u64)],
) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let family = IntCounterVec::new(Opts::new(name, help), &[label])?;
    for (value, count) in values {
        family.with_label_values(&[value]).inc_by(*count);
    }
    Ok(family.collect())
}

fn counter(name: &str, help: &str, count: u64) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    counter.inc_by(count);
    Ok(counter.collect())
}

fn gauge(name: &str, help: &str, value: u64) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    Ok(gauge.collect())
}

impl Collector for MetricSources {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // Names are constants, so an error here is a mistake in this file. Tests read every metric.
        self.families().unwrap_or_default()
    }
}
