//! The verdict on a delivery, and what the record needs to know of the way to it.

use std::time::Duration;

use super::{Admitted, Body, Reason, Refusal, SenderNames};
use crate::challenge::ChallengeAnswer;
use crate::directory::{Auth, Endpoint, EndpointMatch};

/// A verdict, and what the gate learnt on the way to it.
#[derive(Debug)]
pub struct Judgement {
    /// The facts for the record.
    pub facts: DeliveryFacts,
    /// The body of a delivery whose proof failed, if its endpoint captures refused deliveries.
    pub refused_body: Option<Body>,
    /// The verdict.
    pub verdict: Result<Decision, Refusal>,
}

/// What the gate learnt of a delivery, as far as it came: the facts for its record.
#[derive(Debug, Default)]
pub struct DeliveryFacts {
    /// The endpoint, if the path names one that the caller may know of.
    pub found: Option<EndpointMatch>,
    /// How long the parts took.
    pub timings: Timings,
    /// Whether the body was read to its end, so that another request may follow it.
    pub body_received: bool,
    /// The length of the body, if it was received.
    pub body_bytes: Option<u64>,
    /// The version of the secret that proved it.
    pub secret_version: Option<u32>,
    /// The names that the sender gave it, if deliveries are recorded.
    pub names: SenderNames,
}

/// How a request goes on that was not refused.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each kind gets another kind of answer"
)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one per delivery, and a box would cost an allocation"
)]
pub enum Decision {
    /// A delivery for the backend.
    Admitted(Admitted),
    /// A provider challenge, with its answer. It goes no further.
    Challenge(ChallengeAnswer),
    /// A delivery about an event that its endpoint does not subscribe to. It goes no further.
    Ignored,
}

impl Judgement {
    /// The judgement on a request whose head alone is refused. `cause` is for the log.
    pub fn refused(reason: Reason, cause: Option<&str>) -> Self {
        let refusal = Refusal {
            cause: cause.map(str::to_owned),
            ..reason.into()
        };
        Self::new(DeliveryFacts::default(), Err(refusal.into()))
    }

    pub(super) fn new(facts: DeliveryFacts, verdict: Result<Decision, Rejection>) -> Self {
        let (verdict, refused_body) = match verdict {
            Ok(decision) => (Ok(decision), None),
            Err(rejection) => (Err(rejection.refusal), rejection.captured),
        };
        Self {
            facts,
            refused_body,
            verdict,
        }
    }
}

impl DeliveryFacts {
    /// The endpoint, if the path names one that the caller may know of.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.found.as_ref().map(|found| &*found.endpoint)
    }

    /// Whether the sender gets refusals without a body: some providers disable an endpoint that sends one.
    pub fn refuses_empty(&self) -> bool {
        let auth = self.endpoint().map(|endpoint| &endpoint.auth);
        matches!(auth, Some(Auth::Proof(proof)) if proof.refuses_empty)
    }

    /// The facts before anything was read of the body.
    pub(super) fn new(announced_len: Option<u64>) -> Self {
        Self {
            body_received: announced_len == Some(0),
            ..Self::default()
        }
    }

    pub(super) fn set_body(&mut self, body: &Body) {
        self.body_received = true;
        self.body_bytes = Some(body.len() as u64);
    }
}

/// A refusal, with the body of the delivery if its endpoint captures it.
pub(super) struct Rejection {
    refusal: Refusal,
    captured: Option<Body>,
}

impl Rejection {
    /// A refusal of a body that was received. It is captured if the proof failed and the endpoint asks for that.
    pub(super) fn of_body(refusal: Refusal, body: Body, captures: bool) -> Self {
        let is_unproven = matches!(refusal.reason, Reason::Proof(_) | Reason::SignatureAtDraft);
        Self {
            refusal,
            captured: (captures && is_unproven).then_some(body),
        }
    }
}

impl<R: Into<Refusal>> From<R> for Rejection {
    fn from(refusal: R) -> Self {
        Self {
            refusal: refusal.into(),
            captured: None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::ProofError;
    use crate::gate::Budget;

    fn body() -> Body {
        let lease = Budget::new(1024).body(None, "workflows/a");
        Body::new(Vec::new(), lease)
    }

    #[test]
    fn only_an_unproven_delivery_is_captured_and_only_if_its_endpoint_asks_for_it() {
        for reason in Reason::all() {
            let is_unproven = matches!(reason, Reason::Proof(_) | Reason::SignatureAtDraft);
            for captures in [true, false] {
                let rejection = Rejection::of_body(reason.into(), body(), captures);
                let judgement = Judgement::new(DeliveryFacts::default(), Err(rejection));
                let is_captured = judgement.refused_body.is_some();
                assert_eq!(is_captured, captures && is_unproven, "{reason:?}");
                assert_eq!(judgement.verdict.unwrap_err().reason, reason);
            }
        }
        let head_alone = Rejection::from(ProofError::SignatureMissing);
        let judgement = Judgement::new(DeliveryFacts::default(), Err(head_alone));
        assert!(judgement.refused_body.is_none());
    }

    #[test]
    fn a_request_without_a_body_can_be_followed_by_the_next_one() {
        for (announced_len, body_received) in [(Some(0), true), (Some(1), false), (None, false)] {
            let facts = DeliveryFacts::new(announced_len);
            assert_eq!(facts.body_received, body_received, "{announced_len:?}");
            assert_eq!(facts.body_bytes, None);
        }
    }
}
