//! The composition root: the one place that knows every module, and wires them.

mod custody;
mod error;
mod keys;
mod sockets;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

pub use self::custody::Custody;
pub use self::error::StartError;
pub use self::sockets::Sockets;
use crate::admin::{Admin, KeyServiceCheck, KnownSecrets, Readiness};
use crate::capture::Captures;
use crate::config::Config;
use crate::directory::{Directory, DirectorySettings, Follower, Pace, StandingNow};
use crate::gate::{Budget, Gate, Known};
use crate::ledger::{Fleet, InProcess, Ledger, Shared};
use crate::outbound::Outbound;
use crate::proxy::{Delivery, Forwarder, PublicApp, Upstream, UpstreamSettings};
use crate::secrets::{KeyCache, Uses};
use crate::store::Store;
use crate::telemetry::{AccessLog, Metrics, Sources, Telemetry};
use crate::tokens::{TokenCache, TokenUses};

/// A server that runs.
pub struct Server {
    /// Where senders arrive, and whether by TLS.
    pub public: Vec<(SocketAddr, bool)>,
    /// Where SREs look.
    pub admin: SocketAddr,
    grace: Duration,
    shutdown: watch::Sender<bool>,
    admin_shutdown: watch::Sender<bool>,
    serving: JoinHandle<()>,
    admin_serving: JoinHandle<()>,
    ledger: Arc<dyn Ledger>,
    uses: Arc<Uses>,
    token_uses: Arc<TokenUses>,
    store: Arc<dyn Store>,
}

impl Server {
    /// Starts everything on the current runtime. When it returns, deliveries are taken.
    pub async fn start(
        config: Config,
        custody: &Custody,
        sockets: Sockets,
        log: Option<AccessLog>,
    ) -> Result<Self, StartError> {
        let (shutdown, ending) = watch::channel(false);
        let (admin_shutdown, admin_ending) = watch::channel(false);
        let grace = config.server.shutdown_grace;
        let known_secrets = KnownSecrets {
            grace: config.keys.grace,
            time_to_live: config.keys.time_to_live,
        };
        let allowed_hosts = config.admin.allowed_hosts.clone();

        let made = deliveries(config, custody, log, &ending).await?;
        let Deliveries {
            delivery,
            standing,
            fleet,
            ledger,
            uses,
            token_uses,
        } = made;
        let telemetry = Arc::clone(&delivery.telemetry);
        let public = sockets.public.iter();
        let public = public
            .map(|bound| (bound.address(), bound.is_tls()))
            .collect();
        let serving = tokio::spawn(PublicApp::new(delivery).run(sockets.public, ending.clone()));

        let listener = TcpListener::from_std(sockets.admin)?;
        let admin_address = listener.local_addr()?;
        let admin = Admin {
            readiness: Readiness {
                store: Arc::clone(&custody.store),
                key_service: KeyServiceCheck::new(Arc::clone(&custody.key_service), known_secrets),
                serving: serving.abort_handle(),
                standing,
                fleet,
                shutdown: ending,
            },
            telemetry,
            allowed_hosts,
        };
        let admin_serving = tokio::spawn(async move {
            if let Err(error) = admin.run(listener, admin_ending).await {
                error!(%error, "the admin listener has ended");
            }
        });
        Ok(Self {
            public,
            admin: admin_address,
            grace,
            shutdown,
            admin_shutdown,
            serving,
            admin_serving,
            ledger,
            uses,
            token_uses,
            store: Arc::clone(&custody.store),
        })
    }

    /// Stops taking connections, lets what is in flight end, and ends. False if some had to be cut off
    /// when the grace time was over.
    pub async fn stop(self) -> bool {
        info!("no new connections; waiting for the deliveries in flight");
        self.shutdown.send_replace(true);
        let ended = tokio::time::timeout(self.grace, self.serving).await.is_ok();
        if !ended {
            warn!("the grace time is over; the deliveries in flight are cut off");
        }
        // What the backend has said about them must be known to the other nodes, too.
        self.ledger.come_to_rest().await;
        let writing = async {
            self.uses.write_rest(&*self.store).await;
            self.token_uses.write_rest(&*self.store).await;
        };
        if tokio::time::timeout(LAST_WRITE, writing).await.is_err() {
            warn!(
                "what secrets and tokens were used for in the last seconds could not be written down"
            );
        }
        // Until here, health and metrics can be seen.
        self.admin_shutdown.send_replace(true);
        let _ = tokio::time::timeout(ADMIN_GRACE, self.admin_serving).await;
        ended
    }
}

/// Everything that a delivery passes through, and what others have to know of it.
struct Deliveries {
    delivery: Arc<Delivery>,
    /// How the caches stand to the store.
    standing: Arc<StandingNow>,
    fleet: Option<Arc<Fleet>>,
    ledger: Arc<dyn Ledger>,
    uses: Arc<Uses>,
    token_uses: Arc<TokenUses>,
}

