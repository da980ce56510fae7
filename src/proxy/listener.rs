//! The public listeners: sockets that are bound first, so that every one that cannot be is reported at
//! once, and the services that take connections from them.

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
use super::tls::{Handshake, TlsFiles};
use super::{connection, h2};
use crate::clock::within;
use crate::task::{Task, Tasks};
use crate::tls::PemError;

/// A socket that is bound.
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Handshake>>,
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

/// Binds a socket.
pub fn bind(address: SocketAddr, tls: Option<&TlsFiles>) -> Result<Bound, ListenError> {
    let tls = tls.map(Handshake::new).transpose()?.map(Arc::new);
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
    pub async fn run(self, sockets: Vec<Bound>, shutdown: ShutdownWatch, tasks: Tasks) {
        let app = Arc::new(self);
        let mut accepting = Vec::new();
        for bound in sockets {
            let task = if bound.is_tls() { HTTPS } else { HTTP };
            let (app, bound, shutdown) = (Arc::clone(&app), Arc::new(bound), shutdown.clone());
            accepting.push(tasks.supervise(task, move |_| {
                let (app, bound) = (Arc::clone(&app), Arc::clone(&bound));
                app.accept(bound, shutdown.clone())
            }));
        }
        for accepting in accepting {
            // It ends with the shutdown.
            let _ = accepting.await;
        }
        // What was accepted a moment ago gets the time to be counted.
        tokio::time::sleep(SETTLE).await;
        app.open.close();
        app.open.wait().await;
    }

    /// Takes connections from one socket. The socket stays open: a run after a panic goes on with it.
    async fn accept(self: Arc<Self>, bound: Arc<Bound>, shutdown: ShutdownWatch) {
        let socket = match bound.socket.try_clone() {
            Ok(socket) => socket,
            Err(error) => {
                warn!(address = %bound.address, %error, "no connections can be taken");
                return;
            }
        };
        let tls = bound.tls.clone();
        let name = bound.address.to_string();
        let config = ListenerConfig::tcp(name.clone())
            .l4_buffer(L4BufferSettings::default().read(READ_BUFFER));
        // Pingora takes sockets over by the name of their address.
        let mut fds = Fds::new();
        fds.add(name, socket.into_raw_fd());
        let mut service = Service::new("public".to_owned(), Listener { app: self, tls });
        service.endpoints().add_listener(config);
        let fds = Arc::new(Mutex::new(fds));
        service.start_service(Some(fds), shutdown, 1).await;
    }

    async fn serve(&self, stream: Stream, tls: Option<&Handshake>, shutdown: &ShutdownWatch) {
        let _counted = self.open.token();
        // More connections than are allowed are closed rather than kept waiting.
        let Ok(_permit) = self.connections.try_acquire() else {
            return;
        };
        let metrics = self.delivery.telemetry.metrics();
        let _shown = Shown::new(metrics.connections());
        let origin = Origin {
            peer: stream
                .get_socket_digest()
                .and_then(|digest| Some(digest.peer_addr()?.as_inet()?.ip())),
            over_tls: tls.is_some(),
        };
        // Likewise where no memory is left, or where a client has its share of it.
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
                let shaking_hands = until_shutdown(handshake.shake(stream), shutdown);
                let patience = self.delivery.settings().head_timeout;
                let Some(stream) = within(patience, pin!(shaking_hands)).await.flatten() else {
                    return metrics.tls_handshake_failures().inc();
                };
                lease.shrink_to(TLS_CONNECTION_BYTES);
                stream
            }
        };
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            h2::serve(&self.delivery, stream, origin, shutdown).await;
        } else {
            connection::serve(&self.delivery, stream, origin, shutdown).await;
        }
    }
}

/// The tasks that take connections. They report no progress: Pingora accepts in tasks of its own and shows none of it.
const HTTP: Task = Task::named(HTTP_LISTENER);
const HTTPS: Task = Task::named(HTTPS_LISTENER);
const HTTP_LISTENER: &str = "http_listener";
const HTTPS_LISTENER: &str = "https_listener";
/// The names of the tasks without which no connections are taken.
pub const LISTENERS: [&str; 2] = [HTTP_LISTENER, HTTPS_LISTENER];

/// The app behind one socket.
struct Listener {
    app: Arc<PublicApp>,
    /// Shaken here and not by Pingora, which would give it a minute and count it nowhere.
    tls: Option<Arc<Handshake>>,
}

#[async_trait]
impl ServerApp for Listener {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        // Boxed, so that it is not moved: it is large, and there is one for each connection.
        let serving = Box::pin(self.app.serve(stream, self.tls.as_deref(), shutdown));
        let cut_off = &self.app.delivery.cut_off;
        let last_moment = async {
            cut_off.cancelled().await;
            tokio::time::sleep(LAST_MOMENT).await;
        };
        // Deliveries see the end by themselves, and earlier. What is left is a connection without one.
        tokio::select! {
            biased;
            () = serving => {}
            () = last_moment => {}
        }
        None
    }
}

/// What `doing` gives, unless the process is to end first.
async fn until_shutdown<T>(
    doing: impl Future<Output = Option<T>>,
    shutdown: &ShutdownWatch,
) -> Option<T> {
    let mut ending = shutdown.clone();
    tokio::select! {
        biased;
        done = doing => done,
        _ = ending.wait_for(|ending| *ending) => None,
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

    /// A file of the certificate cannot be used.
    #[error(transparent)]
    Pem(#[from] PemError),
}

/// A quarter of Pingora's default: a connection that waits costs memory.
const READ_BUFFER: usize = 16 * 1024;
// Memory of a connection, as `cargo bench --bench proxy -- limits` measures it: the task, Pingora's buffer and the
// first piece of a head. The lease of a larger head is added.
const CONNECTION_BYTES: u64 = 52 * 1024;
/// With the buffers of TLS.
const TLS_CONNECTION_BYTES: u64 = 68 * 1024;
/// During the TLS handshake: rustls keeps up to 64 KiB of a `ClientHello` that never ends.
const HANDSHAKE_BYTES: u64 = 120 * 1024;
/// How long a connection may last after deliveries in flight were cut off. Longer than a response may take then.
const LAST_MOMENT: Duration = Duration::from_secs(1);
const SETTLE: Duration = Duration::from_millis(50);
