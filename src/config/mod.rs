//! From a file to domain types, once. Nothing below this layer knows that there is a file.
//!
//! Every mistake is reported, all at once, each with its file, line, key and what would be right.

mod bodies;
mod declaration;
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
mod spelling;
mod store;
mod table;
mod units;
mod upstream_tls;
mod upstreams;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

pub use self::declaration::Declaration;
use self::document::Document;
pub use self::endpoints::read_endpoints;
pub use self::export::declaration;
pub use self::flow::{DeclaredFlow, KnownFlow};
pub use self::mistake::{Mistake, Mistakes};
pub use self::notation::{Notation, UnknownNotation};
pub use self::secrets::{KeyServiceName, KeyServicesConfig};
pub use self::server_url::{PasswordFileError, ServerUrl, ServerUrlError};
use crate::admin::AllowedHosts;
use crate::directory::{DraftAuth, PathTemplate, RouteTable, Surroundings};
use crate::gate::{Budget, GateSettings};
use crate::ledger::KeyPrefix;
use crate::outbound::OutboundSettings;
use crate::proxy::{HeaderNames, PublicSettings, TlsFiles, UpstreamSettings};
use crate::redis::RedisSettings;
use crate::secrets::CacheSettings;
use crate::store::StoreSettings;

/// The configuration of a process.
pub struct Config {
    /// The process itself.
    pub server: ServerConfig,
    /// The public listeners.
    pub public: PublicConfig,
    /// The admin listener.
    pub admin: AdminConfig,
    /// The limits of deliveries.
    pub gate: GateSettings,
    /// The memory of deliveries.
    pub ledger: LedgerConfig,
    /// The memory for bodies, in bytes.
    pub body_budget_bytes: u64,
    /// The names of the portal's headers.
    pub names: HeaderNames,
    /// The store.
    pub store: StoreSettings,
    /// What encrypts secrets.
    pub key_services: KeyServicesConfig,
    /// The cache of keys.
    pub keys: CacheSettings,
    /// Who may deliver to drafts that say nothing about it.
    pub draft_auth: DraftAuth,
    /// The cache of endpoints.
    pub directory: DirectoryConfig,
    /// How the gate itself asks providers.
    pub outbound: OutboundSettings,
    /// The backends.
    pub upstreams: Vec<UpstreamSettings>,
    /// The paths that backends ask for, by the names of the upstreams.
    pub upstream_paths: BTreeMap<String, PathTemplate>,
    /// The routes.
    pub routes: Arc<RouteTable>,
    /// The log.
    pub log: LogConfig,
}

impl Config {
    /// Reads the file at `path`. Paths inside it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, Mistakes> {
        Self::parse(path, &Self::text_of(path)?)
    }

    /// Reads `text` as if it stood at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Mistakes> {
        let mut document = Document::parse(path, text)?;
        let config = sections::read(&mut document, Use::Server);
        document.finish(config)
    }

    /// Reads the file at `path` for a command, which takes no deliveries: it does not open the certificate and the
    /// private key of the public listener, so that whoever runs it need not be allowed to read them.
    pub fn load_for_command(path: &Path) -> Result<Self, Mistakes> {
        let text = Self::text_of(path)?;
        let mut document = Document::parse(path, &text)?;
        let config = sections::read(&mut document, Use::Command);
        document.finish(config)
    }

    fn text_of(path: &Path) -> Result<Zeroizing<String>, Mistakes> {
        std::fs::read_to_string(path)
            .map(Zeroizing::new) // a URL in it may have a password
            .map_err(|error| Mistakes::of_file(path, format!("cannot be read: {error}")))
    }

    /// What definitions of endpoints have to fit into; `upstreams` are the names of its upstreams.
    pub fn surroundings<'a>(&'a self, upstreams: &'a [String]) -> Surroundings<'a> {
        Surroundings {
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

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    /// A command that takes no deliveries.
    Command,
    /// A server, which opens every file that the configuration names.
    Server,
}

/// The process itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerConfig {
    /// The threads that serve; one a core, if it is not said.
    pub threads: usize,
    /// How long deliveries in flight may go on when the process is told to end.
    pub shutdown_grace: Duration,
    /// How many unused connections to backends are kept.
    pub upstream_pool_size: usize,
}

/// The public listeners.
#[derive(Clone, Debug)]
pub struct PublicConfig {
    /// Plain HTTP.
    pub http: Option<SocketAddr>,
    /// TLS.
    pub https: Option<(SocketAddr, TlsFiles)>,
    /// The public URL, without a slash at its end.
    pub url: String,
    /// How senders are dealt with.
    pub settings: PublicSettings,
}

/// The admin listener.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The host names under which it may be spoken to.
    pub allowed_hosts: AllowedHosts,
}

/// The memory of deliveries.
#[derive(Debug)]
pub struct LedgerConfig {
    /// How many a node remembers itself.
    pub capacity: usize,
    /// The memory that it shares with others, and what its keys begin with.
    pub redis: Option<(RedisSettings, KeyPrefix)>,
}

/// The cache of endpoints.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DirectoryConfig {
    /// How many endpoints are kept.
    pub cache_capacity: u64,
    /// The time between two looks at what others changed.
    pub follow_every: Duration,
    /// How long known endpoints go on while the store does not answer.
    pub grace: Duration,
}

/// The log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogConfig {
    /// What is logged about the process: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Whether it is logged as JSON.
    pub json: bool,
    /// Whether every delivery is logged.
    pub access: bool,
}
