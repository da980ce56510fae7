//! The choice of the engine: the only place that knows both.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{PostgresSettings, PostgresStore, SqliteStore, Store, StoredEndpoint};
use crate::auth::KeyKind;
use crate::secrets::KeyUsage;

/// The location of a store, and whether its schema may be migrated.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The engine and its location.
    pub engine: EngineSettings,
    /// Whether an older schema is migrated when the store is opened. Otherwise it is refused.
    pub migrate: bool,
}

/// The location of a store.
#[derive(Clone, Debug)]
pub enum EngineSettings {
    /// A database that several nodes can share.
    Postgres(Box<PostgresSettings>),
    /// A file.
    Sqlite(PathBuf),
}

impl StoreSettings {
    /// The store in the file at `path`.
    pub fn file(path: PathBuf) -> Self {
        Self {
            engine: EngineSettings::Sqlite(path),
            migrate: true,
        }
    }

    /// The path, if it is a file.
    pub fn path(&self) -> Option<&Path> {
        match &self.engine {
            EngineSettings::Postgres(_) => None,
            EngineSettings::Sqlite(path) => Some(path),
        }
    }

    /// The number of concurrent readers.
    pub fn readers(&self) -> u32 {
        match &self.engine {
            // One connection is reserved for the follower and for writes.
            EngineSettings::Postgres(settings) => settings.limits.connections.saturating_sub(1),
            EngineSettings::Sqlite(_) => SqliteStore::READERS,
        }
    }

    /// True if the store exists. Nothing is created.
    pub async fn exists(&self) -> Result<bool, OpenError> {
        match &self.engine {
            EngineSettings::Postgres(settings) => {
                Ok(PostgresStore::schema(settings).await?.is_some())
            }
            EngineSettings::Sqlite(path) => Ok(path.exists()),
        }
    }

    /// Opens the store. A missing file is created, and the schema is migrated if that is allowed.
    pub async fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        Ok(match &self.engine {
            EngineSettings::Postgres(settings) => {
                Arc::new(PostgresStore::open(settings, self.migrate).await?)
            }
            EngineSettings::Sqlite(path) => Arc::new(SqliteStore::open(path, self.migrate).await?),
        })
    }

    /// The content of the store. Nothing is created or changed; a missing store counts as empty.
    pub async fn inspect(&self) -> Result<StoreContents, OpenError> {
        match &self.engine {
            EngineSettings::Postgres(settings) => {
                PostgresStore::inspect(settings, self.migrate).await
            }
            EngineSettings::Sqlite(path) => SqliteStore::inspect(path, self.migrate).await,
        }
    }

    /// Copies a store file to the new file `to`. Returns false if the store is not a file.
    pub async fn back_up(&self, to: &Path) -> Result<bool, OpenError> {
        let EngineSettings::Sqlite(path) = &self.engine else {
            return Ok(false);
        };
        SqliteStore::back_up(path, to).await.map(|()| true)
    }

    /// Migrates the schema, whether that also happens at every opening or not.
    pub async fn migrate(&self) -> Result<Migration, OpenError> {
        match &self.engine {
            EngineSettings::Postgres(settings) => PostgresStore::migrate(settings).await,
            EngineSettings::Sqlite(path) => SqliteStore::migrate(path).await,
        }
    }
}

/// The path of the file, or the URL without its password.
impl fmt::Display for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.engine {
            EngineSettings::Postgres(settings) => f.write_str(settings.address()),
            EngineSettings::Sqlite(path) => fmt::Display::fmt(&path.display(), f),
        }
    }
}

/// The content of a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoreContents {
    /// All endpoints.
    pub endpoints: Vec<StoredEndpoint>,
    /// Which keys encrypted its secrets.
    pub sealed_under: Vec<KeyUsage>,
    /// The secrets with a current version, and the kind of key that it was bound as.
    pub bound: HashMap<String, Option<KeyKind>>,
}

/// The result of a migration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Migration {
    /// The version before; `None` without a schema.
    pub from: Option<i64>,
    /// The version now.
    pub to: i64,
}

/// A store that cannot be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its mode lets other users read a file of it.
    #[error(
        "{file}: others can read the store (mode {mode:04o}): run `chmod 600 {file}`, and find out who may have read it"
    )]
    Exposed {
        /// The file: the store itself, or its log or index.
        file: String,
        /// The permissions of the file.
        mode: u32,
    },

    /// Another user owns a file of it, and can read or replace it.
    #[error("{file}: the store {foreign}")]
    Foreign {
        /// The file: the store itself, or its log or index.
        file: String,
        /// The owner of the file, and the user of the process.
        foreign: String,
    },

    /// A newer Portcullis has migrated its schema.
    #[error(
        "{store}: the store has the schema {version} of a newer Portcullis: use that version or its backup"
    )]
    Newer {
        /// The path or URL of the store.
        store: String,
        /// The schema version, which is unknown here.
        version: i64,
    },

    /// Its schema is older and must not be migrated.
    #[error(
"{store}: the store has {}, this Portcullis needs {wanted}, and `store.migrate` is false: run \
         `portcullis store migrate`",
        match version {
            Some(version) => format!("the schema {version}"),
            None => "no schema".to_owned(),
        }
    )]
    Older {
        /// The path or URL of the store.
        store: String,
        /// The schema version of the store.
        version: Option<i64>,
        /// The schema version of this Portcullis.
        wanted: i64,
    },

    /// It is not a store, or it cannot be reached.
    #[error("{store}: the store cannot be opened: {error}")]
    Unusable {
        /// The path or URL of the store.
        store: String,
        /// The error of the database.
        error: String,
    },
}

impl OpenError {
    pub(super) fn newer(store: &dyn fmt::Display, version: i64) -> Self {
        let store = store.to_string();
        Self::Newer { store, version }
    }

    pub(super) fn older(store: &dyn fmt::Display, version: Option<i64>, wanted: i64) -> Self {
        Self::Older {
            store: store.to_string(),
            version,
            wanted,
        }
    }

    pub(super) fn unusable(store: &dyn fmt::Display, error: &dyn fmt::Display) -> Self {
        Self::Unusable {
            store: store.to_string(),
            error: error.to_string(),
        }
    }
}
