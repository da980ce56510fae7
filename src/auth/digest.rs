//! Senders that put a digest of the body into the request and sign the digest instead of the body.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{PartialRequest, Place, ProofError, Source, Template};

/// A digest that senders sign instead of the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DigestRule {
    /// The place of the SHA-256 of the body, in hexadecimal. The rule applies only if the value is present.
    pub from: Source,
    /// The message that is signed if the digest is present.
    pub signed: Template,
}

impl DigestRule {
    /// Compares the digest that was sent with that of the body, in constant time.
    pub(super) fn check(&self, received: &PartialRequest<'_>) -> Result<(), ProofError> {
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

    /// Whether a digest in the query is its last parameter, where senders append it.
    ///
    /// Otherwise the fields of a form delivery, which are signed after the URL, could pass for the rest of the query.
    fn ends_query(&self, received: &PartialRequest<'_>, text: &[u8]) -> bool {
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
