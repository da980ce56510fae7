//! The key in the certificate of a message, and the validity of the certificate.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::auth::{Algorithm, Key, KeyRing, NumberedKey, ProofError};

/// The key of a certificate that was fetched from Amazon SNS.
///
/// SNS serves no chain with the certificate. Trust in it comes from the host that served it over HTTPS.
#[derive(Clone)]
pub struct CertificateKeys {
    keys: Arc<KeyRing>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl CertificateKeys {
    /// Reads a PEM file with one certificate.
    pub fn read(algorithm: Algorithm, pem: &[u8]) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| CertificateError)?;
        let (_, read) = X509Certificate::from_der(&der).map_err(|_| CertificateError)?;
        let at = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|_| CertificateError)
        };
        let key = Key::prepare(algorithm, read.public_key().raw).map_err(|_| CertificateError)?;
        Ok(Self {
            not_before: at(read.validity().not_before)?,
            not_after: at(read.validity().not_after)?,
            keys: Arc::new(KeyRing {
                current: NumberedKey {
                    key: Arc::new(key),
                    version: 1,
                },
                previous: None,
            }),
        })
    }

    /// The key, if the certificate is valid at `now` (RFC 5280 §4.1.2.5).
    pub fn keys(&self, now: Timestamp) -> Result<Arc<KeyRing>, ProofError> {
        if (self.not_before..=self.not_after).contains(&now) {
            Ok(Arc::clone(&self.keys))
        } else {
            Err(ProofError::SignatureMismatch)
        }
    }

    /// The end of the certificate's validity.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// A file that is not a certificate, or a certificate with another kind of key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is not a certificate with an RSA key")]
pub struct CertificateError;
