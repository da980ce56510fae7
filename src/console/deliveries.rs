//! Recorded and captured deliveries of endpoints.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;
use super::cursor;
use super::problem::Problem;
use super::reply::{Page, Reply};
use crate::deliveries::{DeliveryFilter, RecordedDelivery};

/// A recorded delivery. Only metadata is recorded.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryView {
    /// Newer deliveries have greater numbers.
    number: i64,
    /// When its head was read.
    at: Timestamp,
    /// The request id, as in the log.
    request_id: String,
    /// The id that the sender gave it.
    sender_id: Option<String>,
    /// The name of its event.
    event: Option<String>,
    /// How it ended.
    outcome: &'static str,
    /// The reason, as one word.
    reason: String,
    /// The status of the response; none if the sender had left.
    status: Option<u16>,
    /// Details for operators.
    cause: Option<String>,
    /// The address of the sender.
    client: Option<String>,
    /// The length of a body that arrived completely.
    body_bytes: Option<u64>,
    /// The version of the secret that proved it.
    secret_version: Option<u32>,
    /// How long its parts took.
    timings: Timings,
    /// Whether the delivery is captured, so that it can be explained.
    captured: bool,
}

/// How long the parts of a delivery took, in milliseconds. A part that was not reached is `null`.
#[expect(clippy::struct_field_names, reason = "the contract names the unit")]
#[derive(Serialize, ToSchema)]
struct Timings {
    receive_ms: Option<f64>,
    verify_ms: Option<f64>,
    backend_ms: Option<f64>,
    total_ms: f64,
}

/// A captured delivery, without its content.
#[derive(Serialize, ToSchema)]
#[schema(as = Capture)]
pub(super) struct CaptureView {
    /// The request id, as in the log.
    request_id: String,
    /// When it arrived.
    at: Timestamp,
    /// When it is deleted.
    ends_at: Timestamp,
    /// The reason for its refusal.
    reason: String,
    /// The size of the stored request.
    bytes: u64,
}

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let expected = "expected `admitted`, `handshake`, `ignored`, `refused` or `failed`";
    let limit = call.limit()?;
    let filter = DeliveryFilter {
        outcome: call.query_parsed("outcome", expected)?,
        reason: call.query_value("reason").map(str::to_owned),
        before: call.number_cursor(LIST)?,
        limit: limit.saturating_add(1),
    };
    let id = call.endpoint_id()?;
    let control = &call.console.control;
    let mut found = control.deliveries(id, &filter).await?;
    let next = next_after(&mut found, limit, |delivery| delivery.number);
    let captures = control.captures(id).await?;
    let explainable: BTreeSet<String> = captures.into_iter().map(|it| it.request_id).collect();
    let items = found.into_iter().map(|delivery| {
        let is_captured = explainable.contains(&delivery.request_id);
        view(delivery, is_captured)
    });
    Reply::ok(&Page {
        items: items.collect(),
        next: next.map(|number| cursor::write(LIST, &number.to_string())),
    })
}

pub(super) async fn captures(call: Call) -> Result<Reply, Problem> {
    let id = call.endpoint_id()?;
    let captures = call.console.control.captures(id).await?;
    let items = captures.into_iter().map(|capture| CaptureView {
        request_id: capture.request_id,
        at: capture.at,
        ends_at: capture.ends_at,
        reason: capture.reason,
        bytes: capture.bytes,
    });
    Reply::ok(&Page {
        items: items.collect(),
        next: None,
    })
}

/// Shortens a list with one item too many, and returns the position of its last item then.
pub(super) fn next_after<T>(
    items: &mut Vec<T>,
    limit: u32,
    position: impl Fn(&T) -> i64,
) -> Option<i64> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if items.len() <= limit {
        return None;
    }
    items.truncate(limit);
    items.last().map(position)
}

fn view(delivery: RecordedDelivery, captured: bool) -> DeliveryView {
    let durations = delivery.durations;
    DeliveryView {
        number: delivery.number,
        at: delivery.at,
        request_id: delivery.request_id,
        sender_id: delivery.sender_id,
        event: delivery.event,
        outcome: delivery.outcome.word(),
        reason: delivery.reason,
        status: delivery.status,
        cause: delivery.cause,
        client: delivery.client.map(|client| client.to_string()),
        body_bytes: delivery.body_bytes,
        secret_version: delivery.secret_version,
        timings: Timings {
            receive_ms: durations.receive.map(milliseconds),
            verify_ms: durations.verify.map(milliseconds),
            backend_ms: durations.backend.map(milliseconds),
            total_ms: milliseconds(durations.total),
        },
        captured,
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

const LIST: &str = "deliveries";
