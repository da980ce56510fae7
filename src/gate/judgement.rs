//! What the gate says.

use std::time::Duration;

use super::{Admitted, Body, Reason, Refusal};
use crate::directory::Found;
use crate::handshake::Answer;

/// A verdict, and what was learnt on the way to it.
#[derive(Debug)]
pub struct Judgement {
    /// The endpoint, if one was found.
    pub found: Option<Found>,
    /// How long the parts took.
    pub timings: Timings,
    /// Whether the body was read to its end, so that another request may follow it.
    pub body_received: bool,
    /// The length of the body, if it was received.
    pub body_bytes: Option<u64>,
    /// The body of a refused delivery whose endpoint keeps those.
    pub refused_body: Option<Body>,
    /// The verdict.
    pub verdict: Result<Passed, Refusal>,
}

/// What came of a request that was not refused.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever answers has to know each")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a delivery, on its way; a box would cost an allocation"
)]
pub enum Passed {
    /// It is a delivery for the backend.
    Admitted(Admitted),
    /// It is a handshake, with the answer that it gets. It goes no further.
    Answered(Answer),
    /// It is about an event that its endpoint does not take. It goes no further.
    Ignored,
}

impl Judgement {
    /// The judgement on a request that is refused whatever it leads to.
    pub fn refused(reason: Reason) -> Self {
        Self {
            found: None,
            timings: Timings::default(),
            body_received: false,
            body_bytes: None,
            refused_body: None,
            verdict: Err(reason.into()),
        }
    }

    /// The same, with what an operator should know.
    pub fn refused_because(reason: Reason, cause: &str) -> Self {
        Self {
            verdict: Err(Refusal::with_cause(reason, cause)),
            ..Self::refused(reason)
        }
    }
}

/// What is written down on the way to a verdict.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) found: Option<Found>,
    pub(super) timings: Timings,
    pub(super) body_received: bool,
    pub(super) body_bytes: Option<u64>,
    pub(super) refused_body: Option<Body>,
}

impl Notes {
    /// Notes that the body was read to its end.
    pub(super) fn received(&mut self, body: &Body) {
        self.body_received = true;
        self.body_bytes = Some(body.len() as u64);
    }
}

/// How long the parts of a judgement took; `None` for a part that was not reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timings {
    /// From the end of the head to the last byte of the body.
    pub receive: Option<Duration>,
    /// From the last byte to the verdict.
    pub verify: Option<Duration>,
}
