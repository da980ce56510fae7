//! What became of a delivery. Built once, at its end; everything else is a view of it.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::auth::Generation;
use crate::gate::{Reason, Timings};

/// The record of one delivery.
///
/// It has no field for a header, a query string or a body, so none of them can be logged.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// When its head was read.
    pub at: Timestamp,
    /// The id that the answer and the backend carry too.
    pub request_id: &'a str,
    /// The name of the route; `alias`, or `none` if there was no endpoint.
    pub route: &'a str,
    /// The endpoint.
    pub endpoint: Option<&'a str>,
    /// The organisation that owns it.
    pub organisation: Option<&'a str>,
    /// Its mode, in a word; `workspace` for a draft that asks for a token of its workspace.
    pub mode: Option<&'static str>,
    /// Which of its secrets proved the delivery.
    pub generation: Option<Generation>,
    /// The name of the upstream that it was for, if it was admitted.
    pub upstream: Option<&'a str>,
    /// Why the backend did not answer, in a word.
    pub upstream_fault: Option<&'static str>,
    /// The address of the backend that did not answer.
    pub upstream_address: Option<&'a str>,
    /// The status that the backend answered with.
    pub backend_status: Option<u16>,
    /// The address of the sender.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// What the gate said, and how it ended.
    pub verdict: Verdict,
    /// The status of the answer; `None` if nobody was there to answer.
    pub status: Option<u16>,
    /// The length of the body, if all of it arrived.
    pub body_bytes: Option<u64>,
    /// How long the gate took.
    pub timings: Timings,
    /// How long the backend took, from the verdict to the end of its answer.
    pub backend: Option<Duration>,
    /// How long everything took.
    pub total: Duration,
    /// What an operator should know beside the reason.
    pub cause: Option<&'a str>,
}

impl Outcome<'_> {
    /// A record of which nothing is known but the verdict.
    pub const fn unknown(verdict: Verdict) -> Self {
        Self {
            at: Timestamp::UNIX_EPOCH,
            request_id: "",
            route: "none",
            endpoint: None,
            organisation: None,
            mode: None,
            generation: None,
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
#[expect(clippy::exhaustive_enums, reason = "there is no other way")]
pub enum Verdict {
    /// It went to the backend, which answered.
    Admitted,
    /// It was a handshake, and was answered at the edge.
    Handshake,
    /// It was about an event that its endpoint does not take, and was acknowledged at the edge.
    Ignored,
    /// It did not, or the backend did not answer.
    NotDelivered(Reason),
}

impl Verdict {
    /// The word of the reason: the same in logs, metrics and headers.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Handshake => HANDSHAKE,
            Self::Ignored => IGNORED,
            Self::NotDelivered(reason) => reason.word(),
        }
    }

    /// Whose doing it was: `admitted`, `handshake`, `ignored`, `refused` (the sender's) or `failed` (ours or the
    /// backend's).
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Handshake => HANDSHAKE,
            Self::Ignored => IGNORED,
            Self::NotDelivered(reason) => match reason {
                Reason::LedgerUnavailable
                | Reason::Overloaded
                | Reason::ProviderUnreachable
                | Reason::SecretUndecryptable
                | Reason::SecretsUnavailable
                | Reason::StoreUnavailable
                | Reason::UpstreamTimeout
                | Reason::UpstreamUnreachable => "failed",
                Reason::AuthMissing
                | Reason::BadRequest
                | Reason::BodyTimeout
                | Reason::BodyTooLarge
                | Reason::Duplicate
                | Reason::ExpectationFailed
                | Reason::InFlight
                | Reason::MethodNotAllowed
                | Reason::MethodNotSigned
                | Reason::NotConfigured(_)
                | Reason::PayloadInvalid
                | Reason::Proof(_)
                | Reason::RateLimited
                | Reason::Replay
                | Reason::SecretUnbound
                | Reason::SenderLeft
                | Reason::SignatureAtDraft => "refused",
            },
        }
    }
}

const HANDSHAKE: &str = "handshake";
const IGNORED: &str = "ignored";
