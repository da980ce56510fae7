//! Reads files into domain types. No lower layer knows about files.
//!
//! All mistakes are reported at once, each with its file, line, key and the expected value.

mod bodies;
mod console;
mod declaration;
mod deliveries;
mod document;
mod endpoints;
mod export;
mod flow;
mod headers;
mod ledger;
mod mistake;
mod notation;
mod outbound;
mod payload;
mod public;
mod routes;
mod secrets;
mod sections;
mod server_url;
mod spans;
mod store;
mod table;
mod units;
mod upstreams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

pub use self::console::ConsoleConfig;
pub use self::declaration::Declaration;
use self::document::Document;
pub use self::endpoints::read_endpoints;
pub use self::export::declaration;
pub use self::flow::{FlowConfig, FlowContext};
pub use self::mistake::{Mistake, Mistakes};
pub use self::notation::{Notation, ParseNotationError};
pub use self::secrets::{KeyServiceName, KeyServicesConfig};
pub use self::server_url::{PasswordFileError, ServerUrl, ServerUrlError};
use crate::admin::AllowedHosts;
use crate::deliveries::DeliveryLimits;
use crate::directory::{DraftAuth, PathTemplate, RouteTable, ValidationContext};
use crate::gate::{Budget, GateSettings};
use crate::ledger::KeyPrefix;
use crate::outbound::OutboundSettings;
use crate::proxy::{HeaderNames, PublicSettings, TlsFiles, UpstreamSettings};
use crate::redis::RedisSettings;
use crate::secrets::CacheSettings;
use crate::store::StoreSettings;

/// The configuration of a process.
pub struct Config {
    /// Settings of the process.
    pub server: ServerConfig,
    /// The public listeners.
    pub public: PublicConfig,
    /// The admin listener.
    pub admin: AdminConfig,
    /// The console; `None` if it is off.
    pub console: Option<ConsoleConfig>,
    /// Limits and rules for deliveries.
    pub gate: GateSettings,
    /// The replay memory.
    pub ledger: LedgerConfig,
    /// The memory budget for bodies, in bytes.
    pub body_budget_bytes: u64,
    /// The header names of the portal.
    pub names: HeaderNames,
    /// The store.
    pub store: StoreSettings,
    /// The key services that encrypt secrets.
    pub key_services: KeyServicesConfig,
    /// The cache of prepared keys.
    pub keys: CacheSettings,
    /// What drafts without `draft_auth` require from senders.
    pub draft_auth: DraftAuth,
    /// The cache of endpoints.
    pub directory: DirectoryConfig,
    /// Recorded deliveries.
    pub deliveries: DeliveriesConfig,
    /// Requests of the gate to providers.
    pub outbound: OutboundSettings,
    /// The backends.
    pub upstreams: Vec<UpstreamSettings>,
    /// The path templates of upstreams, by upstream name.
    pub upstream_paths: BTreeMap<String, PathTemplate>,
    /// The routes of the portal.
    pub routes: Arc<RouteTable>,
    /// The diagnostic log and the access log.
    pub log: LogConfig,
}

impl Config {
    /// Reads the file at `path`. Paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, Mistakes> {
        Self::parse(path, &Self::text_of(path)?)
    }

    /// Reads `text`. Errors name `path` as the file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Mistakes> {
        let mut document = Document::parse(path, text)?;
        let config = sections::read(&mut document, Purpose::Server);
        document.finish(config)
    }

    /// Reads the file at `path` for a command that serves no deliveries. It does not open the certificate and the private
    /// key of the public listener, so the user need not have access to them.
    pub fn load_for_command(path: &Path) -> Result<Self, Mistakes> {
        let text = Self::text_of(path)?;
        let mut document = Document::parse(path, &text)?;
        let config = sections::read(&mut document, Purpose::Command);
        document.finish(config)
    }

    fn text_of(path: &Path) -> Result<Zeroizing<String>, Mistakes> {
        std::fs::read_to_string(path)
            .map(Zeroizing::new) // A URL in the file may contain a password.
            .map_err(|error| Mistakes::of_file(path, format!("cannot be read: {error}")))
    }

    /// The context that endpoint definitions are validated in. `upstreams` are the names of the upstreams.
    pub fn validation_context<'a>(&'a self, upstreams: &'a [String]) -> ValidationContext<'a> {
        ValidationContext {
            upstreams,
            routes: &self.routes,
            upstream_paths: &self.upstream_paths,
            allow_unauthenticated: self.gate.allow_unauthenticated,
            draft_auth: self.draft_auth,
            largest_body_bytes: Budget::largest_body(self.body_budget_bytes),
        }
    }

    /// The names of the upstreams.
    pub fn upstream_names(&self) -> Vec<String> {
        self.upstreams
            .iter()
            .map(|upstream| upstream.name.as_ref().into())
            .collect()
    }
}

/// The purpose of reading a configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    /// A command that serves no deliveries.
    Command,
    /// A server, which opens every file that the configuration names.
    Server,
}

/// Settings of the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerConfig {
    /// The number of worker threads. Default: one per core.
    pub threads: usize,
    /// The time that deliveries in flight get to finish during a drain.
    pub shutdown_grace: Duration,
    /// The number of idle backend connections that are kept.
    pub upstream_pool_size: usize,
}

/// The public listeners.
#[derive(Clone, Debug)]
pub struct PublicConfig {
    /// The address for plain HTTP.
    pub http: Option<SocketAddr>,
    /// The address and the files for TLS.
    pub https: Option<(SocketAddr, TlsFiles)>,
    /// The public URL, without a trailing slash.
    pub url: String,
    /// Settings of the public listeners: timeouts, limits, trusted proxies.
    pub settings: PublicSettings,
}

/// The admin listener.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// The address of the listener.
    pub listen: SocketAddr,
    /// The accepted values of the `Host` header.
    pub allowed_hosts: AllowedHosts,
}

/// The replay memory.
#[derive(Debug)]
pub struct LedgerConfig {
    /// The number of deliveries that a node remembers in process.
    pub capacity: usize,
    /// The shared ledger in Redis, and the prefix of its keys.
    pub redis: Option<(RedisSettings, KeyPrefix)>,
}

/// The cache of endpoints.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DirectoryConfig {
    /// The number of cached endpoints.
    pub cache_capacity: u64,
    /// The interval at which changes of other processes are read.
    pub follow_every: Duration,
    /// How long cached endpoints stay valid while the store is unavailable.
    pub grace: Duration,
}

/// Recorded deliveries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeliveriesConfig {
    /// Whether deliveries are recorded and counted by hour.
    pub record: bool,
    /// How many are kept, and how long.
    pub limits: DeliveryLimits,
}

/// The diagnostic log and the access log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogConfig {
    /// The level of the diagnostic log: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Whether the diagnostic log is JSON.
    pub json: bool,
    /// Whether every delivery is logged.
    pub access: bool,
}
