//! Telemetry for operators: one record for each delivery becomes a log line, metrics, and a recorded delivery.

mod lines;
mod log;
mod metrics;
mod outcome;
mod panics;
mod printable;
mod recording;
mod sources;

pub use self::lines::{LineGuard, LineWriter, Stream};
pub use self::log::AccessLog;
pub use self::metrics::Metrics;
pub use self::outcome::{Outcome, Verdict};
pub use self::panics::log_panics;
pub use self::printable::{escape_bidi, is_bidi_control};
pub use self::sources::MetricSources;
use crate::deliveries::DeliveryRecorder;

/// Receives the outcome of each delivery.
pub struct Telemetry {
    metrics: Metrics,
    log: Option<AccessLog>,
    recorder: Option<DeliveryRecorder>,
}

impl Telemetry {
    /// Without a log, outcomes are only counted.
    pub fn new(metrics: Metrics, log: Option<AccessLog>) -> Self {
        Self {
            metrics,
            log,
            recorder: None,
        }
    }

    /// Records the deliveries to endpoints, too.
    #[must_use]
    pub fn recording_to(self, recorder: DeliveryRecorder) -> Self {
        Self {
            recorder: Some(recorder),
            ..self
        }
    }

    /// Records the outcome of a delivery.
    pub fn record(&self, outcome: &Outcome<'_>) {
        self.metrics.observe(outcome);
        if let Some(log) = &self.log {
            log.write(outcome);
        }
        // Only deliveries to endpoints: a flood at paths that lead nowhere leaves nothing.
        if let (Some(recorder), Some(endpoint)) = (&self.recorder, outcome.endpoint) {
            recording::record(recorder, outcome, endpoint);
        }
    }

    /// The metrics, for the admin listener.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
