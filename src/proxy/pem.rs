//! Certificates and keys in PEM files, read and verified here: Pingora panics over bad ones.

use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// The authorities in a file, for the certificates of a backend.
pub fn authorities(path: &Path) -> Result<Arc<CaType>, PemError> {
    let authorities: Vec<WrappedX509> = certificates(path)?
        .into_iter()
        .map(|der| WrappedX509::new(der.to_vec(), parse_x509))
        .collect();
    Ok(authorities.into())
}

/// The authorities in a file, for whoever is asked outside.
pub fn trusted_authorities(path: &Path) -> Result<Arc<RootCertStore>, PemError> {
    let wrong = |error: &dyn Display| PemPart::Certificate.wrong(path, &error);
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    Ok(roots.into())
}

/// A certificate, those that lead to its authority, and its key, for a backend that asks for them.
pub fn client_certificate(certificate: &Path, key: &Path) -> Result<Arc<CertKey>, PemError> {
    // The same files as a listener's, and the same conditions.
    let certified = certified_key(certificate, key)?;
    let chain = certified.cert.iter().map(|der| der.to_vec()).collect();
    let key = private_key(key)?.secret_der().to_vec();
    Ok(Arc::new(CertKey::new(chain, key)))
}

/// A certificate, those that lead to its authority, and the key that belongs to it.
pub(super) fn certified_key(certificate: &Path, key: &Path) -> Result<CertifiedKey, PemError> {
    let chain = certificates(certificate)?;
    let wrong = |error: &dyn Display| PemPart::PrivateKey.wrong(key, &error);
    let signer = any_supported_type(&private_key(key)?).map_err(|error| wrong(&error))?;
    let certified = CertifiedKey::new(chain, signer);
    certified
        .keys_match()
        .map_err(|_| wrong(&"does not belong to the certificate"))?;
    Ok(certified)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let wrong = |error: &dyn Display| PemPart::Certificate.wrong(path, &error);
    let bytes = read(path).map_err(|error| wrong(&error))?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    if certificates.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    for certificate in &certificates {
        x509_parser::parse_x509_certificate(certificate).map_err(|error| wrong(&error))?;
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let wrong = |error: &dyn Display| PemPart::PrivateKey.wrong(path, &error);
    let bytes = read(path).map_err(|error| wrong(&error))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong(&"there is no private key in it"),
        error => wrong(&error),
    })
}

fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path)?;
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct PemError {
    /// The file.
    pub path: PathBuf,
    /// What was to be read from it.
    pub part: PemPart,
    /// What is wrong with it.
    pub error: String,
}

/// What a PEM file holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PemPart {
    /// Certificates.
    Certificate,
    /// A private key.
    PrivateKey,
}

impl PemPart {
    fn wrong(self, path: &Path, error: &impl Display) -> PemError {
        PemError {
            path: path.to_owned(),
            part: self,
            error: error.to_string(),
        }
    }
}

const MAX_BYTES: u64 = 1024 * 1024;
