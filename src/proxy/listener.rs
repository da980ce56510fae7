//! The public listeners: bound sockets, and the services that accept connections from them.
//!
//! All sockets are bound before any is served, so that every address that fails is reported at once.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora_core::apps::ServerApp;
use pingora_core::listeners::{L4BufferSettings, ListenerConfig};
use pingora_core::protocols::{ALPN, Stream};
use pingora_core::server::{Fds, ShutdownWatch};
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use prometheus::IntGauge;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::delivery::{Delivery, Origin};
use super::tls::{TlsAcceptor, TlsFiles};
use super::{connection, h2};
use crate::clock::within;
use crate::task::{Task, Tasks};
use crate::tls::PemError;

/// A bound socket, with the TLS configuration of its connections.
pub struct BoundListener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<TlsAcceptor>>,
}

impl BoundListener {
    /// The local address. For port 0 it has the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections use TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// Binds `address`, and loads the files of its certificate.
pub fn bind(address: SocketAddr, tls: Option<&TlsFiles>) -> Result<BoundListener, ListenError> {
    let tls = tls.map(TlsAcceptor::new).transpose()?.map(Arc::new);
    let failed = |error: std::io::Error| ListenError::Address {
        address,
        error: error.to_string(),
    };
    let socket = TcpListener::bind(address).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(BoundListener {
        socket,
        address,
        tls,
    })
}

/// Accepts connections and serves them.
pub struct PublicApp {
    delivery: Arc<Delivery>,
    connections: Semaphore,
    open: TaskTracker,
}

impl PublicApp {
    /// An app that serves every connection with `delivery`.
    pub fn new(delivery: Arc<Delivery>) -> Self {
        Self {
            connections: Semaphore::new(delivery.settings().max_connections),
            open: TaskTracker::new(),
            delivery,
        }
    }

    /// Serves `sockets` until `shutdown` turns true, and then drains the open connections.
    pub async fn run(self, sockets: Vec<BoundListener>, shutdown: ShutdownWatch, tasks: Tasks) {
        let app = Arc::new(self);
        let mut accept_tasks = Vec::new();
        for bound in sockets {
            let task = if bound.is_tls() { HTTPS } else { HTTP };
            let (app, bound, shutdown) = (Arc::clone(&app), Arc::new(bound), shutdown.clone());
            accept_tasks.push(tasks.supervise(task, move |_| {
                let (app, bound) = (Arc::clone(&app), Arc::clone(&bound));
                app.accept(bound, shutdown.clone())
            }));
        }
        for task in accept_tasks {
            // It ends with the shutdown.
            let _ = task.await;
        }
        // A connection that was just accepted needs a moment to take its token.
        tokio::time::sleep(SETTLE).await;
        app.open.close();
        app.open.wait().await;
    }

    /// Accepts connections from one socket. The socket stays open, so a restart after a panic uses it again.
    async fn accept(self: Arc<Self>, bound: Arc<BoundListener>, shutdown: ShutdownWatch) {
        let socket = match bound.socket.try_clone() {
            Ok(socket) => socket,
            Err(error) => {
                warn!(address = %bound.address, %error, "cannot accept connections");
                return;
            }
        };
        let tls = bound.tls.clone();
        let name = bound.address.to_string();
        let config = ListenerConfig::tcp(name.clone())
            .l4_buffer(L4BufferSettings::default().read(READ_BUFFER));
        // Pingora finds an inherited socket by its address.
        let mut fds = Fds::new();
        fds.add(name, socket.into_raw_fd());
        let mut service = Service::new("public".to_owned(), Listener { app: self, tls });
        service.endpoints().add_listener(config);
        let fds = Arc::new(Mutex::new(fds));
        service.start_service(Some(fds), shutdown, 1).await;
    }

