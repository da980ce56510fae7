//! A claim that needs a certificate: its body names the URL, and the caller fetches it.

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::sns::SnsMessage;
use super::{
    Algorithm, CertificateKeys, CertificateUrl, Claim, ProofError, Scheme, Verification,
    VerificationStart,
};

/// A claim without its key, because the body names the certificate.
pub struct CertificateClaim {
    scheme: Arc<Scheme>,
    claim: Claim,
    now: Timestamp,
    /// The body, once it was parsed for its certificate.
    message: Option<ParsedBody>,
}

impl CertificateClaim {
    /// Holds `claim` until its certificate is fetched. `now` is the time of the verification.
    pub fn new(scheme: &Arc<Scheme>, claim: Claim, now: Timestamp) -> Self {
        Self {
            scheme: Arc::clone(scheme),
            claim,
            now,
            message: None,
        }
    }

    /// The algorithm that uses the key of the certificate.
    pub fn algorithm(&self) -> Algorithm {
        self.scheme.algorithm()
    }

    /// The URL of the certificate. It is unproven, but the scheme restricts its host.
    pub fn certificate_url(&mut self, body: &[u8]) -> Result<CertificateUrl, ProofError> {
        let message = SnsMessage::read(body).ok_or(ProofError::SignatureMalformed)?;
        let parsed = self.message.insert(ParsedBody::new(body, message));
        self.scheme.certificate_of(&parsed.message)
    }

    /// Starts the verification with the fetched certificate.
    pub fn certified(self, certified: &CertificateKeys) -> Result<VerificationStart, ProofError> {
        let keys = certified.keys(self.now)?;
        let start = Verification::begin(&self.scheme, self.claim, keys, self.now)?;
        Ok(match start {
            VerificationStart::Streaming(verification) => {
                VerificationStart::Streaming(verification.over(self.message))
            }
            proven @ VerificationStart::Proven(_) => proven,
        })
    }
}

/// A message with the digest of the body that it was parsed from, so that it proves no other body.
pub(super) struct ParsedBody {
    digest: [u8; 32],
    message: SnsMessage,
}

impl ParsedBody {
    fn new(body: &[u8], message: SnsMessage) -> Self {
        Self {
            digest: Sha256::digest(body).into(),
            message,
        }
    }

    /// The message, if it was parsed from `body`.
    pub(super) fn message_of(self, body: &[u8]) -> Option<SnsMessage> {
        let digest: [u8; 32] = Sha256::digest(body).into();
        (digest == self.digest).then_some(self.message)
    }
}
