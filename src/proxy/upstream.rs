//! An upstream: the addresses of a backend, and the settings of its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::utils::tls::CertKey;
use tokio::sync::watch;
use tracing::warn;

use crate::clock::Stopwatch;
use crate::gate::{AddressFault, UpstreamFault};
use crate::task::{Heartbeat, Task};

/// A named backend.
pub struct Upstream {
    settings: UpstreamSettings,
    /// The group of its connections: one that was opened with the TLS settings of one upstream is never used for
    /// another.
    number: u64,
    addresses: ArcSwap<Vec<Arc<Address>>>,
    next: AtomicUsize,
    age: Stopwatch,
}

impl Upstream {
    /// An upstream without addresses: see [`resolve`](Self::resolve).
    pub fn new(settings: UpstreamSettings) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            settings,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            addresses: ArcSwap::default(),
            next: AtomicUsize::new(0),
            age: Stopwatch::start(),
        }
    }

    /// The settings of its connections.
    pub fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// Resolves its names. A name that cannot be resolved keeps the addresses that it had.
    pub async fn resolve(&self) {
        let known = self.addresses.load_full();
        let mut addresses: Vec<Arc<Address>> = Vec::new();
        for name in &self.settings.addresses {
            let found: Vec<SocketAddr> = match tokio::net::lookup_host(name.as_str()).await {
                Ok(found) => found.collect(),
                Err(error) => {
                    warn!(upstream = %self.settings.name, %name, %error, "cannot resolve the name of an upstream; its last addresses stay in use");
                    known
                        .iter()
                        .filter(|address| &*address.name == name.as_str())
                        .map(|address| address.socket)
                        .collect()
                }
            };
            for socket in found {
                if addresses.iter().any(|address| address.socket == socket) {
                    continue;
                }
                let same = known.iter().find(|address| address.socket == socket);
                addresses.push(same.cloned().unwrap_or_else(|| {
                    Arc::new(Address {
                        name: name.as_str().into(),
                        socket,
                        peer: self.peer(socket),
                        failed_ms: AtomicU64::new(NEVER),
                    })
                }));
            }
        }
        self.addresses.store(Arc::new(addresses));
    }

    /// Whether any of its addresses is a name.
    pub fn has_names(&self) -> bool {
        let literal = |name: &String| name.parse::<SocketAddr>().is_ok();
        !self.settings.addresses.iter().all(literal)
    }

    /// The task that runs [`keep_resolved`](Self::keep_resolved).
    pub const TASK: Task = Task::named("upstream_resolver").beats_within(RESOLVER_SILENCE);

    /// Resolves its names every 30 seconds until `shutdown` turns true.
    pub async fn keep_resolved(
        self: Arc<Self>,
        mut shutdown: watch::Receiver<bool>,
        heartbeat: Heartbeat,
    ) {
        while !*shutdown.borrow() {
            tokio::select! {
                () = tokio::time::sleep(RESOLVE_EVERY) => self.resolve().await,
                changed = shutdown.changed() => if changed.is_err() { return },
            }
            heartbeat.beat();
        }
    }

    /// The addresses in the order in which one delivery tries them: round-robin, and those that failed within the last
    /// five seconds at the end.
    pub(super) fn order(&self) -> Vec<Arc<Address>> {
        let addresses = self.addresses.load();
        let mut order: Vec<Arc<Address>> = addresses.to_vec();
        if order.len() > 1 {
            let first = self.next.fetch_add(1, Ordering::Relaxed) % order.len();
            order.rotate_left(first);
            let now = self.now_ms();
            order.sort_by_key(|address| address.failed_lately(now));
        }
        order
    }

    /// The fault if there is no address to try.
    pub(super) fn without_address(&self) -> AddressFault {
        AddressFault {
            fault: UpstreamFault::Dns,
            address: self.settings.addresses.join(", "),
        }
    }

    /// Records that an address could not be reached.
    pub(super) fn failed(&self, address: &Address) {
        address.failed_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn peer(&self, socket: SocketAddr) -> HttpPeer {
        let UpstreamSettings { timeouts, tls, .. } = &self.settings;
        // An empty server name would switch off the check of the certificate. The configuration refuses one.
        let server_name = tls.as_ref().map(|tls| tls.server_name.clone());
        let mut peer = HttpPeer::new(socket, tls.is_some(), server_name.unwrap_or_default());
        peer.group_key = self.number;
        peer.client_cert_key = tls.as_ref().and_then(|tls| tls.client.clone());
        let options = &mut peer.options;
        options.ca = tls.as_ref().and_then(|tls| tls.ca.clone());
        options.connection_timeout = Some(timeouts.connect);
        options.total_connection_timeout = Some(timeouts.connect);
        peer
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.age.elapsed().as_millis()).unwrap_or(NEVER)
    }
}

/// One address of an upstream.
pub(super) struct Address {
    name: Box<str>,
    socket: SocketAddr,
    peer: HttpPeer,
    failed_ms: AtomicU64,
}

impl Address {
    /// The name in the configuration, with the socket address that it resolved to.
    pub(super) fn shown(&self) -> String {
        let socket = self.socket.to_string();
        if *self.name == *socket {
            socket
        } else {
            format!("{} ({socket})", self.name)
        }
    }

    pub(super) fn fault(&self, fault: UpstreamFault) -> AddressFault {
        AddressFault {
            fault,
            address: self.shown(),
        }
    }

    /// The address as Pingora's connectors take it.
    pub(super) fn peer(&self) -> &HttpPeer {
        &self.peer
    }

    fn failed_lately(&self, now_ms: u64) -> bool {
        let failed = self.failed_ms.load(Ordering::Relaxed);
        failed != NEVER && now_ms.saturating_sub(failed) < AVOIDED_FOR_MS
    }
}

/// The settings of an upstream.
#[derive(Clone)]
pub struct UpstreamSettings {
    /// Its name.
    pub name: Box<str>,
    /// One or several `host:port`.
    pub addresses: Vec<String>,
    /// The TLS settings; `None` for plain HTTP.
    pub tls: Option<UpstreamTls>,
    /// How long each step may take.
    pub timeouts: UpstreamTimeouts,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// The `Host` header for the backend; `None` passes the sender's on.
    pub host: Option<HeaderValue>,
}

/// TLS toward a backend.
#[derive(Clone)]
pub struct UpstreamTls {
    /// The name that its certificate must have. It must not be empty.
    pub server_name: String,
    /// The trusted authorities; `None` stands for those of the system.
    pub ca: Option<Arc<CaType>>,
    /// The client certificate, for a backend that asks for one.
    pub client: Option<Arc<CertKey>>,
}

/// The timeouts of a backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UpstreamTimeouts {
    /// To accept a connection, TLS included.
    pub connect: Duration,
    /// Between two reads of its answer.
    pub read: Duration,
    /// To take the next part of a body.
    pub write: Duration,
    /// For everything, from the verdict to the end of its answer.
    pub total: Duration,
}

const AVOIDED_FOR_MS: u64 = 5_000;
const NEVER: u64 = u64::MAX;
const RESOLVE_EVERY: Duration = Duration::from_secs(30);
/// A resolver that reports no progress for this long is stuck, even if name servers are slow.
const RESOLVER_SILENCE: Duration = Duration::from_mins(5);
