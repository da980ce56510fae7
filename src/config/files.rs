//! Certificates that configuration points to, read and verified before Pingora sees them: it panics
//! over bad ones.

use std::path::Path;
use std::sync::Arc;

use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::proxy::TlsFiles;

/// The authorities in a PEM file.
pub(super) fn authorities(path: &Path) -> Result<Arc<CaType>, String> {
    let authorities: Vec<WrappedX509> = certificates(path)?
        .into_iter()
        .map(|der| WrappedX509::new(der, parse_x509))
        .collect();
    Ok(authorities.into())
}

/// A certificate and its key, for a backend that asks for one.
pub(super) fn client_certificate(certificate: &Path, key: &Path) -> Result<CertKey, String> {
    // The same files as a listener's, and the same conditions.
    TlsFiles {
        certificate: certificate.to_owned(),
        private_key: key.to_owned(),
        http2: false,
    }
    .load()
    .map_err(|error| error.to_string())?;
    let key_der = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("{}: {error}", key.display()))?
        .secret_der()
        .to_vec();
    Ok(CertKey::new(certificates(certificate)?, key_der))
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let explain = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| explain(&error))?;
    if certificates.is_empty() {
        return Err(explain(&"there is no certificate in it"));
    }
    for certificate in &certificates {
        x509_parser::parse_x509_certificate(certificate).map_err(|error| explain(&error))?;
    }
    Ok(certificates
        .into_iter()
        .map(|certificate| certificate.to_vec())
        .collect())
}
