//! Telemetry for operators: one record for each delivery becomes a log line and metrics.

mod lines;
mod log;
mod metrics;
mod outcome;
mod panics;
mod printable;
mod sources;

pub use self::lines::{LineGuard, LineWriter, Stream};
pub use self::log::AccessLog;
pub use self::metrics::Metrics;
pub use self::outcome::{Outcome, Verdict};
pub use self::panics::log_panics;
pub use self::printable::{escape_bidi, is_bidi_control};
pub use self::sources::MetricSources;

/// Receives the outcome of each delivery.
pub struct Telemetry {
    metrics: Metrics,
    log: Option<AccessLog>,
}

impl Telemetry {
    /// Without a log, outcomes are only counted.
    pub fn new(metrics: Metrics, log: Option<AccessLog>) -> Self {
        Self { metrics, log }
    }

    /// Records the outcome of a delivery.
    pub fn record(&self, outcome: &Outcome<'_>) {
        self.metrics.observe(outcome);
        if let Some(log) = &self.log {
            log.write(outcome);
        }
    }

    /// The metrics, for the admin listener.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
