//! What most commands work with: the configuration, the control plane, and who asks.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use super::output;
use crate::app::Custody;
use crate::audit::Actor;
use crate::config::Config;
use crate::control::{Control, ServerContext};

/// An open configuration.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) custody: Custody,
    pub(super) control: Control,
    pub(super) actor: Actor,
}

/// What a command does to the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// It only reads, so that a store and a key are not created for it.
    Read,
    /// It changes something.
    Write,
}

impl Access {
    /// The access of a command that changes something unless it only shows what it would do.
    pub(super) fn unless_dry_run(dry_run: bool) -> Self {
        if dry_run { Self::Read } else { Self::Write }
    }
}

impl Session {
    /// Reads the configuration and opens what it names. A command that only reads creates nothing.
    pub(super) async fn open(path: &Path, access: Access) -> Result<Self, Failure> {
        let config = Config::load_for_command(path)?;
        let custody = match access {
            Access::Write => Custody::open(&config).await?,
            // A store that may not be migrated is refused with the command that creates it.
            Access::Read if !config.store.migrate || config.store.exists().await? => {
                Custody::open_existing(&config).await?
            }
            Access::Read => {
                let store = &config.store;
                output::note(&format!(
                    "note: {store}: there is no store here; `portcullis init` and `portcullis serve` create one"
                ));
                Custody::empty(&config).await?
            }
        };
        Ok(Self {
            control: control(&config, &custody),
            config,
            custody,
            actor: actor(),
        })
    }
}

/// The control plane over what a configuration names.
pub(super) fn control(config: &Config, custody: &Custody) -> Control {
    Control::new(
        Arc::clone(&custody.store),
        Arc::clone(&custody.key_service),
        Arc::clone(&custody.clock),
        server_context(config),
    )
}

/// What a configuration says about declarations.
pub(super) fn server_context(config: &Config) -> ServerContext {
    let names = config.upstream_names();
    let surroundings = config.surroundings(&names);
    ServerContext {
        upstream_paths: surroundings.upstream_paths.clone(),
        allow_unauthenticated: surroundings.allow_unauthenticated,
        draft_auth: surroundings.draft_auth,
        largest_body_bytes: surroundings.largest_body_bytes,
        routes: Arc::clone(&config.routes),
        public_url: config.public.url.clone(),
        upstreams: names,
    }
}

/// The user of the operating system, on this host.
pub(super) fn actor() -> Actor {
    let name = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
    let host = whoami::hostname().unwrap_or_else(|_| "unknown".to_owned());
    Actor {
        name,
        origin: format!("cli@{host}"),
    }
}
