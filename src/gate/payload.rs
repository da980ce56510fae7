//! The payload of a proven delivery: its event, its contract and its concurrency key.

use std::sync::Arc;

use super::{Body, Reason, Refusal, Request};
use crate::auth::{EventName, Head, PartialRequest, Scheme};
use crate::directory::Endpoint;
use crate::payload::{ConcurrencyKey, MultipartError, Parts, Payload, Violations};

/// Whether the endpoint subscribes to the event of a delivery.
///
/// A delivery without an event name is ignored. One whose event name cannot be read is passed on, because an ignored
/// delivery is acknowledged and therefore lost.
pub(super) fn takes_event(endpoint: &Endpoint, head: &Head<'_>, body: &Body) -> bool {
    let Some(events) = &endpoint.events else {
        return true;
    };
    let Some(source) = endpoint.auth.scheme().and_then(Scheme::event) else {
        return true;
    };
    let received = PartialRequest {
        head: *head,
        body: Some(body.bytes()),
    };
    match EventName::read(source, &received) {
        EventName::Absent => false,
        EventName::Named(name) => events.has(&name),
        EventName::Unreadable => true,
    }
}

/// Checks a payload against its contract, and returns its concurrency key if the endpoint asks for one.
pub(super) async fn examine(
    endpoint: &Endpoint,
    request: &Request<'_>,
    body: &Body,
    parts: Option<Parts>,
) -> Result<Option<ConcurrencyKey>, Refusal> {
    let rules = endpoint.payload.as_ref();
    let has_contract = rules.is_some_and(|rules| rules.has_contract());
    let fault = parts.as_ref().and_then(|parts| parts.fault);
    if let Some(fault) = fault.filter(|fault| fault.is_over_bounds() && !has_contract) {
        return Err(over_bounds(fault));
    }
    let Some(rules) = rules else {
        return Ok(None);
    };
    let large = if rules.scans_text() {
        LARGE_TEXT
    } else {
        LARGE_BODY
    };
    let payload = Payload::of(request.headers, body.bytes(), parts.as_ref());
    let copy = if rules.copies(&payload) {
        Some(body.room_for_copy().await?)
    } else {
        None
    };
    let examined = if body.len() <= large {
        rules.examine(&payload)
    } else {
        // It takes milliseconds, and this thread serves other deliveries.
        let (rules, headers) = (Arc::clone(rules), request.headers.clone());
        // The examination ends even if the sender leaves, so it keeps the leases of its memory until then.
        let body = body.share();
        let examine = move || {
            let _copy = copy;
            rules.examine(&Payload::of(&headers, body.bytes(), parts.as_ref()))
        };
        let examined = tokio::task::spawn_blocking(examine).await;
        examined.map_err(|error| Refusal::with_cause(Reason::Overloaded, error))?
    };
    examined.map_err(invalid)
}

fn over_bounds(fault: MultipartError) -> Refusal {
    Refusal {
        cause: Some(fault.to_string()),
        ..Reason::BodyTooLarge.into()
    }
}

/// The log gets some of the paths, and no values.
fn invalid(violations: Violations) -> Refusal {
    let paths = violations.iter().map(|violation| match &*violation.path {
        "" => "(the body)",
        path => path,
    });
    let shown: Vec<&str> = paths.take(LOGGED_PATHS).collect();
    let many = violations.iter().len();
    Refusal {
        cause: Some(format!("{many} violations: {}", shown.join(" "))),
        details: Some(Box::new(violations)),
        ..Reason::PayloadInvalid.into()
    }
}

/// Examining a larger body takes milliseconds.
const LARGE_BODY: usize = 1024 * 1024;
/// The same, where the contract reads texts.
const LARGE_TEXT: usize = 64 * 1024;
const LOGGED_PATHS: usize = 8;
