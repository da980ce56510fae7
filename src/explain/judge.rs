//! Runs the verification of `auth` on a captured delivery. No other file of `explain` does.

use std::sync::Arc;

use jiff::Timestamp;

use super::attempt::Attempt;
use super::delivery::Delivery;
use crate::auth::{
    Claim, Head, KeyKind, KeyRing, NumberedKey, PartialRequest, PlaceValue, ProofError, Scheme,
    SecretError, Verified, verify_whole,
};
use crate::secrets::Secret;

/// The secrets of an endpoint, or one that was given on the command line.
pub struct Secrets {
    /// The current version.
    pub current: Version,
    /// The previous version, and when its overlap ends.
    pub previous: Option<(Version, Timestamp)>,
    /// Versions that are no longer valid.
    pub ended: Vec<Version>,
}

/// A decrypted version of a secret.
pub struct Version {
    /// Counts from 1.
    pub number: u32,
    /// The kind of key that the version was bound as.
    pub kind: Option<KeyKind>,
    /// The decrypted value.
    pub value: Arc<Secret>,
}

/// Why a delivery is not verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum JudgeError {
    /// The secret cannot be used as a key of the scheme.
    Secret(SecretError),
    /// The verification failed.
    Proof(ProofError),
}

impl Secrets {
    fn ring(&self, scheme: &Scheme) -> Result<KeyRing, SecretError> {
        let key = |version: &Version| {
            Ok::<_, SecretError>(NumberedKey {
                key: Arc::new(
                    scheme
                        .key()
                        .prepare_bound(version.kind, version.value.expose())?,
                ),
                version: version.number,
            })
        };
        let previous = self.previous.as_ref();
        Ok(KeyRing {
            current: key(&self.current)?,
            // Like the gate, ignores a version that was set for another scheme. The overlap counts from now, whatever
            // time the delivery is judged at.
            previous: previous.and_then(|(version, _)| Some((key(version).ok()?, Timestamp::MAX))),
        })
    }
}

/// Judges a delivery as it was captured.
pub(super) fn judge(
    scheme: &Arc<Scheme>,
    secrets: &Secrets,
    head: &Head<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, JudgeError> {
    // The claim first, as in the gate: without one, the delivery is refused whatever the secret is.
    let claim = Claim::read(scheme, head).map_err(JudgeError::Proof)?;
    if scheme.has_certificate() {
        scheme.certificate_url(body).map_err(JudgeError::Proof)?;
    }
    let keys = secrets.ring(scheme).map_err(JudgeError::Secret)?;
    verify(scheme, claim, keys, head, body, now)
}

/// Judges an attempt, with its secret as the only one.
pub(super) fn judge_attempt(attempt: &Attempt, now: Timestamp) -> Result<Verified, JudgeError> {
    let scheme = &attempt.scheme;
    let claim = Claim::read(scheme, &attempt.head()).map_err(JudgeError::Proof)?;
    let key = scheme.key().prepare(attempt.secret.expose());
    let keys = KeyRing {
        current: NumberedKey {
            key: Arc::new(key.map_err(JudgeError::Secret)?),
            version: 1,
        },
        previous: None,
    };
    verify(scheme, claim, keys, &attempt.head(), &attempt.body, now)
}

/// The time of the signature, if the head can be parsed.
pub(super) fn signed_at(scheme: &Scheme, head: &Head<'_>) -> Option<Timestamp> {
    Claim::read(scheme, head).ok()?.signed_at()
}

/// Whether the place of the proof has a value, in any form.
pub(super) fn has_proof_value(scheme: &Scheme, delivery: &Delivery) -> bool {
    let received = PartialRequest {
        head: delivery.head(),
        body: delivery.has_body.then_some(&*delivery.body),
    };
    let mut rules = scheme.signatures().iter();
    rules.any(|rule| rule.from.read(&received) != PlaceValue::Absent)
}

fn verify(
    scheme: &Arc<Scheme>,
    claim: Claim,
    keys: KeyRing,
    head: &Head<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, JudgeError> {
    let verified = verify_whole(scheme, claim, Arc::new(keys), head, body, now);
    let verified = verified.map_err(JudgeError::Proof)?;
    let received = PartialRequest {
        head: *head,
        body: Some(body),
    };
    scheme.check_account(received).map_err(JudgeError::Proof)?;
    Ok(verified)
}
