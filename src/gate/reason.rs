//! Why a delivery did not get through: a closed list of words.
//!
//! The words are the contract. Logs, metrics and the `Portcullis-Reason` header derive from this one
//! enum, and so does the status of the answer, in `proxy::respond`.

use std::sync::Arc;

use crate::auth::ProofError;
use crate::contract::Violations;
use crate::directory::{Endpoint, LookupError, Wording};
use crate::secrets::KeyError;

/// Why a delivery was refused or failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the status of every reason is one exhaustive match"
)]
pub enum Reason {
    /// The endpoint says nothing about proofs, or asks for none where the server does not allow it.
    AuthMissing,
    /// The request is not well-formed HTTP.
    BadRequest,
    /// The body took too long to arrive.
    BodyTimeout,
    /// The body is larger than it may be.
    BodyTooLarge,
    /// As many deliveries of one key as allowed are with the backend.
    ConcurrencyLimited,
    /// The event was accepted before, and its sender is told so.
    Duplicate,
    /// An expectation other than `100-continue`.
    ExpectationFailed,
    /// The same delivery is with the backend now.
    InFlight,
    /// The ledger could not say whether the delivery is new.
    LedgerUnavailable,
    /// The endpoint does not take this method.
    MethodNotAllowed,
    /// The endpoint's proof is a signature, and its sender signs no requests of this method.
    MethodNotSigned,
    /// Nothing takes deliveries there.
    NotConfigured(Wording),
    /// All memory for bodies is in use.
    Overloaded,
    /// The payload breaks the contract of the endpoint.
    PayloadInvalid,
    /// The proof failed.
    Proof(ProofError),
    /// The sender's certificate could not be had, or its handshake could not be confirmed.
    ProviderUnreachable,
    /// The same delivery was accepted before.
    Replay,
    /// The key service refuses to open the endpoint's secret, or cannot: its ciphertext is damaged.
    SecretUndecryptable,
    /// The endpoint's secret has no value.
    SecretUnbound,
    /// The keys could not be had.
    SecretsUnavailable,
    /// The sender went away in the middle of the body.
    SenderLeft,
    /// It was sent to the draft as to a live endpoint: with a signature where a token of the workspace is asked
    /// for, which nobody has verified, or signed with the secret of the live endpoint.
    SignatureAtDraft,
    /// The store did not answer.
    StoreUnavailable,
    /// The backend did not answer in time.
    UpstreamTimeout,
    /// The backend could not be reached, or broke off.
    UpstreamUnreachable,
}

impl Reason {
    /// Every reason; `NotConfigured` in both wordings.
    pub fn all() -> impl Iterator<Item = Self> {
        let without_proofs = [
            Self::AuthMissing,
            Self::BadRequest,
            Self::BodyTimeout,
            Self::BodyTooLarge,
            Self::ConcurrencyLimited,
            Self::Duplicate,
            Self::ExpectationFailed,
            Self::InFlight,
            Self::LedgerUnavailable,
            Self::MethodNotAllowed,
            Self::MethodNotSigned,
            Self::NotConfigured(Wording::Workflow),
            Self::NotConfigured(Wording::Webhook),
            Self::Overloaded,
            Self::PayloadInvalid,
            Self::ProviderUnreachable,
            Self::Replay,
            Self::SecretUndecryptable,
            Self::SecretUnbound,
            Self::SecretsUnavailable,
            Self::SenderLeft,
            Self::SignatureAtDraft,
            Self::StoreUnavailable,
            Self::UpstreamTimeout,
            Self::UpstreamUnreachable,
        ];
        without_proofs
            .into_iter()
            .chain(ProofError::ALL.map(Self::Proof))
    }

    /// The word in logs, metrics and headers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AuthMissing => "auth_missing",
            Self::BadRequest => "bad_request",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            // The word of 0.1. The next release says `concurrency_limited`, and `rate_limited` will mean rate limits.
            Self::ConcurrencyLimited => "rate_limited",
            Self::Duplicate => "duplicate",
            Self::ExpectationFailed => "expectation_failed",
            Self::InFlight => "in_flight",
            Self::LedgerUnavailable => "ledger_unavailable",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::MethodNotSigned => "method_not_signed",
            Self::NotConfigured(_) => "not_configured",
            Self::Overloaded => "overloaded",
            Self::PayloadInvalid => "payload_invalid",
            Self::Proof(error) => error.word(),
            Self::ProviderUnreachable => "provider_unreachable",
            Self::Replay => "replay",
            Self::SecretUndecryptable => "secret_undecryptable",
            Self::SecretUnbound => "secret_unbound",
            Self::SecretsUnavailable => "secrets_unavailable",
            Self::SenderLeft => "sender_left",
            Self::SignatureAtDraft => "signature_at_draft",
            Self::StoreUnavailable => "store_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamUnreachable => "upstream_unreachable",
        }
    }
}

impl From<ProofError> for Reason {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}

/// A reason, and what the answer needs beside it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The endpoint whose methods the answer lists.
    pub allow: Option<Arc<Endpoint>>,
    /// Whether the answer has no body: some senders take an endpoint that sends one for broken.
    pub without_body: bool,
    /// The limit, in bytes, that was exceeded.
    pub limit_bytes: Option<u64>,
    /// What is wrong with the payload.
    pub details: Option<Box<Violations>>,
    /// What an operator should know. It is logged and never sent.
    pub cause: Option<String>,
}

impl Refusal {
    /// A refusal for the size of a body.
    pub fn too_large(limit_bytes: u64) -> Self {
        Self {
            limit_bytes: Some(limit_bytes),
            ..Reason::BodyTooLarge.into()
        }
    }

    pub(super) fn with_cause(reason: Reason, cause: impl std::fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..reason.into()
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            allow: None,
            without_body: false,
            limit_bytes: None,
            details: None,
            cause: None,
        }
    }
}

impl From<ProofError> for Refusal {
    fn from(error: ProofError) -> Self {
        Reason::Proof(error).into()
    }
}

impl From<LookupError> for Refusal {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::NotConfigured(wording) => Reason::NotConfigured(wording).into(),
            LookupError::Store(error) => Self::with_cause(Reason::StoreUnavailable, error),
        }
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unbound => Reason::SecretUnbound.into(),
            // As good as none; the log says why.
            KeyError::Unusable(error) => Self::with_cause(Reason::SecretUnbound, error),
            KeyError::Service(error) if error.is_refusal() => {
                Self::with_cause(Reason::SecretUndecryptable, error)
            }
            KeyError::Service(error) => Self::with_cause(Reason::SecretsUnavailable, error),
            KeyError::Store(error) => Self::with_cause(Reason::StoreUnavailable, error),
        }
    }
}
