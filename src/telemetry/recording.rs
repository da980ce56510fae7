//! The stored record of a delivery, made of its outcome.

use std::time::Duration;

use super::Outcome;
use super::printable::printable;
use crate::deliveries::{
    CountKey, DeliveryDurations, DeliveryRecorder, EndedDelivery, NewDelivery,
};
use crate::directory::Endpoint;

/// Records the outcome of a delivery to `endpoint`.
pub(super) fn record(recorder: &DeliveryRecorder, outcome: &Outcome<'_>, endpoint: &Endpoint) {
    let ended = EndedDelivery {
        key: CountKey {
            endpoint: endpoint.id.clone(),
            generation: endpoint.generation,
        },
        at: outcome.at,
        outcome: outcome.verdict.class(),
        reason: outcome.verdict.reason(),
    };
    recorder.record(ended, || row(outcome, endpoint));
}

fn row(outcome: &Outcome<'_>, endpoint: &Endpoint) -> NewDelivery {
    NewDelivery {
        endpoint: endpoint.id.clone(),
        generation: endpoint.generation,
        at: outcome.at,
        request_id: outcome.request_id.to_owned(),
        sender_id: outcome.sender_id.map(|id| printable(id, MAX_NAME_CHARS)),
        event: outcome.event.map(|name| printable(name, MAX_NAME_CHARS)),
        outcome: outcome.verdict.class(),
        reason: outcome.verdict.reason(),
        status: outcome.status,
        cause: outcome.cause.map(|cause| printable(cause, MAX_CAUSE_CHARS)),
        secret_version: outcome.secret_version,
        body_bytes: outcome.body_bytes,
        durations: DeliveryDurations {
            receive: outcome.timings.receive.map(whole_microseconds),
            verify: outcome.timings.verify.map(whole_microseconds),
            backend: outcome.backend.map(whole_microseconds),
            total: whole_microseconds(outcome.total),
        },
        client: outcome.client,
    }
}

fn whole_microseconds(duration: Duration) -> Duration {
    Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

const MAX_NAME_CHARS: usize = 128;
const MAX_CAUSE_CHARS: usize = 256;
