//! The console on a thread and a runtime of its own, with its own store connections and key service client.
//!
//! Deliveries share nothing with it but the process, so that they do not notice a busy or broken console.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::error;

use super::backends::BackendSettings;
use super::{StartError, server_context};
use crate::config::{Config, ConsoleConfig, Declaration, Notation};
use crate::console::{Component, Console, ConsoleSettings, Health, ParsedDeclaration, TASK};
use crate::control::{Control, ServerContext};
use crate::directory::{StoreHealth, StoreState};
use crate::ledger::FleetLedger;
use crate::task::{Heartbeat, Tasks};
use crate::tls::{certified_key, server};

/// Everything that the console needs from the configuration. It is taken before the deliveries consume the rest.
pub(super) struct ConsoleParts {
    config: ConsoleConfig,
    backends: BackendSettings,
    server: ServerContext,
}

/// The state of the delivery side that the health page shows.
pub(super) struct DeliveryHealth {
    pub(super) store: Arc<StoreHealth>,
    pub(super) fleet: Option<Arc<FleetLedger>>,
    pub(super) tasks: Tasks,
}

impl ConsoleParts {
    pub(super) fn of(config: &Config) -> Option<Self> {
        let console = config.console.clone()?;
        Some(Self {
            config: console,
            backends: BackendSettings::of(config),
            server: server_context(config),
        })
    }

    /// Starts the console on `socket` until `ending` turns true.
    pub(super) fn start(
        self,
        socket: TcpListener,
        health: DeliveryHealth,
        tasks: &Tasks,
        ending: watch::Receiver<bool>,
    ) -> Result<(SocketAddr, bool, JoinHandle<()>), StartError> {
        let address = socket.local_addr()?;
        let tls = match &self.config.tls {
            None => None,
            Some(files) => {
                let key = certified_key(&files.certificate, &files.private_key);
                let key = key.map_err(std::io::Error::other)?;
                Some(server(key, &[b"http/1.1"]))
            }
        };
        let settings = ConsoleSettings {
            url: self.config.url_at(address),
            listen: address,
            tls,
            tasks: tasks.clone(),
            components: Box::new(move || components(&health)),
            declaration: parse_declaration,
        };
        let is_tls = settings.tls.is_some();
        let running = Arc::new(Running {
            settings: Arc::new(settings),
            backends: self.backends,
            server: self.server,
            socket,
            ending,
        });
        let handle = tasks.supervise(TASK, move |heartbeat| {
            Arc::clone(&running).run_on_its_own_thread(heartbeat)
        });
        Ok((address, is_tls, handle))
    }
}

struct Running {
    settings: Arc<ConsoleSettings>,
    backends: BackendSettings,
    server: ServerContext,
    socket: TcpListener,
    ending: watch::Receiver<bool>,
}

impl Running {
    /// Ends when the thread ends, however that happens.
    async fn run_on_its_own_thread(self: Arc<Self>, heartbeat: Heartbeat) {
        let (running, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("console".to_owned());
        let started = thread.spawn(move || {
            let _running = running;
            if let Err(error) = self.run(&heartbeat) {
                error!(%error, "the console cannot run");
            }
        });
        match started {
            // The sender is dropped with the thread.
            Ok(_) => drop(ended.await),
            Err(error) => error!(%error, "the thread of the console cannot start"),
        }
    }

    fn run(&self, heartbeat: &Heartbeat) -> Result<(), StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("console")
            .enable_all()
            .build()?;
        let ran: Result<(), StartError> = runtime.block_on(async {
            let socket = self.socket.try_clone()?;
            let socket = tokio::net::TcpListener::from_std(socket)?;
            let backends = self.backends.open().await?;
            let control = Control::new(
                Arc::clone(&backends.store),
                Arc::clone(&backends.key_service),
                Arc::clone(&backends.clock),
                self.server.clone(),
            );
            let console = Console::new(
                control,
                Arc::clone(&backends.key_service),
                Arc::clone(&backends.clock),
                Arc::clone(&self.settings),
            )
            .map_err(|_| std::io::Error::other("the system provides no random bytes"))?;
            Arc::new(console)
                .run(socket, self.ending.clone(), heartbeat)
                .await;
            backends.close().await;
            Ok(())
        });
        runtime.shutdown_timeout(LAST_REQUESTS);
        ran
    }
}

fn components(of: &DeliveryHealth) -> Vec<Component> {
    let state = match of.store.get() {
        StoreState::InStep => (Health::Ok, String::new()),
        StoreState::Behind => (
            Health::Degraded,
            "not followed; cached endpoints are used for the grace time".to_owned(),
        ),
        StoreState::Expired => (
            Health::Down,
            "not followed for longer than the grace time".to_owned(),
        ),
        StoreState::Replaced => (
            Health::Down,
            "not followed: the store was replaced".to_owned(),
        ),
    };
    let mut components = vec![Component::new("changes", state.0, state.1)];
    if let Some(fleet) = &of.fleet {
        let (health, detail) = match fleet.redis().status() {
            Ok(()) => (Health::Ok, String::new()),
            Err(fault) => (Health::Degraded, fault.to_string()),
        };
        components.push(Component::new("ledger", health, detail));
    }
    let down: Vec<String> = of
        .tasks
        .reports()
        .into_iter()
        .filter(|task| !task.up)
        .map(|task| format!("{} does not run: {}", task.name, task.problem))
        .collect();
    let health = if down.is_empty() {
        Health::Ok
    } else {
        Health::Degraded
    };
    components.push(Component::new("tasks", health, down.join("; ")));
    components
}

/// Reads a declaration in JSON, as `portcullis apply` reads it from a file.
fn parse_declaration(text: &str, server: &ServerContext) -> Result<ParsedDeclaration, String> {
    let name = std::path::Path::new("request");
    let document = Declaration::open(name, text, Notation::Json);
    let document = document.map_err(|mistakes| mistakes.to_string())?;
    if document.is_flow() {
        return Ok(ParsedDeclaration::Flow);
    }
    let declared = document.endpoints(server.default_upstream(), &server.validation_context());
    declared
        .map(ParsedDeclaration::Endpoints)
        .map_err(|mistakes| mistakes.to_string())
}

const WORKERS: usize = 2;
const LAST_REQUESTS: Duration = Duration::from_secs(1);
