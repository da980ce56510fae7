//! The composition root: the one place that imports every module and wires them.

mod backends;
mod console;
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

pub use self::backends::Backends;
use self::console::{ConsoleParts, DeliveryHealth};
use self::deliveries::{Deliveries, deliveries};
pub use self::error::StartError;
use self::phases::Phases;
pub use self::sockets::Sockets;
use crate::admin::{Admin, KeyServiceCheck, Readiness, SecretGrace};
use crate::config::Config;
use crate::control::ServerContext;
use crate::ledger::Ledger;
use crate::proxy::{LISTENERS, PublicApp};
use crate::secrets::UseCounter;
use crate::store::Store;
use crate::task::{Task, Tasks};
use crate::telemetry::AccessLog;
use crate::tokens::TokenUses;

/// A running server.
pub struct Server {
    /// The addresses of the public listeners, and whether each uses TLS.
    pub public: Vec<(SocketAddr, bool)>,
    /// The address of the admin listener.
    pub admin: SocketAddr,
    /// The address of the console, and whether it uses TLS.
    pub console: Option<(SocketAddr, bool)>,
    grace: Duration,
    phases: Phases,
    serving: JoinHandle<()>,
    admin_serving: JoinHandle<()>,
    console_serving: Option<JoinHandle<()>>,
    captures: JoinHandle<()>,
    records: Option<JoinHandle<()>>,
    cut_off: CancellationToken,
    ledger: Arc<dyn Ledger>,
    uses: Arc<UseCounter>,
    token_uses: Arc<TokenUses>,
    store: Arc<dyn Store>,
}

