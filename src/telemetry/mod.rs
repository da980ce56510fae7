//! What SREs see: one record a delivery, as a line of the log and as numbers.

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
pub use self::sources::Sources;

/// Where outcomes go.
pub struct Telemetry {
    metrics: Metrics,
    log: Option<AccessLog>,
}

impl Telemetry {
    /// Telemetry that counts, and that writes a line a delivery if there is a log.
    pub fn new(metrics: Metrics, log: Option<AccessLog>) -> Self {
        Self { metrics, log }
    }

    /// Records what became of a delivery.
    pub fn record(&self, outcome: &Outcome<'_>) {
        self.metrics.observe(outcome);
        if let Some(log) = &self.log {
            log.write(outcome);
        }
    }

    /// The numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
