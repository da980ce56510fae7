//! The console: the admin API and the page over it, on a listener of its own.
//!
//! ```text
//! listener   sockets, TLS, connection limits, deadlines
//! service    one request: host guard, route, sign-in, CSRF, body, permission, idempotency, handler, headers
//! routes     every operation of the API in one table: path, permission, parameters, schemas, handler
//! openapi    the OpenAPI document, made from that table and the types of the answers
//! problem    what goes wrong, as RFC 9457 problems
//! assets     the files of the page
//! ```
//!
//! It decides nothing about stored things: `control` does. It runs on a runtime of its own, so that deliveries do not
//! notice it.

mod apply;
mod assets;
mod audit;
mod call;
mod cursor;
mod deliveries;
mod denials;
mod endpoints;
mod flows;
mod guard;
mod health;
mod limits;
mod listener;
mod openapi;
mod presets;
mod problem;
mod reply;
mod routes;
mod secrets;
mod service;
mod session;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

use self::denials::Denials;
use self::health::ComponentHistory;
pub use self::health::{Component, Health};
use self::limits::Limiter;
pub use self::openapi::document as openapi_document;
use self::routes::RouteTable;
use crate::clock::Clock;
use crate::control::{Control, ServerContext};
use crate::directory::EndpointDeclaration;
use crate::secrets::KeyService;
use crate::task::{Heartbeat, Task, Tasks};

/// The console.
pub struct Console {
    control: Control,
    key_service: Arc<dyn KeyService>,
    clock: Arc<dyn Clock>,
    settings: Arc<ConsoleSettings>,
    routes: RouteTable,
    requests: Semaphore,
    /// Held from the check of a precondition to the commit, so that the precondition still holds.
    changes: tokio::sync::Mutex<()>,
    reveals: Limiter,
    denials: Denials,
    /// Hides secrets in the digests of requests with an idempotency key.
    digest_key: Zeroizing<[u8; 32]>,
    history: ComponentHistory,
}

/// The settings of the console.
pub struct ConsoleSettings {
    /// The origin that browsers use.
    pub url: String,
    /// The address of the listener.
    pub listen: SocketAddr,
    /// The TLS configuration; `None` for plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// The supervised tasks of the process, for panics of single requests.
    pub tasks: Tasks,
    /// The health of the delivery side.
    pub components: Box<dyn Fn() -> Vec<Component> + Send + Sync>,
    /// Reads a declaration in JSON.
    pub declaration: fn(&str, &ServerContext) -> Result<ParsedDeclaration, String>,
}

/// A declaration as `apply` reads it.
#[expect(clippy::exhaustive_enums, reason = "a declaration is one of the two")]
pub enum ParsedDeclaration {
    /// Single endpoints.
    Endpoints(Vec<EndpointDeclaration>),
    /// A flow.
    Flow,
}

impl Console {
    /// A console over `control`, which has store connections of its own.
    pub fn new(
        control: Control,
        key_service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
        settings: Arc<ConsoleSettings>,
    ) -> Result<Self, getrandom::Error> {
        let mut digest_key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *digest_key)?;
        Ok(Self {
            control,
            key_service,
            clock,
            settings,
            routes: RouteTable::new(),
            requests: Semaphore::new(MAX_REQUESTS),
            changes: tokio::sync::Mutex::new(()),
            reveals: Limiter::new(REVEALS, REVEAL_WINDOW),
            denials: Denials::new(),
            digest_key,
            history: ComponentHistory::default(),
        })
    }

    /// Serves on `listener` until `ending` turns true.
    pub async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        ending: watch::Receiver<bool>,
        heartbeat: &Heartbeat,
    ) {
        let denials = self.denials.write(&self.control);
        let serving = listener::serve(Arc::clone(&self), listener, ending, heartbeat);
        tokio::select! {
            () = denials => {}
            () = serving => {}
        }
        self.denials.write_rest(&self.control).await;
    }

    /// Whether browsers reach the console over TLS.
    fn is_secure(&self) -> bool {
        self.settings.url.starts_with("https://")
    }
}

/// The supervised task of the console.
pub const TASK: Task = Task::named("console").beats_within(Duration::from_secs(30));

const MAX_REQUESTS: usize = 64;
const REVEALS: usize = 10;
const REVEAL_WINDOW: Duration = Duration::from_mins(5);
