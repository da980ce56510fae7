//! `portcullis endpoint deliveries`: lists the recorded deliveries of an endpoint.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::deliveries::{DeliveryFilter, OutcomeClass, RecordedDelivery};
use crate::directory::EndpointId;

/// List the last deliveries of an endpoint.
///
/// The gate records deliveries if `deliveries.record` is true.
#[derive(Args, Debug)]
pub(in crate::cli) struct List {
    /// The endpoint.
    id: EndpointId,

    /// Only deliveries that ended so: admitted, handshake, ignored, refused or failed.
    #[arg(long)]
    outcome: Option<OutcomeClass>,

    /// Only deliveries with this reason, such as `signature_mismatch`.
    #[arg(long)]
    reason: Option<String>,

    /// Only deliveries before the one with this number.
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,

    /// The most deliveries to list.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A delivery in JSON.
#[derive(Serialize)]
struct DeliveryView<'a> {
    number: i64,
    at: Timestamp,
    request_id: &'a str,
    sender_id: Option<&'a str>,
    event: Option<&'a str>,
    outcome: &'static str,
    reason: &'a str,
    status: Option<u16>,
    cause: Option<&'a str>,
    secret_version: Option<u32>,
    client: Option<IpAddr>,
    body_bytes: Option<u64>,
    timings: TimingsView,
}

/// Durations in milliseconds.
#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "a number in JSON has its unit in its name"
)]
struct TimingsView {
    receive_ms: Option<f64>,
    verify_ms: Option<f64>,
    backend_ms: Option<f64>,
    total_ms: f64,
}

impl List {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let filter = DeliveryFilter {
            outcome: self.outcome,
            reason: self.reason,
            before: self.before,
            limit: self.limit,
        };
        let found = session.control.deliveries(&self.id, &filter).await?;
        if self.json {
            return output::json(&found.iter().map(DeliveryView::from).collect::<Vec<_>>());
        }
        if found.is_empty() && !session.config.deliveries.record {
            output::note("note: deliveries are not recorded: set `deliveries.record = true`");
        }
        let rows: Vec<[String; 8]> = found.iter().map(row).collect();
        let titles = [
            "number",
            "at",
            "outcome",
            "reason",
            "status",
            "event",
            "ms",
            "request id",
        ];
        Ok(output::table(titles, &rows, |_, _| None))
    }
}

impl<'a> From<&'a RecordedDelivery> for DeliveryView<'a> {
    fn from(one: &'a RecordedDelivery) -> Self {
        Self {
            number: one.number,
            at: one.at,
            request_id: &one.request_id,
            sender_id: one.sender_id.as_deref(),
            event: one.event.as_deref(),
            outcome: one.outcome.word(),
            reason: &one.reason,
            status: one.status,
            cause: one.cause.as_deref(),
            secret_version: one.secret_version,
            client: one.client,
            body_bytes: one.body_bytes,
            timings: TimingsView {
                receive_ms: one.durations.receive.map(milliseconds),
                verify_ms: one.durations.verify.map(milliseconds),
                backend_ms: one.durations.backend.map(milliseconds),
                total_ms: milliseconds(one.durations.total),
            },
        }
    }
}

fn row(one: &RecordedDelivery) -> [String; 8] {
    [
        one.number.to_string(),
        format!("{:.0}", one.at),
        one.outcome.to_string(),
        one.reason.clone(),
        one.status
            .map_or_else(|| "-".to_owned(), |it| it.to_string()),
        one.event.clone().unwrap_or_else(|| "-".to_owned()),
        format!("{:.1}", milliseconds(one.durations.total)),
        one.request_id.clone(),
    ]
}

/// Milliseconds, to the microsecond. A delivery does not last longer than an hour.
fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}
