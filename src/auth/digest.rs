//! A digest of the body that is sent and signed in its place.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{ProofError, Received, Source, Template};

/// A digest of the body that is sent beside it, and is signed in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DigestRule {
    /// Where the SHA-256 of the body is, in hexadecimal; the rule counts if it is there.
    pub from: Source,
    /// What is signed then.
    pub signed: Template,
}

impl DigestRule {
    pub(super) fn check(&self, received: &Received<'_>) -> Result<(), ProofError> {
        let body = received.body.ok_or(ProofError::SignatureMalformed)?;
        let text = self.from.required(received)?;
        let mut sent = [0; 32];
        hex::decode_to_slice(&*text, &mut sent).map_err(|_| ProofError::SignatureMalformed)?;
        let actual: [u8; 32] = Sha256::digest(body).into();
        if bool::from(actual.ct_eq(&sent)) {
            Ok(())
        } else {
            Err(ProofError::BodyDigestMismatch)
        }
    }
}
