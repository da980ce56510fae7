//! TLS on a public listener.

use std::path::PathBuf;

use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::Stream;
use pingora_core::protocols::l4::stream::Stream as L4Stream;

use crate::tls::{PemError, certified_key, server};

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
        let key = certified_key(&files.certificate, &files.private_key)?;
        let config = if files.http2 {
            server(key, &[b"h2", b"http/1.1"])
        } else {
            server(key, &[b"http/1.1"])
        };
        Ok(Self(Acceptor::from_server_config(config)))
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
