//! The terms of a proof: until when it holds, and which digest the body has.

use jiff::{SignedDuration, Timestamp};

use super::body_digest::{BodyDigests, DigestAlgorithm};
use crate::auth::{ProofError, Scheme};

/// What the sender says beside the message.
#[derive(Default)]
pub(in crate::auth) struct Terms {
    /// When it was signed, if the scheme has a window.
    pub(in crate::auth) at: Option<Timestamp>,
    /// From when on it holds.
    pub(in crate::auth) not_before: Option<Timestamp>,
    /// From when on it does not hold any more.
    pub(in crate::auth) expires: Option<Timestamp>,
    /// How far the sender's clock may be off where it says until when.
    pub(in crate::auth) leeway: SignedDuration,
    /// The digests of the body, as they were sent.
    pub(in crate::auth) digests: Vec<(DigestAlgorithm, Vec<u8>)>,
    /// Whether it says the digest of another query.
    pub(in crate::auth) query_differs: bool,
    /// Whether whatever else it says is about this endpoint and this request.
    pub(in crate::auth) agrees: bool,
}

impl Terms {
    /// From when on it is refused for its time.
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

    pub(super) fn judge(
        &self,
        scheme: &Scheme,
        digests: &BodyDigests,
        now: Timestamp,
    ) -> Result<(), ProofError> {
        if !self.agrees {
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
        if !self.query_differs && digests.are(&self.digests) {
            Ok(())
        } else {
            Err(ProofError::BodyDigestMismatch)
        }
    }
}
