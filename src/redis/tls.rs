//! TLS to Redis: who is trusted there, and what the gate shows.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

/// TLS, ready to be used. The server's certificate is always verified.
#[derive(Clone)]
pub struct RedisTls(pub(super) Arc<ClientConfig>);

impl RedisTls {
    /// Trusts the authorities in the file `ca`, or those of the system; shows the certificate in the first
    /// file of `client`, whose key is in the second one.
    pub fn new(ca: Option<&Path>, client: Option<(&Path, &Path)>) -> Result<Self, TlsFileError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = ca {
            let wrong = |error: &dyn fmt::Display| TlsPart::Authorities.wrong(path, error);
            for certificate in certificates(path, TlsPart::Authorities)? {
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
        } else {
            let system = rustls_native_certs::load_native_certs()
                .map_err(|error| TlsPart::Authorities.wrong(Path::new("the system's"), &error))?;
            roots.add_parsable_certificates(system);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|_| unreachable!("ring supports what is safe"))
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate, TlsPart::Certificate)?;
                let wrong = |error: &dyn fmt::Display| TlsPart::Key.wrong(key, error);
                let bytes = read(key).map_err(|error| wrong(&error))?;
                let private =
                    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| wrong(&error))?;
                let config = builder.with_client_auth_cert(chain, private);
                config.map_err(|error| wrong(&error))?
            }
        };
        Ok(Self(Arc::new(config)))
    }
}

fn certificates(path: &Path, part: TlsPart) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let wrong = |error: &dyn fmt::Display| part.wrong(path, error);
    let bytes = read(path).map_err(|error| wrong(&error))?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    if certificates.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(certificates)
}

fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct TlsFileError {
    /// The file.
    pub path: PathBuf,
    /// What was to be read from it.
    pub part: TlsPart,
    /// What is wrong with it.
    pub error: String,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each is a key of the configuration"
)]
pub enum TlsPart {
    /// Who may have signed the server's certificate.
    Authorities,
    /// The gate's own certificate.
    Certificate,
    /// Its key.
    Key,
}

impl TlsPart {
    fn wrong(self, path: &Path, error: &dyn fmt::Display) -> TlsFileError {
        TlsFileError {
            path: path.to_owned(),
            part: self,
            error: error.to_string(),
        }
    }
}

const MAX_BYTES: u64 = 1024 * 1024;
