//! A digest of the body that is sent and signed in its place.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Place, ProofError, Received, Source, Template};

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
        if !self.ends_query(received, &text) {
            return Err(ProofError::SignatureMismatch);
        }
        let mut sent = [0; 32];
        hex::decode_to_slice(&*text, &mut sent).map_err(|_| ProofError::SignatureMalformed)?;
        let actual: [u8; 32] = Sha256::digest(body).into();
        if bool::from(actual.ct_eq(&sent)) {
            Ok(())
        } else {
            Err(ProofError::BodyDigestMismatch)
        }
    }

    /// Whether the digest is the last of the query, where it is one of its parameters. Senders append it.
    /// Anywhere else, fields of a form that was signed behind the URL could pose as the rest of the query.
    fn ends_query(&self, received: &Received<'_>, text: &[u8]) -> bool {
        let query = received.head.query.unwrap_or_default();
        let last = query.rsplit('&').next().unwrap_or_default();
        self.from.places().iter().all(|place| match place {
            Place::Query(name) => last
                .strip_prefix(&**name)
                .and_then(|rest| rest.strip_prefix('='))
                .is_some_and(|digest| digest.as_bytes() == text),
            _ => true,
        })
    }
}
