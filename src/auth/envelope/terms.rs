//! The terms of an envelope: its time limits, and the digests that the body must have.

use jiff::{SignedDuration, Timestamp};

use super::body_digest::{BodyDigests, DigestAlgorithm};
use crate::auth::{ProofError, Scheme};

/// The statements of a sender that count after its signature is verified.
#[derive(Default)]
pub(in crate::auth) struct Terms {
    /// The time of the signature, if the scheme has a timestamp.
    pub(in crate::auth) at: Option<Timestamp>,
    /// The start of the validity.
    pub(in crate::auth) not_before: Option<Timestamp>,
    /// The end of the validity.
    pub(in crate::auth) expires: Option<Timestamp>,
    /// The tolerance for the sender's clock in `not_before` and `expires`.
    pub(in crate::auth) leeway: SignedDuration,
    /// The digests of the body that the sender signed.
    pub(in crate::auth) digests: Vec<(DigestAlgorithm, Vec<u8>)>,
    /// Whether the signed digest of the query is not that of the request.
    pub(in crate::auth) query_differs: bool,
    /// Whether all other claims are about this endpoint and this request.
    pub(in crate::auth) claims_match: bool,
}

impl Terms {
    /// The first moment when [`judge`](Self::judge) rejects the time; `None` if it never does.
    pub(super) fn valid_until(&self, scheme: &Scheme) -> Option<Timestamp> {
        let window = scheme.timestamp.as_ref().zip(self.at);
        let window = window.and_then(|(rule, at)| rule.valid_until(at));
        let end = self
            .expires
            .map(|end| end.saturating_add(self.leeway).unwrap_or(Timestamp::MAX));
        match (window, end) {
            (Some(window), Some(end)) => Some(window.min(end)),
            (window, end) => window.or(end),
        }
    }

    /// Checks the terms at `now`, with the finished digests of the body.
    pub(super) fn judge(
        &self,
        scheme: &Scheme,
        digests: &BodyDigests,
        now: Timestamp,
    ) -> Result<(), ProofError> {
        if !self.claims_match {
            return Err(ProofError::SignatureMismatch);
        }
        if let (Some(rule), Some(at)) = (&scheme.timestamp, self.at) {
            rule.judge(at, now)?;
        }
        let since = |time: Timestamp| now.duration_since(time);
        if self.expires.is_some_and(|end| since(end) >= self.leeway) {
            return Err(ProofError::TimestampStale);
        }
        if self.not_before.is_some_and(|at| -since(at) > self.leeway) {
            return Err(ProofError::TimestampFuture);
        }
        if !self.query_differs && digests.match_all(&self.digests) {
            Ok(())
        } else {
            Err(ProofError::BodyDigestMismatch)
        }
    }
}
