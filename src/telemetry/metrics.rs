//! The Prometheus metrics of deliveries.
//!
//! Label values come from closed lists and from the configuration, never from a sender. No request can create a new
//! series.

use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

use super::{MetricSources, Outcome};

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    deliveries: IntCounterVec,
    backend_responses: IntCounterVec,
    proofs: IntCounterVec,
    receive: Histogram,
    verify: Histogram,
    backend: Histogram,
    total: Histogram,
    body_bytes: Histogram,
    connections: IntGauge,
    tls_handshake_failures: IntCounter,
}

impl Metrics {
    /// Registers the metrics of deliveries, of `sources` and of the process.
    pub fn new(sources: MetricSources) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let seconds = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            register(&registry, Histogram::with_opts(options)?)
        };
        let deliveries = register(
            &registry,
            IntCounterVec::new(
                Opts::new(
                    "portcullis_deliveries_total",
                    "Deliveries by route, mode of the endpoint, outcome (admitted, handshake, ignored, refused, failed) and reason.",
                ),
                &["route", "mode", "outcome", "reason"],
            )?,
        )?;
        let backend_responses = register(
            &registry,
            IntCounterVec::new(
                Opts::new(
                    "portcullis_backend_responses_total",
                    "Backend responses to admitted deliveries, by upstream and status class.",
                ),
                &["upstream", "class"],
            )?,
        )?;
        let proofs = register(
            &registry,
            IntCounterVec::new(
                Opts::new(
                    "portcullis_proofs_total",
                    "Admitted deliveries that a secret proved, by version: current, or previous during the overlap of a rotation.",
                ),
                &["secret"],
            )?,
        )?;
        let body_bytes = register(
            &registry,
            Histogram::with_opts(
                HistogramOpts::new(
                    "portcullis_body_bytes",
                    "Size of bodies that arrived completely.",
                )
                .buckets(BYTES.to_vec()),
            )?,
        )?;
        let metrics = Self {
            receive: seconds(
                "portcullis_receive_seconds",
                "Time from the end of the head to the last byte of the body.",
            )?,
            verify: seconds(
                "portcullis_verify_seconds",
                "Time from the last byte of the body to the verdict.",
            )?,
            backend: seconds(
                "portcullis_backend_seconds",
                "Time from the verdict to the end of the backend's response.",
            )?,
            total: seconds(
                "portcullis_delivery_seconds",
                "Time from the end of the head to the end of the response.",
            )?,
            connections: register(
                &registry,
                IntGauge::new("portcullis_connections", "Open sender connections.")?,
            )?,
            tls_handshake_failures: register(
                &registry,
                IntCounter::new(
                    "portcullis_tls_handshake_failures_total",
                    "Sender connections whose TLS handshake failed or timed out.",
                )?,
            )?,
            deliveries,
            backend_responses,
            proofs,
            body_bytes,
            registry,
        };
        metrics.registry.register(Box::new(sources))?;
        let process = prometheus::process_collector::ProcessCollector::for_self();
        metrics.registry.register(Box::new(process))?;
        Ok(metrics)
    }

    /// Counts a delivery and records its durations.
    pub(super) fn observe(&self, outcome: &Outcome<'_>) {
        let mode = outcome.mode.unwrap_or("unknown");
        let (kind, reason) = (outcome.verdict.outcome(), outcome.verdict.reason());
        self.deliveries
            .with_label_values(&[outcome.route, mode, kind, reason])
            .inc();
        if let (Some(upstream), Some(status)) = (outcome.upstream, outcome.backend_status) {
            self.backend_responses
                .with_label_values(&[upstream, class(status)])
                .inc();
        }
        if let Some(generation) = outcome.generation {
            self.proofs.with_label_values(&[generation.word()]).inc();
        }
        let parts = [
            (&self.receive, outcome.timings.receive),
            (&self.verify, outcome.timings.verify),
            (&self.backend, outcome.backend),
            (&self.total, Some(outcome.total)),
        ];
        for (histogram, duration) in parts {
            if let Some(duration) = duration {
                histogram.observe(duration.as_secs_f64());
            }
        }
        if let Some(bytes) = outcome.body_bytes {
            #[expect(clippy::cast_precision_loss, reason = "a body is far below 2^52 bytes")]
            self.body_bytes.observe(bytes as f64);
        }
    }

    /// The gauge of open sender connections.
    pub fn connections(&self) -> &IntGauge {
        &self.connections
    }

    /// The counter of TLS handshakes that failed or timed out.
    pub fn tls_handshake_failures(&self) -> &IntCounter {
        &self.tls_handshake_failures
    }

    /// All metrics in the Prometheus text format.
    pub fn to_text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

const fn class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

/// From 0.1 ms, the time of a refusal, to longer than any sender waits.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];
/// From a small ping event to the largest allowed body.
const BYTES: &[f64] = &[
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    52_428_800.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_a_backend_has_one_of_five_classes() {
        for (statuses, expected) in [
            (0..=199, "other"),
            (200..=299, "2xx"),
            (300..=399, "3xx"),
            (400..=499, "4xx"),
            (500..=599, "5xx"),
            (600..=u16::MAX, "other"),
        ] {
            for status in statuses {
                assert_eq!(class(status), expected, "{status}");
            }
        }
    }

    #[test]
    fn the_bounds_of_histograms_rise() {
        for bounds in [SECONDS, BYTES] {
            assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
        }
    }
}