    async fn serve(&self, stream: Stream, tls: Option<&TlsAcceptor>, shutdown: &ShutdownWatch) {
        let _open = self.open.token();
        // A connection beyond the limit is closed and does not wait.
        let Ok(_permit) = self.connections.try_acquire() else {
            return;
        };
        let metrics = self.delivery.telemetry.metrics();
        let _gauged = GaugeGuard::new(metrics.connections());
        let origin = Origin {
            peer: stream
                .get_socket_digest()
                .and_then(|digest| Some(digest.peer_addr()?.as_inet()?.ip())),
            over_tls: tls.is_some(),
        };
        // The same applies without memory, or when the client has used its share.
        let bytes = if tls.is_some() {
            HANDSHAKE_BYTES
        } else {
            CONNECTION_BYTES
        };
        let Ok(mut lease) = self.delivery.connect(origin, bytes).await else {
            return;
        };
        let stream = match tls {
            None => stream,
            Some(handshake) => {
                let handshake = until_shutdown(handshake.accept(stream), shutdown);
                let timeout = self.delivery.settings().head_timeout;
                let Some(stream) = within(timeout, pin!(handshake)).await.flatten() else {
                    return metrics.tls_handshake_failures().inc();
                };
                lease.shrink_to(TLS_CONNECTION_BYTES);
                stream
            }
        };
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            h2::serve(&self.delivery, stream, origin, shutdown).await;
        } else {
            // In a box, so that the task of a TLS handshake is small: one allocation per connection.
            Box::pin(connection::serve(&self.delivery, stream, origin, shutdown)).await;
        }
    }
}

/// The tasks that accept connections. They report no progress, because Pingora accepts in tasks of its own.
const HTTP: Task = Task::named(HTTP_LISTENER);
const HTTPS: Task = Task::named(HTTPS_LISTENER);
const HTTP_LISTENER: &str = "http_listener";
const HTTPS_LISTENER: &str = "https_listener";
/// The names of the tasks without which no connection is accepted.
pub const LISTENERS: [&str; 2] = [HTTP_LISTENER, HTTPS_LISTENER];

/// One socket's service.
struct Listener {
    app: Arc<PublicApp>,
    /// The gate runs the handshake, because Pingora gives it a minute and counts no failures.
    tls: Option<Arc<TlsAcceptor>>,
}

#[async_trait]
impl ServerApp for Listener {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        // Boxed, because the future is large and would be moved.
        let serving = Box::pin(self.app.serve(stream, self.tls.as_deref(), shutdown));
        let cut_off = &self.app.delivery.cut_off;
        let last_moment = async {
            cut_off.cancelled().await;
            tokio::time::sleep(LAST_MOMENT).await;
        };
        // Deliveries observe the cut-off themselves, and end earlier. This ends connections without one.
        tokio::select! {
            biased;
            () = serving => {}
            () = last_moment => {}
        }
        None
    }
}

/// Runs `work`; `None` if the process shuts down first.
async fn until_shutdown<T>(
    work: impl Future<Output = Option<T>>,
    shutdown: &ShutdownWatch,
) -> Option<T> {
    let mut shutdown = shutdown.clone();
    tokio::select! {
        biased;
        output = work => output,
        _ = shutdown.wait_for(|shuts_down| *shuts_down) => None,
    }
}

/// Counts a connection in a gauge until it is dropped.
struct GaugeGuard(IntGauge);

impl GaugeGuard {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// An error of [`bind`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Address {
        /// The configured address.
        address: SocketAddr,
        /// The error of the system.
        error: String,
    },

    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Pem(#[from] PemError),
}

/// A quarter of Pingora's default, because every idle connection holds it.
const READ_BUFFER: usize = 16 * 1024;
// Memory of a connection, as `cargo bench --bench proxy -- limits` measures it: the task, Pingora's buffer and the
// first piece of a head. The lease of a larger head is added.
const CONNECTION_BYTES: u64 = 52 * 1024;
/// With the buffers of TLS.
const TLS_CONNECTION_BYTES: u64 = 68 * 1024;
/// During the TLS handshake: rustls keeps up to 64 KiB of a `ClientHello` that never ends.
const HANDSHAKE_BYTES: u64 = 120 * 1024;
/// How long a connection may last after the cut-off. Longer than a response may take then.
const LAST_MOMENT: Duration = Duration::from_secs(1);
const SETTLE: Duration = Duration::from_millis(50);
