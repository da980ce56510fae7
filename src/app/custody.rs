//! The store and the key: opened together, because what one holds only the other can open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::secrets::{KeyFileError, KeyService, LocalKeyService, Vault};
use crate::store::{Contents, Store, Stored};

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
    /// Opens the store and the key service. What does not exist yet is made; but never a new key for a
    /// store that holds secrets, which nothing but the old one could open.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        let key = key(config)?;
        folder_of(&config.key_file)?;
        let store = config.store.open().await?;
        let key_service = match key {
            Some(key) => key,
            None if store.has_secrets().await? => LocalKeyService::open(&config.key_file)?,
            None => LocalKeyService::open_or_create(&config.key_file)?,
        };
        Ok(Self {
            store,
            key_service: Arc::new(key_service),
            clock: Arc::new(SystemClock),
        })
    }

    /// Looks for everything that would keep [`open`](Self::open) from its work, makes and changes
    /// nothing, and gives the endpoints that are stored.
    pub async fn inspect(config: &Config) -> (Vec<Stored>, Vec<StartError>) {
        let mut wrong = Vec::new();
        let key = key(config).unwrap_or_else(|error| {
            wrong.push(error);
            None
        });
        let paths = [Some(config.key_file.as_path()), config.store.path()];
        let folders = paths.into_iter().flatten().map(folder_of);
        wrong.extend(folders.filter_map(Result::err));
        // The store is looked at even if the key is wrong: every mistake at once.
        let keyless = key.is_none() && wrong.is_empty();
        let contents = config.store.inspect().await;
        let contents = contents.unwrap_or_else(|error| {
            wrong.push(error.into());
            Contents::default()
        });
        if keyless && contents.has_secrets {
            let missing = LocalKeyService::open(&config.key_file);
            wrong.extend(missing.err().map(StartError::from));
        }
        (contents.endpoints, wrong)
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

/// The key, if it was made already.
fn key(config: &Config) -> Result<Option<LocalKeyService>, StartError> {
    match LocalKeyService::open(&config.key_file) {
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
