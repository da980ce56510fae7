//! A claim whose key is still to be fetched.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Algorithm, Begun, CertificateUrl, Certified, Claim, ProofError, Scheme, Verification};

/// A claim that waits for its body, because that names the certificate.
pub struct Uncertified {
    scheme: Arc<Scheme>,
    claim: Claim,
    now: Timestamp,
}

impl Uncertified {
    /// A claim of a scheme whose key is a certificate.
    pub fn new(scheme: &Arc<Scheme>, claim: Claim, now: Timestamp) -> Self {
        Self {
            scheme: Arc::clone(scheme),
            claim,
            now,
        }
    }

    /// What the certificate is used for.
    pub fn algorithm(&self) -> Algorithm {
        self.scheme.algorithm()
    }

    /// Where the certificate is. Nothing is proven yet; but it can lie only where the scheme allows.
    pub fn certificate_url(&self, body: &[u8]) -> Result<CertificateUrl, ProofError> {
        self.scheme.certificate_url(body)
    }

    /// Goes on with the certificate.
    pub fn certified(self, certified: &Certified) -> Result<Begun, ProofError> {
        let keys = certified.keys(self.now)?;
        Verification::begin(&self.scheme, self.claim, keys, self.now)
    }
}
