//! Where `explain` asks `auth`: the one file that knows how a verification is driven.

use std::sync::Arc;

use jiff::Timestamp;

use super::attempt::Attempt;
use crate::auth::{
    Claim, Head, KeyKind, KeyRing, NumberedKey, ProofError, Received, Scheme, UnusableSecret,
    Verified, verify_whole,
};
use crate::secrets::Secret;

/// The secrets of an endpoint, or the one that somebody typed.
pub struct Secrets {
    /// The current one.
    pub current: Version,
    /// The one before it, and when it stops to count.
    pub previous: Option<(Version, Timestamp)>,
    /// Those that do not count any more.
    pub ended: Vec<Version>,
}

/// A version of a secret, open.
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// The kind of key that it was bound as.
    pub kind: Option<KeyKind>,
    /// Its value.
    pub value: Arc<Secret>,
}

/// Why there is no verdict, or a bad one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failed {
    /// The secret makes no key.
    Secret(UnusableSecret),
    /// The proof was refused.
    Proof(ProofError),
}

impl Secrets {
    fn ring(&self, scheme: &Scheme) -> Result<KeyRing, UnusableSecret> {
        let key = |version: &Version| {
            Ok::<_, UnusableSecret>(NumberedKey {
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
            // As the gate does it: one that was set for another scheme does not count. It counts in the
            // present, whatever time the delivery is judged at.
            previous: previous.and_then(|(version, _)| Some((key(version).ok()?, Timestamp::MAX))),
        })
    }
}

/// The verdict on a delivery as it is.
pub(super) fn judge(
    scheme: &Arc<Scheme>,
    secrets: &Secrets,
    head: &Head<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, Failed> {
    // The claim first, as in the gate: a head without one is refused whatever the secret is.
    let claim = Claim::read(scheme, head).map_err(Failed::Proof)?;
    if scheme.has_certificate() {
        scheme.certificate_url(body).map_err(Failed::Proof)?;
    }
    let keys = secrets.ring(scheme).map_err(Failed::Secret)?;
    verify(scheme, claim, keys, head, body, now)
}

/// The verdict on an attempt: as if its secret were the only one.
pub(super) fn judge_attempt(attempt: &Attempt, now: Timestamp) -> Result<Verified, Failed> {
    let scheme = &attempt.scheme;
    let claim = Claim::read(scheme, &attempt.head()).map_err(Failed::Proof)?;
    let key = scheme.key().prepare(attempt.secret.expose());
    let keys = KeyRing {
        current: NumberedKey {
            key: Arc::new(key.map_err(Failed::Secret)?),
            version: 1,
        },
        previous: None,
    };
    verify(scheme, claim, keys, &attempt.head(), &attempt.body, now)
}

/// When the delivery was signed, as far as its head can be read.
pub(super) fn signed_at(scheme: &Scheme, head: &Head<'_>) -> Option<Timestamp> {
    Claim::read(scheme, head).ok()?.signed_at()
}

fn verify(
    scheme: &Arc<Scheme>,
    claim: Claim,
    keys: KeyRing,
    head: &Head<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, Failed> {
    let verified = verify_whole(scheme, claim, Arc::new(keys), head, body, now);
    let verified = verified.map_err(Failed::Proof)?;
    let received = Received {
        head: *head,
        body: Some(body),
    };
    scheme.check_account(received).map_err(Failed::Proof)?;
    Ok(verified)
}
