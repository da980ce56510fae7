//! Certificates and keys in the types of Pingora, which panics on invalid ones. They are validated before.

use std::path::Path;
use std::sync::Arc;

use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};

use crate::tls::{PemError, PemPart, certificates, certified_key, private_key};

/// The authorities in a file, to verify the certificate of a backend.
pub fn authorities(path: &Path) -> Result<Arc<CaType>, PemError> {
    let authorities: Vec<WrappedX509> = certificates(path, PemPart::Authorities)?
        .into_iter()
        .map(|der| WrappedX509::new(der.to_vec(), parse_x509))
        .collect();
    Ok(authorities.into())
}

/// A certificate with its chain and its private key, for a backend that asks for them.
pub fn client_certificate(certificate: &Path, key: &Path) -> Result<Arc<CertKey>, PemError> {
    // Checks that the two belong together.
    let certified = certified_key(certificate, key)?;
    let chain = certified.cert.iter().map(|der| der.to_vec()).collect();
    let key = private_key(key)?.secret_der().to_vec();
    Ok(Arc::new(CertKey::new(chain, key)))
}
