//! The composition root: the one place that knows every module, and wires them.

mod custody;
mod deliveries;
mod error;
mod keys;
mod sockets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

pub use self::custody::Custody;
use self::deliveries::{Deliveries, deliveries};
pub use self::error::StartError;
pub use self::sockets::Sockets;
use crate::admin::{Admin, KeyServiceCheck, KnownSecrets, Readiness};
use crate::config::Config;
use crate::ledger::Ledger;
use crate::proxy::{LISTENERS, PublicApp};
use crate::secrets::Uses;
use crate::store::Store;
use crate::task::{Task, Tasks};
use crate::telemetry::AccessLog;
use crate::tokens::TokenUses;

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

        let tasks = Tasks::new(ending.clone());
        let made = deliveries(config, custody, log, &ending, &tasks).await?;
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
        let taking = PublicApp::new(delivery).run(sockets.public, ending.clone(), tasks.clone());
        let serving = tokio::spawn(taking);

        let listener = sockets.admin;
        let admin_address = listener.local_addr()?;
        let admin = Arc::new(Admin {
            readiness: Readiness {
                store: Arc::clone(&custody.store),
                key_service: KeyServiceCheck::new(
                    Arc::clone(&custody.key_service),
                    known_secrets,
                    tasks.clone(),
                ),
                serving: serving.abort_handle(),
                standing,
                fleet,
                listeners: &LISTENERS,
                tasks: tasks.clone(),
                shutdown: ending,
            },
            telemetry,
            allowed_hosts,
        });
        // It ends after everything else, so that health and metrics can be seen until then.
        let admin_tasks = tasks.ending_with(admin_ending.clone());
        let admin_serving = admin_tasks.supervise(Task::named("admin_listener"), move |_| {
            let (admin, ending) = (Arc::clone(&admin), admin_ending.clone());
            let socket = listener.try_clone().and_then(TcpListener::from_std);
            async move {
                let ended = match socket {
                    Ok(socket) => admin.run(socket, ending).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = ended {
                    error!(%error, "the admin listener has ended");
                }
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

const LAST_WRITE: Duration = Duration::from_secs(3);
const ADMIN_GRACE: Duration = Duration::from_secs(1);
