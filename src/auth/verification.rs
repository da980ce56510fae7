//! The verification: a claim meets the keys, and the body as it arrives.

use std::sync::Arc;

use jiff::Timestamp;

use super::candidates::Signatures;
use super::claim::{Offer, Signed};
use super::key::{Code, KeyRing, NumberedKey};
use super::{Claim, Generation, ProofError, Scheme, Signature, Verified};

/// What a claim and the keys give before the body.
pub enum Begun {
    /// The head alone was the proof.
    Proven(Verified),
    /// The body is covered: it decides.
    Streaming(Verification),
}

/// A proof in progress over the bytes of a body.
pub struct Verification {
    scheme: Arc<Scheme>,
    signatures: Signatures,
    signed: Signed,
    keys: Arc<KeyRing>,
    now: Timestamp,
    code: Code,
}

impl Verification {
    /// Judges `claim` by the keys that are valid `now`.
    ///
    /// A token is settled here: right or refused, in either case without the body.
    pub fn begin(
        scheme: &Arc<Scheme>,
        claim: Claim,
        keys: Arc<KeyRing>,
        now: Timestamp,
    ) -> Result<Begun, ProofError> {
        match claim.offer {
            Offer::Tokens { digests, places } => judge_tokens(&digests, &keys, now)
                .map(|(key, generation)| {
                    Begun::Proven(Verified::by_token(key.version, generation, places))
                })
                .ok_or(ProofError::TokenMismatch),
            Offer::Signatures(signatures, signed) => {
                let mut code = keys
                    .current
                    .key
                    .begin()
                    .ok_or(ProofError::SignatureMismatch)?;
                code.update(&signed.around.before_body);
                Ok(Begun::Streaming(Self {
                    scheme: Arc::clone(scheme),
                    signatures,
                    signed,
                    keys,
                    now,
                    code,
                }))
            }
        }
    }

    /// An endpoint that asks for no proof gets one without any.
    ///
    /// Only the server's own configuration may lead here.
    pub fn dangerous_waive() -> Begun {
        Begun::Proven(Verified::dangerous_without_proof())
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        self.code.update(bytes);
    }

    /// The verdict, once the last byte of `body` was taken.
    ///
    /// The current key was fed as the body arrived. A previous key is tried only if that fails, over
    /// the body as it is kept: the rare sender inside an overlap pays for a second hash, and the
    /// others do not.
    pub fn finish(mut self, body: &[u8]) -> Result<Verified, ProofError> {
        self.code.update(&self.signed.around.after_body);
        let (matches, fingerprint) = self.code.compare(self.signatures.iter());
        let mut signature = Signature {
            by_current: fingerprint,
            by_previous: None,
            valid_until: valid_until(&self.scheme, &self.signed),
        };
        if matches {
            let version = self.keys.current.version;
            // After the signature: whoever cannot sign is not told what the clock says.
            in_time(&self.scheme, &self.signed, self.now)?;
            return Ok(Verified::by_signature(version, signature));
        }
        let previous = self
            .keys
            .previous_at(self.now)
            .ok_or(ProofError::SignatureMismatch)?;
        let mut code = previous.key.begin().ok_or(ProofError::SignatureMismatch)?;
        code.update(&self.signed.around.before_body);
        code.update(body);
        code.update(&self.signed.around.after_body);
        let (matches, fingerprint) = code.compare(self.signatures.iter());
        if !matches {
            return Err(ProofError::SignatureMismatch);
        }
        in_time(&self.scheme, &self.signed, self.now)?;
        signature.by_previous = Some(fingerprint);
        Ok(Verified::by_signature(previous.version, signature))
    }
}

fn in_time(scheme: &Scheme, signed: &Signed, now: Timestamp) -> Result<(), ProofError> {
    match (&scheme.timestamp, signed.at) {
        (Some(rule), Some(at)) => rule.judge(at, now),
        _ => Ok(()),
    }
}

fn valid_until(scheme: &Scheme, signed: &Signed) -> Option<Timestamp> {
    scheme.timestamp.as_ref()?.valid_until(signed.at?)
}

fn judge_tokens<'k>(
    digests: &[[u8; 32]],
    keys: &'k KeyRing,
    now: Timestamp,
) -> Option<(&'k NumberedKey, Generation)> {
    if keys.current.key.matches_tokens(digests) {
        return Some((&keys.current, Generation::Current));
    }
    keys.previous_at(now)
        .filter(|previous| previous.key.matches_tokens(digests))
        .map(|previous| (previous, Generation::Previous))
}
