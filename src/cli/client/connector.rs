//! TLS towards a gate: whom a client trusts.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::cli::failure::Failure;

/// The authorities in the file `ca`, or those of the system.
pub(super) fn connector(ca: Option<&Path>) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        let wrong =
            |error: &dyn std::fmt::Display| Failure::Other(format!("{}: {error}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        let found = found.map_err(|error| Failure::Other(error.to_string()))?;
        roots.add_parsable_certificates(found);
    }
    if roots.is_empty() {
        let text = "no authority is trusted: there are no certificates; name them with --ca";
        return Err(Failure::Other(text.to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Other(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
