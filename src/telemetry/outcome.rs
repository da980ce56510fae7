//! The outcome of a delivery: one record at its end, from which the log line and the metrics derive.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::auth::KeyAge;
use crate::deliveries::OutcomeClass;
use crate::directory::Endpoint;
use crate::gate::{Reason, Timings};

/// The record of one delivery.
///
/// It has no field for headers, the query string or the body, so none of them can be logged. The names that the sender
/// gave the delivery are the exception: only recorded deliveries have them.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// When the head was read.
    pub at: Timestamp,
    /// The request id, which the response and the backend get too.
    pub request_id: &'a str,
    /// The name of the route; `alias` for an alias, `none` without an endpoint.
    pub route: &'a str,
    /// The endpoint.
    pub endpoint: Option<&'a Endpoint>,
    /// The organisation that owns the endpoint.
    pub organisation: Option<&'a str>,
    /// The mode of the endpoint; `workspace` for a draft that requires a workspace token.
    pub mode: Option<&'static str>,
    /// The version of the secret that proved the delivery.
    pub generation: Option<KeyAge>,
    /// The number of that version, also of a delivery that was refused after its proof.
    pub secret_version: Option<u32>,
    /// The id that the sender gave it.
    pub sender_id: Option<&'a str>,
    /// The name of its event.
    pub event: Option<&'a str>,
    /// The name of the upstream of an admitted delivery.
    pub upstream: Option<&'a str>,
    /// Why there is no backend response, as one word.
    pub upstream_fault: Option<&'static str>,
    /// The backend address that failed.
    pub upstream_address: Option<&'a str>,
    /// The status of the backend response.
    pub backend_status: Option<u16>,
    /// The sender's address, taken from a trusted proxy if there is one.
    pub client: Option<IpAddr>,
    /// The HTTP method.
    pub method: &'a str,
    /// The path without the query.
    pub path: &'a str,
    /// The decision of the gate and the result of forwarding.
    pub verdict: Verdict,
    /// The status of the response; `None` if the sender had left.
    pub status: Option<u16>,
    /// The length of a body that arrived completely.
    pub body_bytes: Option<u64>,
    /// The durations of the gate's steps.
    pub timings: Timings,
    /// The duration from the verdict to the end of the backend response.
    pub backend: Option<Duration>,
    /// The duration from the end of the head to the end of the response.
    pub total: Duration,
    /// Details for operators that the reason does not tell.
    pub cause: Option<&'a str>,
}

impl Outcome<'_> {
    /// A record with only a verdict.
    pub const fn unknown(verdict: Verdict) -> Self {
        Self {
            at: Timestamp::UNIX_EPOCH,
            request_id: "",
            route: "none",
            endpoint: None,
            organisation: None,
            mode: None,
            generation: None,
            secret_version: None,
            sender_id: None,
            event: None,
            upstream: None,
            upstream_fault: None,
            upstream_address: None,
            backend_status: None,
            client: None,
            method: "",
            path: "",
            verdict,
            status: None,
            body_bytes: None,
            timings: Timings {
                receive: None,
                verify: None,
            },
            backend: None,
            total: Duration::ZERO,
            cause: None,
        }
    }
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a delivery ends in one of these ways"
)]
pub enum Verdict {
    /// The backend received the delivery and responded.
    Admitted,
    /// The delivery was a provider challenge, which the gate answered.
    Challenge,
    /// The endpoint has not subscribed to the event; the gate acknowledged the delivery.
    Ignored,
    /// The gate refused the delivery, or the backend did not respond.
    NotDelivered(Reason),
}

impl Verdict {
    /// The word of the reason, the same in logs, metrics and headers.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Admitted | Self::Challenge | Self::Ignored => self.class().word(),
            Self::NotDelivered(reason) => reason.word(),
        }
    }

    /// The class of the verdict: `admitted`, `handshake`, `ignored`, `refused` (caused by the sender) or `failed` (caused
    /// by the gate or the backend).
    pub const fn outcome(self) -> &'static str {
        self.class().word()
    }

    /// The class as a type.
    pub const fn class(self) -> OutcomeClass {
        match self {
            Self::Admitted => OutcomeClass::Admitted,
            Self::Challenge => OutcomeClass::Challenge,
            Self::Ignored => OutcomeClass::Ignored,
            Self::NotDelivered(reason) => match reason {
                Reason::LedgerUnavailable
                | Reason::Overloaded
                | Reason::ProviderUnreachable
                | Reason::SecretUndecryptable
                | Reason::SecretsUnavailable
                | Reason::StoreUnavailable
                | Reason::UpstreamTimeout
                | Reason::UpstreamUnreachable => OutcomeClass::Failed,
                Reason::AuthMissing
                | Reason::BadRequest
                | Reason::BodyTimeout
                | Reason::BodyTooLarge
                | Reason::ConcurrencyLimited
                | Reason::Duplicate
                | Reason::ExpectationFailed
                | Reason::InFlight
                | Reason::MethodNotAllowed
                | Reason::MethodNotSigned
                | Reason::NotConfigured(_)
                | Reason::PayloadInvalid
                | Reason::Proof(_)
                | Reason::Replay
                | Reason::SecretUnbound
                | Reason::SenderLeft
                | Reason::SignatureAtDraft => OutcomeClass::Refused,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_failure_of_the_gate_or_the_backend_is_never_counted_as_a_refusal() {
        let failures: BTreeSet<&str> = Reason::all()
            .map(Verdict::NotDelivered)
            .filter(|verdict| verdict.outcome() == "failed")
            .map(Verdict::reason)
            .collect();
        let expected = [
            "ledger_unavailable",
            "overloaded",
            "provider_unreachable",
            "secret_undecryptable",
            "secrets_unavailable",
            "store_unavailable",
            "upstream_timeout",
            "upstream_unreachable",
        ];
        assert_eq!(failures, BTreeSet::from(expected));
    }

    #[test]
    fn the_labels_of_verdicts_are_a_closed_list_of_plain_words() {
        let refused = Reason::all().map(Verdict::NotDelivered);
        let verdicts = [Verdict::Admitted, Verdict::Challenge, Verdict::Ignored];
        let verdicts: Vec<Verdict> = verdicts.into_iter().chain(refused).collect();
        for verdict in &verdicts {
            for word in [verdict.reason(), verdict.outcome()] {
                let is_plain = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                assert!(is_plain && !word.is_empty(), "{verdict:?}: {word}");
            }
        }
        let outcomes: BTreeSet<&str> = verdicts.iter().map(|it| it.outcome()).collect();
        let expected = ["admitted", "failed", "handshake", "ignored", "refused"];
        assert_eq!(outcomes, BTreeSet::from(expected));
        let reasons: BTreeSet<&str> = verdicts.iter().map(|it| it.reason()).collect();
        // The two texts of `not_configured` share their word.
        assert_eq!(reasons.len(), verdicts.len() - 1);
    }
}
