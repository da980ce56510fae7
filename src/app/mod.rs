//! The composition root: the one place that knows every module, and wires them.

mod custody;
mod deliveries;
mod error;
mod keys;
mod phases;
mod sockets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use self::custody::Custody;
use self::deliveries::{Deliveries, deliveries};
pub use self::error::StartError;
use self::phases::Phases;
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
    phases: Phases,
    serving: JoinHandle<()>,
    admin_serving: JoinHandle<()>,
    captures: JoinHandle<()>,
    cut_off: CancellationToken,
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
        let phases = Phases::default();
        let draining = phases.draining();
        let grace = config.server.shutdown_grace;
        let known_secrets = KnownSecrets {
            grace: config.keys.grace,
            time_to_live: config.keys.time_to_live,
        };
        let allowed_hosts = config.admin.allowed_hosts.clone();

        // A delivery in flight is judged by the store until it ends, so these tasks outlive the drain.
        let served = phases.served();
        let tasks = Tasks::new(served.clone());
        let made = deliveries(config, custody, log, &served, &tasks).await?;
        let Deliveries {
            delivery,
            standing,
            fleet,
            ledger,
            uses,
            token_uses,
            captures,
            cut_off,
        } = made;
        let telemetry = Arc::clone(&delivery.telemetry);
        let public = sockets.public.iter();
        let public = public
            .map(|bound| (bound.address(), bound.is_tls()))
            .collect();
        let accepting = tasks.ending_with(draining.clone());
        let taking = PublicApp::new(delivery).run(sockets.public, draining.clone(), accepting);
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
                shutdown: draining,
            },
            telemetry,
            allowed_hosts,
        });
        // It ends after everything else, so that health and metrics can be seen until then. It reports no progress: if it
        // hangs, nobody can read the report.
        let admin_ending = phases.closing();
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
            phases,
            serving,
            admin_serving,
            captures,
            cut_off,
            ledger,
            uses,
            token_uses,
            store: Arc::clone(&custody.store),
        })
    }

    /// Stops taking connections, lets what is in flight end, and ends. False if some had to be cut off when the grace
    /// time was over, or when `hurry` was ready.
    pub async fn stop(mut self, hurry: impl Future<Output = ()>) -> bool {
        info!("no new connections; waiting for the deliveries in flight");
        self.phases.drain();
        let ended = tokio::select! {
            _ = &mut self.serving => true,
            () = tokio::time::sleep(self.grace) => {
                warn!("the grace time is over; the deliveries in flight are cut off");
                false
            }
            () = hurry => {
                warn!("a second signal has come; the deliveries in flight are cut off");
                false
            }
        };
        if !ended {
            // Each of them gives up its claim in the ledger, answers if it can, and is recorded.
            self.cut_off.cancel();
            let _ = tokio::time::timeout(CUT_OFF_GRACE, &mut self.serving).await;
        }
        // What the backend has said about them must be known to the other nodes, too.
        self.ledger.come_to_rest().await;
        self.phases.end_background_tasks();
        let writing = async {
            self.uses.write_rest(&*self.store).await;
            self.token_uses.write_rest(&*self.store).await;
            // Deliveries that were refused during the drain are written by its task.
            let _ = (&mut self.captures).await;
        };
        if tokio::time::timeout(LAST_WRITE, writing).await.is_err() {
            warn!(
                "the last captures and uses of secrets and tokens could not be written to the store"
            );
        }
        // Until here, health and metrics can be seen.
        self.phases.close();
        let _ = tokio::time::timeout(ADMIN_GRACE, self.admin_serving).await;
        ended
    }
}

/// Connections end within a second after they were cut off; a busy machine may take longer.
const CUT_OFF_GRACE: Duration = Duration::from_secs(3);
const LAST_WRITE: Duration = Duration::from_secs(3);
const ADMIN_GRACE: Duration = Duration::from_secs(1);
