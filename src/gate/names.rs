//! The id and the event name that a sender gave a delivery, for its record.

use super::{Body, event_id};
use crate::auth::{EventName, Head, PartialRequest, Scheme, Source};
use crate::directory::Endpoint;

/// The names that a sender gave a delivery, proven or not. Each has at most 128 characters.
#[derive(Debug, Default)]
pub struct SenderNames {
    /// Its id, in visible ASCII.
    pub id: Option<Box<str>>,
    /// The name of its event, without control characters.
    pub event: Option<Box<str>>,
}

impl SenderNames {
    /// Reads what the head has.
    pub(super) fn of_head(endpoint: &Endpoint, head: &Head<'_>) -> Self {
        let Some(scheme) = endpoint.auth.scheme() else {
            return Self::default();
        };
        let received = PartialRequest {
            head: *head,
            body: None,
        };
        Self {
            id: event_id(scheme, &received).map(|id| bounded(&id)),
            event: event(scheme, &received),
        }
    }

    /// Reads what only the body has. A large body is not parsed for that.
    pub(super) fn add_body(&mut self, endpoint: &Endpoint, head: &Head<'_>, body: &Body) {
        let Some(scheme) = endpoint.auth.scheme() else {
            return;
        };
        if body.len() > MAX_PARSED {
            return;
        }
        let received = PartialRequest {
            head: *head,
            body: Some(body.bytes()),
        };
        if self.id.is_none() && scheme.id().is_some_and(Source::is_in_body) {
            self.id = event_id(scheme, &received).map(|id| bounded(&id));
        }
        if self.event.is_none() && scheme.event().is_some_and(Source::is_in_body) {
            self.event = event(scheme, &received);
        }
    }
}

fn event(scheme: &Scheme, received: &PartialRequest<'_>) -> Option<Box<str>> {
    match EventName::read(scheme.event()?, received) {
        EventName::Named(name) => Some(bounded(&name)),
        EventName::Absent | EventName::Unreadable => None,
    }
}

fn bounded(name: &str) -> Box<str> {
    let end = name.char_indices().nth(MAX_CHARS);
    let cut = end.and_then(|(end, _)| name.get(..end));
    cut.unwrap_or(name).into()
}

const MAX_CHARS: usize = 128;
/// Parsing a larger body for a name costs more than the name is worth.
const MAX_PARSED: usize = 64 * 1024;
