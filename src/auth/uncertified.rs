//! A claim that needs a certificate: its body names the URL, and the caller fetches it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Algorithm, Begun, CertificateUrl, Certified, Claim, ProofError, Scheme, Verification};

/// A claim without its key, because the body names the certificate.
pub struct Uncertified {
    scheme: Arc<Scheme>,
    claim: Claim,
    now: Timestamp,
}

impl Uncertified {
    /// Holds `claim` until its certificate is fetched. `now` is the time of the verification.
    pub fn new(scheme: &Arc<Scheme>, claim: Claim, now: Timestamp) -> Self {
        Self {
            scheme: Arc::clone(scheme),
            claim,
            now,
        }
    }

    /// The algorithm that uses the key of the certificate.
    pub fn algorithm(&self) -> Algorithm {
        self.scheme.algorithm()
    }

    /// The URL of the certificate. It is unproven, but the scheme restricts its host.
    pub fn certificate_url(&self, body: &[u8]) -> Result<CertificateUrl, ProofError> {
        self.scheme.certificate_url(body)
    }

    /// Starts the verification with the fetched certificate.
    pub fn certified(self, certified: &Certified) -> Result<Begun, ProofError> {
        let keys = certified.keys(self.now)?;
        Verification::begin(&self.scheme, self.claim, keys, self.now)
    }
}