impl Server {
    /// Starts everything on the current runtime. When it returns, the server accepts deliveries.
    pub async fn start(
        config: Config,
        backends: &Backends,
        sockets: Sockets,
        log: Option<AccessLog>,
    ) -> Result<Self, StartError> {
        let phases = Phases::default();
        let draining = phases.draining();
        let grace = config.server.shutdown_grace;
        let secret_grace = SecretGrace {
            grace: config.keys.grace,
            time_to_live: config.keys.time_to_live,
        };
        let allowed_hosts = config.admin.allowed_hosts.clone();
        let console = ConsoleParts::of(&config);

        // Deliveries in flight need the store until they end, so these tasks outlive the drain.
        let served = phases.served();
        let tasks = Tasks::new(served.clone());
        let pipeline = deliveries(config, backends, log, &served, &tasks).await?;
        let Deliveries {
            delivery,
            health,
            fleet,
            ledger,
            uses,
            token_uses,
            captures,
            records,
            cut_off,
        } = pipeline;
        let telemetry = Arc::clone(&delivery.telemetry);
        let public = sockets.public.iter();
        let public = public
            .map(|bound| (bound.address(), bound.is_tls()))
            .collect();
        let accepting = tasks.ending_with(draining.clone());
        let serve = PublicApp::new(delivery).run(sockets.public, draining.clone(), accepting);
        let serving = tokio::spawn(serve);

        let listener = sockets.admin;
        let admin_address = listener.local_addr()?;
        let admin = Arc::new(Admin {
            readiness: Readiness {
                store: Arc::clone(&backends.store),
                key_service: KeyServiceCheck::new(
                    Arc::clone(&backends.key_service),
                    secret_grace,
                    tasks.clone(),
                ),
                serving: serving.abort_handle(),
                health: Arc::clone(&health),
                fleet: fleet.clone(),
                listeners: &LISTENERS,
                tasks: tasks.clone(),
                shutdown: draining,
            },
            telemetry,
            allowed_hosts,
        });
        // The admin listener ends last, so that health and metrics stay visible. It reports no progress: if it hangs,
        // nobody can read the report.
        let admin_ending = phases.closing();
        let admin_tasks = tasks.ending_with(admin_ending.clone());
        let admin_serving = admin_tasks.supervise(Task::named("admin_listener"), move |_| {
            let (admin, ending) = (Arc::clone(&admin), admin_ending.clone());
            let socket = listener.try_clone().and_then(TcpListener::from_std);
            async move {
                let result = match socket {
                    Ok(socket) => admin.run(socket, ending).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = result {
                    error!(%error, "the admin listener stopped");
                }
            }
        });
        let mut console_at = None;
        let mut console_serving = None;
        if let (Some(parts), Some(socket)) = (console, sockets.console) {
            let ending = phases.closing();
            let delivery_health = DeliveryHealth {
                store: health,
                fleet,
                tasks: tasks.clone(),
            };
            let console_tasks = tasks.ending_with(ending.clone());
            let (address, is_tls, handle) =
                parts.start(socket, delivery_health, &console_tasks, ending)?;
            console_at = Some((address, is_tls));
            console_serving = Some(handle);
        }
        Ok(Self {
            public,
            admin: admin_address,
            console: console_at,
            grace,
            phases,
            serving,
            admin_serving,
            console_serving,
            captures,
            records,
            cut_off,
            ledger,
            uses,
            token_uses,
            store: Arc::clone(&backends.store),
        })
    }

    /// Stops accepting connections, drains the deliveries in flight, and stops. Returns false if deliveries were aborted
    /// because the grace time ended or `hurry` resolved.
    pub async fn stop(mut self, hurry: impl Future<Output = ()>) -> bool {
        info!("draining: no new connections, waiting for deliveries in flight");
        self.phases.drain();
        let drained = tokio::select! {
            _ = &mut self.serving => true,
            () = tokio::time::sleep(self.grace) => {
                warn!("the grace time is over; aborting the deliveries in flight");
                false
            }
            () = hurry => {
                warn!("received a second signal; aborting the deliveries in flight");
                false
            }
        };
        if !drained {
            // Each aborted delivery releases its claim in the ledger, responds if it can, and is recorded.
            self.cut_off.cancel();
            let _ = tokio::time::timeout(CUT_OFF_GRACE, &mut self.serving).await;
        }
        // The other nodes must learn the results of these deliveries too.
        self.ledger.drain().await;
        self.phases.end_background_tasks();
        let writing = async {
            self.uses.flush(&*self.store).await;
            self.token_uses.flush(&*self.store).await;
            // The task writes captures of deliveries that were refused during the drain.
            let _ = (&mut self.captures).await;
            if let Some(records) = &mut self.records {
                let _ = records.await;
            }
        };
        if tokio::time::timeout(LAST_WRITE, writing).await.is_err() {
            warn!(
                "the last captures, records and uses of secrets and tokens could not be written to the store"
            );
        }
        // Health and metrics stay visible until here.
        self.phases.close();
        let _ = tokio::time::timeout(ADMIN_GRACE, self.admin_serving).await;
        if let Some(console) = self.console_serving {
            let _ = tokio::time::timeout(CONSOLE_GRACE, console).await;
        }
        drained
    }
}

/// Aborted connections end within a second; a busy machine may take longer.
const CUT_OFF_GRACE: Duration = Duration::from_secs(3);
const LAST_WRITE: Duration = Duration::from_secs(3);
const ADMIN_GRACE: Duration = Duration::from_secs(1);
/// Its last requests get a second, and its thread closes the store after them.
const CONSOLE_GRACE: Duration = Duration::from_secs(4);

/// The part of a configuration that declarations are validated against.
pub fn server_context(config: &Config) -> ServerContext {
    let names = config.upstream_names();
    let context = config.validation_context(&names);
    ServerContext {
        upstream_paths: context.upstream_paths.clone(),
        allow_unauthenticated: context.allow_unauthenticated,
        draft_auth: context.draft_auth,
        largest_body_bytes: context.largest_body_bytes,
        routes: Arc::clone(&config.routes),
        public_url: config.public.url.clone(),
        upstreams: names,
    }
}
