//! The public listeners: sockets that are bound first, so that every one that cannot be is reported at
//! once, and the service that takes connections from them.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora_core::apps::ServerApp;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::listeners::{L4BufferSettings, ListenerConfig};
use pingora_core::protocols::{ALPN, Stream};
use pingora_core::server::{Fds, ShutdownWatch};
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use prometheus::IntGauge;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::delivery::{Delivery, Origin};
use super::{connection, h2};

/// A socket that is bound.
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsSettings>,
}

impl Bound {
    /// Where it listens; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// The files of a TLS listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The certificate and those that lead to its authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub private_key: PathBuf,
    /// Whether HTTP/2 is offered (ALPN `h2`).
    pub http2: bool,
}

impl TlsFiles {
    /// Reads the files and makes sure that they belong together.
    pub fn load(&self) -> Result<Arc<CertifiedKey>, ListenError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&read(&self.certificate)?)
                .collect::<Result<_, _>>()
                .map_err(|error| ListenError::file(&self.certificate, &error))?;
        if chain.is_empty() {
            return Err(ListenError::file(
                &self.certificate,
                &"there is no certificate in it",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.private_key)?)
            .map_err(|error| ListenError::file(&self.private_key, &error))?;
        let key = any_supported_type(&key)
            .map_err(|error| ListenError::file(&self.private_key, &error))?;
        let certified = CertifiedKey::new(chain, key);
        certified
            .keys_match()
            .map_err(|error| ListenError::file(&self.private_key, &error))?;
        Ok(Arc::new(certified))
    }
}

/// Binds a socket.
pub fn bind(address: SocketAddr, tls: Option<&TlsFiles>) -> Result<Bound, ListenError> {
    let tls = tls.map(tls_settings).transpose()?;
    let in_use = |error: std::io::Error| ListenError::Address {
        address,
        error: error.to_string(),
    };
    let socket = TcpListener::bind(address).map_err(in_use)?;
    socket.set_nonblocking(true).map_err(in_use)?;
    let address = socket.local_addr().map_err(in_use)?;
    Ok(Bound {
        socket,
        address,
        tls,
    })
}

/// Takes connections and serves them.
pub struct PublicApp {
    delivery: Arc<Delivery>,
    connections: Semaphore,
    open: TaskTracker,
}

impl PublicApp {
    /// An app for `delivery`.
    pub fn new(delivery: Arc<Delivery>) -> Self {
        Self {
            connections: Semaphore::new(delivery.settings().max_connections),
            open: TaskTracker::new(),
            delivery,
        }
    }

    /// Serves on `sockets` until `shutdown` turns true, and then until no connection is left.
    pub async fn run(self, sockets: Vec<Bound>, shutdown: ShutdownWatch) {
        let open = self.open.clone();
        let mut service = Service::new("public".to_owned(), self);
        let mut fds = Fds::new();
        for Bound {
            socket,
            address,
            tls,
        } in sockets
        {
            let name = address.to_string();
            let mut config = ListenerConfig::tcp(name.clone())
                .l4_buffer(L4BufferSettings::default().read(READ_BUFFER));
            if let Some(settings) = tls {
                config = config.tls(settings);
            }
            service.endpoints().add_listener(config);
            // Pingora takes sockets over by the name of their address.
            fds.add(name, socket.into_raw_fd());
        }
        let fds = Arc::new(Mutex::new(fds));
        service.start_service(Some(fds), shutdown, 1).await;
        // What was accepted a moment ago gets the time to be counted.
        tokio::time::sleep(SETTLE).await;
        open.close();
        open.wait().await;
    }
}

#[async_trait]
impl ServerApp for PublicApp {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let _counted = self.open.token();
        // More connections than are allowed are closed rather than kept waiting.
        let _permit = self.connections.try_acquire().ok()?;
        let _shown = Shown::new(self.delivery.telemetry.metrics().connections());
        let origin = Origin {
            peer: stream
                .get_socket_digest()
                .and_then(|digest| Some(digest.peer_addr()?.as_inet()?.ip())),
            over_tls: stream.get_ssl_digest().is_some(),
        };
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            h2::serve(&self.delivery, stream, origin, shutdown).await;
        } else {
            connection::serve(&self.delivery, stream, origin, shutdown).await;
        }
        None
    }
}

/// A connection that the gauge shows.
struct Shown(IntGauge);

impl Shown {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A listener that cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system answered.
        error: String,
    },

    /// A file cannot be used.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
}

impl ListenError {
    fn file(path: &Path, error: &impl ToString) -> Self {
        Self::File {
            path: path.to_owned(),
            error: error.to_string(),
        }
    }
}

/// The one certificate of a listener, whatever name the client asks for.
#[derive(Debug)]
struct OneCertificate(Arc<CertifiedKey>);

impl ResolvesServerCert for OneCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn tls_settings(files: &TlsFiles) -> Result<TlsSettings, ListenError> {
    let certificate = files.load()?;
    // The paths are not used: with a resolver, Pingora reads no file, and so none can make it panic.
    let mut settings = TlsSettings::intermediate("", "")
        .map_err(|error| ListenError::file(&files.certificate, &error))?;
    settings.set_cert_resolver(Arc::new(OneCertificate(certificate)));
    settings.set_alpn(if files.http2 { ALPN::H2H1 } else { ALPN::H1 });
    Ok(settings)
}

fn read(path: &Path) -> Result<Vec<u8>, ListenError> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PEM_BYTES).read_to_end(&mut bytes))
        .map_err(|error| ListenError::file(path, &error))?;
    Ok(bytes)
}

const MAX_PEM_BYTES: u64 = 1024 * 1024;
/// A quarter of Pingora's default: a connection that waits costs memory.
const READ_BUFFER: usize = 16 * 1024;
const SETTLE: Duration = Duration::from_millis(50);
