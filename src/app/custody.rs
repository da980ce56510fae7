//! The store and the key services: opened together, because what one holds only the others can open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
use super::keys::{self, Creation};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, KeyServiceName};
use crate::secrets::{KeyFileError, KeyService, LocalKeyService, MissingKeyService, Vault};
use crate::store::{Contents, SqliteStore, Store};

/// What both a server and the command line work on.
pub struct Custody {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The key service.
    pub key_service: Arc<dyn KeyService>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Custody {
    /// Opens the store and the key services. What does not exist yet is made; but never a new key for a
    /// store that holds secrets, which nothing but the old one could open.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        Self::open_with(config, Creation::Allowed).await
    }

    /// Opens a store that exists and its key services, for commands that only read. No key is created.
    pub async fn open_existing(config: &Config) -> Result<Self, StartError> {
        Self::open_with(config, Creation::Forbidden).await
    }

    /// What a command that only reads sees where there is no store: an empty one, in memory, without a key.
    pub async fn empty(config: &Config) -> Result<Self, StartError> {
        let key_file = config.key_services.key_file.clone();
        Ok(Self {
            store: Arc::new(SqliteStore::empty().await?),
            key_service: Arc::new(MissingKeyService(key_file)),
            clock: Arc::new(SystemClock),
        })
    }

    async fn open_with(config: &Config, creation: Creation) -> Result<Self, StartError> {
        let local = local_key(config)?;
        let needs_key = local.is_none() && config.key_services.current == KeyServiceName::Local;
        if needs_key && creation == Creation::Allowed {
            folder_of(&config.key_services.key_file)?;
        }
        let store = config.store.open().await?;
        let key_service = keys::open(config, local, &*store, creation).await?;
        Ok(Self {
            store,
            key_service,
            clock: Arc::new(SystemClock),
        })
    }

    /// Looks for everything that would keep [`open`](Self::open) from its work, makes and changes
    /// nothing, and gives what is stored.
    pub async fn inspect(config: &Config) -> (Contents, Vec<StartError>) {
        let mut wrong = Vec::new();
        let key_file = config.key_services.key_file.as_path();
        let paths = [Some(key_file), config.store.path()];
        let folders = paths.into_iter().flatten().map(folder_of);
        wrong.extend(folders.filter_map(Result::err));
        // The store is looked at even if the key is wrong: every mistake at once.
        let contents = config.store.inspect().await;
        let contents = contents.unwrap_or_else(|error| {
            wrong.push(error.into());
            Contents::default()
        });
        wrong.extend(keys::inspect(config, &contents.sealed_under).await);
        (contents, wrong)
    }

    /// The vault over them.
    pub fn vault(&self) -> Vault {
        Vault::new(
            Arc::clone(&self.store) as _,
            Arc::clone(&self.key_service),
            Arc::clone(&self.clock),
        )
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

/// The local key, if it was made already.
fn local_key(config: &Config) -> Result<Option<LocalKeyService>, StartError> {
    match LocalKeyService::open(&config.key_services.key_file) {
        Err(KeyFileError::Missing { .. }) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Makes sure that there is a folder for `path`.
fn folder_of(path: &Path) -> Result<(), StartError> {
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
