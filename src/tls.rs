//! PEM files, trusted authorities and TLS clients.
//!
//! Every certificate and key file of the configuration is read here. So are the authorities of the system, for the
//! connections that the gate opens itself: to Redis, to providers, and by commands. PostgreSQL and AWS KMS are the
//! exceptions, because their libraries read these files themselves.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use crate::private_file::check_owner;

/// The trusted authorities: those in the file `ca`, or those of the system.
pub fn roots(ca: Option<&Path>) -> Result<Arc<RootCertStore>, PemError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        for certificate in certificates(path, PemPart::Authorities)? {
            let added = roots.add(certificate);
            added.map_err(|error| PemPart::Authorities.wrong(path, &error))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        let system = Path::new("the authorities of the system");
        let found = found.map_err(|error| PemPart::Authorities.wrong(system, &error))?;
        roots.add_parsable_certificates(found);
    }
    Ok(roots.into())
}

/// A TLS client that trusts `roots` and presents `client` if the server asks for a certificate.
pub fn client(roots: Arc<RootCertStore>, client: Option<CertifiedKey>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("ring supports the default versions"))
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
    };
    Arc::new(config)
}

/// A TLS server with one certificate for every server name. `protocols` are offered by ALPN, the preferred one first.
pub fn server(key: CertifiedKey, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap_or_else(|_| unreachable!("the provider has suites for both versions"))
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// A certificate with its chain, and the private key that belongs to it.
pub fn certified_key(certificate: &Path, key: &Path) -> Result<CertifiedKey, PemError> {
    let chain = certificates(certificate, PemPart::Certificate)?;
    let wrong = |error: &dyn Display| PemPart::PrivateKey.wrong(key, error);
    let signer = any_supported_type(&private_key(key)?).map_err(|error| wrong(&error))?;
    let certified = CertifiedKey::new(chain, signer);
    certified
        .keys_match()
        .map_err(|_| wrong(&"does not belong to the certificate"))?;
    Ok(certified)
}

/// The certificates in a file. There is at least one, and each is valid DER.
pub fn certificates(path: &Path, part: PemPart) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let wrong = |error: &dyn Display| part.wrong(path, error);
    let bytes = File::open(path).and_then(read);
    let bytes = bytes.map_err(|error| wrong(&error))?;
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

/// The private key in a file, which must not belong to another user.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let wrong = |error: &dyn Display| PemPart::PrivateKey.wrong(path, error);
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let found = file.metadata().map_err(|error| wrong(&error))?;
    check_owner(&found).map_err(|foreign| wrong(&foreign))?;
    let bytes = read(file).map_err(|error| wrong(&error))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong(&"there is no private key in it"),
        error => wrong(&error),
    })
}

/// Reads a file, at most [`MAX_BYTES`] of it. The buffer is zeroed, because it may hold a private key.
fn read(file: File) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A certificate or key file that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct PemError {
    /// The path of the file.
    pub path: PathBuf,
    /// What it should contain. The configuration reports the error under the matching key.
    pub part: PemPart,
    /// The fault.
    pub error: String,
}

/// What a PEM file should contain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each is a key of the configuration"
)]
pub enum PemPart {
    /// The authorities that may have signed the certificate of a server.
    Authorities,
    /// The certificate of the gate, with its chain.
    Certificate,
    /// The private key of the gate.
    PrivateKey,
}

impl PemPart {
    fn wrong(self, path: &Path, error: &dyn Display) -> PemError {
        PemError {
            path: path.to_owned(),
            part: self,
            error: error.to_string(),
        }
    }
}

const MAX_BYTES: u64 = 1024 * 1024;
