//! Reasons: the closed list of words for refused and failed deliveries.
//!
//! The words are a contract. Logs, metrics and the `Portcullis-Reason` header derive from this one enum, and so does the
//! status of the answer, in `proxy::respond`.

use std::sync::Arc;

use crate::auth::ProofError;
use crate::directory::{Endpoint, LookupError, Wording};
use crate::payload::Violations;
use crate::secrets::KeyError;

/// Why a delivery was refused or failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the status of every reason is one exhaustive match"
)]
pub enum Reason {
    /// The endpoint has no `auth`, or the mode `none` where the server does not allow it.
    AuthMissing,
    /// The request is not well-formed HTTP.
    BadRequest,
    /// The body took too long to arrive.
    BodyTimeout,
    /// The body is over its limit.
    BodyTooLarge,
    /// As many deliveries of one key as allowed are with the backend.
    ConcurrencyLimited,
    /// The event was accepted before, and the endpoint acknowledges duplicates.
    Duplicate,
    /// `Expect` has another value than `100-continue`.
    ExpectationFailed,
    /// The same delivery is with the backend now.
    InFlight,
    /// The ledger could not say whether the delivery is new.
    LedgerUnavailable,
    /// The endpoint does not take this method.
    MethodNotAllowed,
    /// The sender of the endpoint signs no requests of this method.
    MethodNotSigned,
    /// The path leads to no endpoint that the caller may know of.
    NotConfigured(Wording),
    /// The memory budget, or a share of it, is used up.
    Overloaded,
    /// The payload violates the contract of the endpoint.
    PayloadInvalid,
    /// The proof failed.
    Proof(ProofError),
    /// The sender's certificate could not be fetched, or its challenge could not be confirmed.
    ProviderUnreachable,
    /// The same delivery was accepted before.
    Replay,
    /// The key service refuses to decrypt the secret of the endpoint, or its ciphertext is damaged.
    SecretUndecryptable,
    /// The endpoint's secret has no value.
    SecretUnbound,
    /// The key service does not answer, and the keys are not cached.
    SecretsUnavailable,
    /// The sender closed the connection within the body.
    SenderLeft,
    /// A delivery for the live endpoint was sent to its draft: it has a signature in place of a workspace token, or is
    /// signed with the secret of the live endpoint.
    SignatureAtDraft,
    /// The store did not answer.
    StoreUnavailable,
    /// The backend did not answer in time.
    UpstreamTimeout,
    /// The backend could not be reached, its answer broke off, or the configuration has no such upstream.
    UpstreamUnreachable,
}

impl Reason {
    /// Every reason; `NotConfigured` with both texts.
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

/// A refusal: its reason, and the facts that the answer and the log need.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The endpoint whose methods the answer lists.
    pub allow: Option<Arc<Endpoint>>,
    /// The exceeded limit, in bytes.
    pub limit_bytes: Option<u64>,
    /// The violations of the payload contract.
    pub details: Option<Box<Violations>>,
    /// An explanation for operators. It is logged and never sent.
    pub cause: Option<String>,
}

impl Refusal {
    /// The refusal of a body that is over a limit.
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
            // For the sender it is the same as no secret; the log has the cause.
            KeyError::Unusable(error) => Self::with_cause(Reason::SecretUnbound, error),
            KeyError::Service(error) if error.is_refusal() => {
                Self::with_cause(Reason::SecretUndecryptable, error)
            }
            KeyError::Service(error) => Self::with_cause(Reason::SecretsUnavailable, error),
            KeyError::Store(error) => Self::with_cause(Reason::StoreUnavailable, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::auth::SecretError;
    use crate::secrets::{KeyServiceError, StoreError};

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let reasons: Vec<Reason> = Reason::all().collect();
        let unique: BTreeSet<&str> = reasons.iter().map(|reason| reason.word()).collect();
        // The two texts of `not_configured` share their word.
        assert_eq!(unique.len(), reasons.len() - 1);
    }

    #[test]
    fn an_error_of_a_key_or_a_look_up_has_a_reason_and_its_cause_only_in_the_log() {
        let store = || StoreError::Unavailable("timeout".to_owned());
        let text = String::new;
        for (refusal, reason, has_cause) in [
            (KeyError::Unbound.into(), Reason::SecretUnbound, false),
            (
                KeyError::Unusable(SecretError::Undecodable).into(),
                Reason::SecretUnbound,
                true,
            ),
            (
                KeyError::Service(KeyServiceError::Corrupt).into(),
                Reason::SecretUndecryptable,
                true,
            ),
            (
                KeyError::Service(KeyServiceError::Denied(text())).into(),
                Reason::SecretUndecryptable,
                true,
            ),
            (
                KeyError::Service(KeyServiceError::TimedOut).into(),
                Reason::SecretsUnavailable,
                true,
            ),
            (
                KeyError::Service(KeyServiceError::NoCredentials(text())).into(),
                Reason::SecretsUnavailable,
                true,
            ),
            (
                KeyError::Store(store()).into(),
                Reason::StoreUnavailable,
                true,
            ),
            (
                LookupError::NotConfigured(Wording::Workflow).into(),
                Reason::NotConfigured(Wording::Workflow),
                false,
            ),
            (
                LookupError::Store(store()).into(),
                Reason::StoreUnavailable,
                true,
            ),
        ] {
            let refusal: Refusal = refusal;
            assert_eq!(refusal.reason, reason, "{refusal:?}");
            assert_eq!(refusal.cause.is_some(), has_cause, "{refusal:?}");
        }
    }
}