/// Makes everything that a delivery passes through.
async fn deliveries(
    config: Config,
    custody: &Custody,
    log: Option<AccessLog>,
    ending: &watch::Receiver<bool>,
) -> Result<Deliveries, StartError> {
    let clock = &custody.clock;
    let store_reads = usize::try_from(config.store.readers()).unwrap_or(1);
    // Invented tokens must not take the connections that endpoints are read by.
    let tokens = Arc::new(TokenCache::new(
        config.directory.cache_capacity,
        store_reads.div_ceil(4),
        Arc::clone(&custody.store) as _,
    ));
    let directory = Arc::new(Directory::new(
        DirectorySettings {
            capacity: config.directory.cache_capacity,
            store_reads,
            upstream_paths: config.upstream_paths,
            draft_auth: config.draft_auth,
        },
        config.routes,
        Arc::clone(&custody.store) as _,
    ));
    let keys = Arc::new(KeyCache::new(
        config.keys,
        Arc::clone(&custody.store) as _,
        Arc::clone(&custody.key_service),
        Arc::clone(clock),
    ));
    let follower = Follower::start(
        Pace {
            every: config.directory.follow_every,
            grace: config.directory.grace,
        },
        Arc::clone(&custody.store) as _,
        Arc::clone(&directory),
        Arc::clone(&keys),
        Arc::clone(&tokens),
    )
    .await?;
    let standing = Arc::clone(directory.standing());
    tokio::spawn(follower.run(ending.clone()));

    let budget = Budget::new(config.body_budget_bytes);
    let own = Arc::new(InProcess::new(config.ledger.capacity, Arc::clone(clock)));
    let fleet = match config.ledger.redis {
        Some((settings, prefix)) => {
            let shared = Shared::new(settings, prefix, Arc::clone(clock));
            // What is wrong with it was logged. A node must be able to start while Redis is away.
            let _ = shared.redis().ready().await;
            Some(Arc::new(Fleet::new(Arc::clone(&own), shared)))
        }
        None => None,
    };
    let ledger: Arc<dyn Ledger> = match &fleet {
        Some(fleet) => Arc::clone(fleet) as _,
        None => Arc::clone(&own) as _,
    };
    let dropped = log.clone();
    let metrics = Metrics::new(Sources {
        budget: Arc::clone(&budget),
        keys: Arc::clone(keys.stats()),
        directory: Arc::clone(directory.stats()),
        standing: Arc::clone(&standing),
        ledger: own,
        fleet: fleet.clone(),
        dropped_log_lines: Box::new(move || dropped.as_ref().map_or(0, AccessLog::dropped)),
    })?;
    let uses = Arc::clone(keys.uses());
    tokio::spawn(Arc::clone(&keys).stay_tidy(ending.clone()));
    tokio::spawn(Arc::clone(&uses).keep(Arc::clone(&custody.store) as _, ending.clone()));
    let token_uses = Arc::clone(tokens.uses());
    tokio::spawn(Arc::clone(&token_uses).keep(Arc::clone(&custody.store) as _, ending.clone()));
    let (captures, keeper) = Captures::new(Arc::clone(&custody.store) as _, Arc::clone(clock));
    tokio::spawn(keeper.run(ending.clone()));
    let delivery = Delivery {
        settings: config.public.settings,
        names: config.names,
        gate: Gate::new(
            config.gate,
            Known {
                directory,
                keys,
                tokens,
            },
            Arc::clone(&ledger),
            Arc::new(Outbound::new(config.outbound, Arc::clone(clock))),
            budget,
            Arc::clone(clock),
        ),
        forwarder: Forwarder::new(config.server.upstream_pool_size),
        upstreams: upstreams(config.upstreams, ending).await,
        telemetry: Arc::new(Telemetry::new(metrics, log)),
        captures,
        clock: Arc::clone(clock),
    };
    Ok(Deliveries {
        delivery: Arc::new(delivery),
        standing,
        fleet,
        ledger,
        uses,
        token_uses,
    })
}

async fn upstreams(
    settings: Vec<UpstreamSettings>,
    ending: &watch::Receiver<bool>,
) -> BTreeMap<Box<str>, Arc<Upstream>> {
    let mut upstreams = BTreeMap::new();
    for settings in settings {
        let upstream = Arc::new(Upstream::new(settings));
        upstream.resolve().await;
        tokio::spawn(Arc::clone(&upstream).keep_resolved(ending.clone()));
        upstreams.insert(upstream.settings().name.clone(), upstream);
    }
    upstreams
}

const LAST_WRITE: Duration = Duration::from_secs(3);
const ADMIN_GRACE: Duration = Duration::from_secs(1);
