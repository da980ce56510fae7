//! How a delivery ended for its sender, and the record that is made of it.

use std::time::Duration;

use http::StatusCode;

use super::reply::Reply;
use super::respond::{self, GateHeaders};
use crate::auth::KeyAge;
use crate::challenge::ChallengeAnswer;
use crate::directory::Endpoint;
use crate::gate::{AddressFault, DeliveryFacts, DeliveryOutcome, Reason, Refusal, UpstreamFault};
use crate::telemetry::{Outcome, Verdict};

/// How a delivery ended for its sender.
pub(super) struct ResponseOutcome {
    verdict: Verdict,
    /// Whether the sender has got a whole answer.
    pub(super) is_whole: bool,
    status: Option<u16>,
    /// An explanation for operators.
    cause: Option<String>,
    backend: Option<BackendRecord>,
}

/// What the record says of the backend.
#[derive(Default)]
struct BackendRecord {
    generation: Option<KeyAge>,
    duration: Option<Duration>,
    status: Option<u16>,
    fault: Option<AddressFault>,
}

impl ResponseOutcome {
    /// Writes a refusal of the gate.
    pub(super) async fn refused(
        reply: &mut Reply,
        refusal: Refusal,
        facts: &DeliveryFacts,
        stamp: &GateHeaders,
    ) -> Self {
        let written = if facts.refuses_empty() {
            respond::write_without_body(reply, &refusal, stamp).await
        } else {
            respond::write(reply, &refusal, stamp).await
        };
        Self {
            cause: refusal.cause,
            backend: missing_upstream(facts, refusal.reason),
            ..Self::here(Verdict::NotDelivered(refusal.reason), written)
        }
    }

    /// Writes the answer to a provider challenge.
    pub(super) async fn challenge(
        reply: &mut Reply,
        answer: &ChallengeAnswer,
        stamp: &GateHeaders,
    ) -> Self {
        let written = respond::write_challenge(reply, answer, stamp).await;
        Self::here(Verdict::Challenge, written)
    }

    /// Acknowledges a delivery of an event that its endpoint does not subscribe to.
    pub(super) async fn ignored(reply: &mut Reply, stamp: &GateHeaders) -> Self {
        Self::here(Verdict::Ignored, respond::write_ignored(reply, stamp).await)
    }

    /// Writes the answer of the gate if the backend gave none. Otherwise its answer was passed on already.
    pub(super) async fn forwarded(
        reply: &mut Reply,
        outcome: DeliveryOutcome,
        generation: Option<KeyAge>,
        stamp: &GateHeaders,
    ) -> Self {
        let backend = |status: Option<StatusCode>, fault: Option<AddressFault>| {
            Some(BackendRecord {
                generation,
                duration: None,
                status: status.map(|status| status.as_u16()),
                fault,
            })
        };
        match outcome {
            DeliveryOutcome::Answered {
                status,
                is_received,
            } => Self {
                // The backend has accepted it, even if the sender did not wait for the answer.
                verdict: Verdict::Admitted,
                is_whole: is_received,
                status: Some(status.as_u16()),
                cause: None,
                backend: backend(Some(status), None),
            },
            DeliveryOutcome::BrokenOff(failure) => Self {
                verdict: Verdict::NotDelivered(failure.reason),
                is_whole: false,
                status: failure.status.map(|status| status.as_u16()),
                cause: None,
                backend: backend(failure.status, Some(failure.at)),
            },
            DeliveryOutcome::Failed(failure) => {
                let written = respond::write(reply, &failure.reason.into(), stamp).await;
                Self {
                    backend: backend(failure.status, Some(failure.at)),
                    ..Self::here(Verdict::NotDelivered(failure.reason), written)
                }
            }
        }
    }

    /// The same outcome, with the time that the backend took.
    pub(super) fn after(mut self, duration: Duration) -> Self {
        if let Some(backend) = &mut self.backend {
            backend.duration = Some(duration);
        }
        self
    }

    /// The outcome of a request that the gate itself has answered.
    fn here(verdict: Verdict, written: Option<StatusCode>) -> Self {
        Self {
            verdict,
            is_whole: written.is_some(),
            status: written.map(|status| status.as_u16()),
            cause: None,
            backend: None,
        }
    }

    /// The record of the delivery, without the facts that its head has.
    pub(super) fn record<'o>(&'o self, facts: &'o DeliveryFacts) -> Outcome<'o> {
        let endpoint = facts.endpoint();
        let backend = self.backend.as_ref();
        let fault = backend.and_then(|backend| backend.fault.as_ref());
        Outcome {
            route: match &facts.found {
                None => "none",
                Some(found) => found.route.as_ref().map_or(ALIAS, |route| route.name()),
            },
            endpoint,
            organisation: endpoint.map(|endpoint| endpoint.organisation.as_str()),
            mode: endpoint.and_then(Endpoint::mode_word),
            generation: backend.and_then(|backend| backend.generation),
            secret_version: facts.secret_version,
            sender_id: facts.names.id.as_deref(),
            event: facts.names.event.as_deref(),
            upstream: endpoint
                .filter(|_| backend.is_some())
                .map(|it| &*it.upstream),
            backend_status: backend.and_then(|backend| backend.status),
            status: self.status,
            body_bytes: facts.body_bytes,
            timings: facts.timings,
            backend: backend.and_then(|backend| backend.duration),
            upstream_fault: fault.map(|at| at.fault.word()),
            upstream_address: fault.map(|at| &*at.address),
            cause: self.cause.as_deref(),
            ..Outcome::unknown(self.verdict)
        }
    }
}

/// The gate refuses a delivery as unreachable only if the configuration has no upstream of its name.
fn missing_upstream(facts: &DeliveryFacts, reason: Reason) -> Option<BackendRecord> {
    let endpoint = facts.endpoint()?;
    (reason == Reason::UpstreamUnreachable).then(|| BackendRecord {
        fault: Some(AddressFault {
            fault: UpstreamFault::Unknown,
            address: endpoint.upstream.to_string(),
        }),
        ..BackendRecord::default()
    })
}

/// The route of a delivery whose path is an alias.
const ALIAS: &str = "alias";
