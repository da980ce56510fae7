//! The store and the key services. They are opened together: only the key services can decrypt the store's secrets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::keys::{self, Creation};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, KeyServiceName, KeyServicesConfig};
use crate::secrets::{KeyFileError, KeyService, LocalKeyService, MissingKeyServiceError, Vault};
use crate::store::{SqliteStore, Store, StoreContents, StoreSettings};

/// The store, the key service and the clock, for the server and for commands.
pub struct Backends {
    /// The store of endpoints, secrets and tokens.
    pub store: Arc<dyn Store>,
    /// The key services that can decrypt the store's secrets.
    pub key_service: Arc<dyn KeyService>,
    /// The system clock.
    pub clock: Arc<dyn Clock>,
}

/// The part of a configuration that opens the backends, for a part of the process with connections of its own.
#[derive(Clone)]
pub(super) struct BackendSettings {
    pub(super) store: StoreSettings,
    pub(super) key_services: KeyServicesConfig,
    /// How long an unwrapped data key of AWS KMS is kept.
    pub(super) keep_unwrapped: Duration,
}

impl BackendSettings {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            store: config.store.clone(),
            key_services: config.key_services.clone(),
            keep_unwrapped: config.keys.time_to_live,
        }
    }

    /// Opens existing backends again. It creates no key.
    pub(super) async fn open(&self) -> Result<Backends, StartError> {
        Backends::open_with(self, Creation::Forbidden).await
    }
}

impl Backends {
    /// Opens the store and the key services, and creates what is missing. It never creates a local key for a store with
    /// secrets, because only the old key can decrypt them.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        Self::open_with(&BackendSettings::of(config), Creation::Allowed).await
    }

    /// Opens an existing store and its key services, for read-only commands. It creates no key.
    pub async fn open_existing(config: &Config) -> Result<Self, StartError> {
        Self::open_with(&BackendSettings::of(config), Creation::Forbidden).await
    }

    /// An empty store in memory without a key, for read-only commands where no store exists.
    pub async fn empty(config: &Config) -> Result<Self, StartError> {
        let key_file = config.key_services.key_file.clone();
        Ok(Self {
            store: Arc::new(SqliteStore::empty().await?),
            key_service: Arc::new(MissingKeyServiceError(key_file)),
            clock: Arc::new(SystemClock),
        })
    }

    async fn open_with(config: &BackendSettings, creation: Creation) -> Result<Self, StartError> {
        let local = local_key(&config.key_services)?;
        let needs_key = local.is_none() && config.key_services.current == KeyServiceName::Local;
        if needs_key && creation == Creation::Allowed {
            check_folder(&config.key_services.key_file)?;
        }
        let store = config.store.open().await?;
        let key_service = keys::open(config, local, &*store, creation).await?;
        Ok(Self {
            store,
            key_service,
            clock: Arc::new(SystemClock),
        })
    }

    /// Finds every reason for which [`open`](Self::open) would fail, without creating or changing anything. Returns a
    /// summary of the store too.
    pub async fn inspect(config: &Config) -> (StoreContents, Vec<StartError>) {
        let mut errors = Vec::new();
        let key_file = config.key_services.key_file.as_path();
        let paths = [Some(key_file), config.store.path()];
        let folders = paths.into_iter().flatten().map(check_folder);
        errors.extend(folders.filter_map(Result::err));
        // The store is inspected even if the key is wrong, to report all mistakes at once.
        let contents = config.store.inspect().await;
        let contents = contents.unwrap_or_else(|error| {
            errors.push(error.into());
            StoreContents::default()
        });
        errors.extend(keys::inspect(&BackendSettings::of(config), &contents.sealed_under).await);
        (contents, errors)
    }

    /// A vault over this store and key service.
    pub fn vault(&self) -> Vault {
        Vault::new(
            Arc::clone(&self.store) as _,
            Arc::clone(&self.key_service),
            Arc::clone(&self.clock),
        )
    }

    /// Closes the connections of the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

/// The local key; `None` if it does not exist yet.
fn local_key(config: &KeyServicesConfig) -> Result<Option<LocalKeyService>, StartError> {
    match LocalKeyService::open(&config.key_file) {
        Err(KeyFileError::Missing { .. }) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Checks that the folder of `path` exists.
fn check_folder(path: &Path) -> Result<(), StartError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match folder.metadata() {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(std::io::ErrorKind::NotADirectory.into()),
        Err(error) => Err(error),
    }
    .map_err(|error| StartError::Folder {
        path: PathBuf::from(path),
        error,
    })
}
