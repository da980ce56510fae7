//! A session: the configuration, the open backends, the control plane and the actor of a command.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use super::output;
use crate::app::{Backends, server_context};
use crate::audit::Actor;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::control::Control;
use crate::secrets::MissingKeyServiceError;

/// A configuration with its backends open.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) backends: Backends,
    pub(super) control: Control,
    pub(super) actor: Actor,
}

/// How much of the backends a command opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// The command reads the store and decrypts nothing. It needs no key, and it creates neither a store nor a key.
    Read,
    /// The command reads the store and decrypts secrets. It needs the key, and it creates neither a store nor a key.
    Decrypt,
    /// The command shows what it would change. It decrypts if it can, and it creates neither a store nor a key.
    DryRun,
    /// The command changes the store. A missing store and its key are created.
    Write,
}

impl Access {
    /// The access of a command that writes unless it is a dry run.
    pub(super) fn unless_dry_run(dry_run: bool) -> Self {
        if dry_run { Self::DryRun } else { Self::Write }
    }
}

impl Session {
    /// Reads the configuration and opens the store, and the key service where `access` needs one.
    pub(super) async fn open(path: &Path, access: Access) -> Result<Self, Failure> {
        let config = Config::load_for_command(path)?;
        let backends = match access {
            Access::Write => Backends::open(&config).await?,
            // Without `store.migrate`, opening a missing store fails with the command that creates it.
            Access::Decrypt if !config.store.migrate || config.store.exists().await? => {
                Backends::open_existing(&config).await?
            }
            Access::Read if !config.store.migrate || config.store.exists().await? => {
                without_key(&config).await?
            }
            Access::DryRun if !config.store.migrate || config.store.exists().await? => {
                match Backends::open_existing(&config).await {
                    Ok(backends) => backends,
                    Err(error) => {
                        let backends = without_key(&config).await?;
                        output::note(&format!("note: bound secrets are not checked: {error}"));
                        backends
                    }
                }
            }
            Access::Decrypt | Access::DryRun | Access::Read => {
                let store = &config.store;
                output::note(&format!(
                    "note: {store}: the store does not exist yet; `portcullis init` and `portcullis serve` create it"
                ));
                Backends::empty(&config).await?
            }
        };
        Ok(Self {
            control: control(&config, &backends),
            config,
            backends,
            actor: actor(),
        })
    }
}

/// The store, without the key service.
async fn without_key(config: &Config) -> Result<Backends, Failure> {
    let key_file = config.key_services.key_file.clone();
    Ok(Backends {
        store: config.store.open().await?,
        key_service: Arc::new(MissingKeyServiceError(key_file)),
        clock: Arc::new(SystemClock),
    })
}

/// The control plane over the backends of a configuration.
pub(super) fn control(config: &Config, backends: &Backends) -> Control {
    Control::new(
        Arc::clone(&backends.store),
        Arc::clone(&backends.key_service),
        Arc::clone(&backends.clock),
        server_context(config),
    )
}

/// The current user of the operating system, on this host.
pub(super) fn actor() -> Actor {
    let name = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
    let host = whoami::hostname().unwrap_or_else(|_| "unknown".to_owned());
    Actor::OsUser { name, host }
}
