//! TLS on a public listener.

use std::path::PathBuf;
use std::sync::Arc;

use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::Stream;
use pingora_core::protocols::l4::stream::Stream as L4Stream;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

use crate::tls::{PemError, certified_key};

/// The files of a TLS listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The certificate and its chain, PEM.
    pub certificate: PathBuf,
    /// The private key of the certificate, PEM.
    pub private_key: PathBuf,
    /// Whether HTTP/2 is offered (ALPN `h2`).
    pub http2: bool,
}

impl TlsFiles {
    /// Checks that the files can be read, and that the key belongs to the certificate.
    pub fn check(&self) -> Result<(), PemError> {
        certified_key(&self.certificate, &self.private_key).map(drop)
    }
}

/// The server side of TLS handshakes.
pub(super) struct TlsAcceptor(Acceptor);

impl TlsAcceptor {
    pub(super) fn new(files: &TlsFiles) -> Result<Self, PemError> {
        // One certificate for every server name.
        let key = certified_key(&files.certificate, &files.private_key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap_or_else(|_| unreachable!("the provider has suites for both versions"))
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if files.http2 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        Ok(Self(Acceptor::from_server_config(Arc::new(config))))
    }

    /// Runs the handshake on an accepted connection; `None` if it failed.
    pub(super) async fn accept(&self, stream: Stream) -> Option<Stream> {
        let stream: L4Stream = *stream.into_any().downcast().ok()?;
        match self.0.tls_handshake(stream).await {
            Ok(stream) => Some(Box::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "TLS handshake failed");
                None
            }
        }
    }
}
