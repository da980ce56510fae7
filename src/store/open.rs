//! Which store: the one place that chooses between the engines.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{PostgresSettings, PostgresStore, SqliteStore, Store, Stored};
use crate::auth::KeyKind;
use crate::secrets::SealedUnder;

/// Where a store is, and whether its schema may be changed.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Where it is.
    pub engine: EngineSettings,
    /// Whether an older schema is brought up to date when the store is opened, or refused.
    pub migrate: bool,
}

/// Where a store is.
#[derive(Clone, Debug)]
pub enum EngineSettings {
    /// In a database that many nodes share.
    Postgres(Box<PostgresSettings>),
    /// In a file.
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

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.engine {
            EngineSettings::Postgres(_) => None,
            EngineSettings::Sqlite(path) => Some(path),
        }
    }

    /// How many may read it at once.
    pub fn readers(&self) -> u32 {
        match &self.engine {
            // One is for whoever follows the changes, and writes.
            EngineSettings::Postgres(settings) => settings.limits.connections.saturating_sub(1),
            EngineSettings::Sqlite(_) => SqliteStore::READERS,
        }
    }

    /// Whether there is a store. Nothing is created.
    pub async fn exists(&self) -> Result<bool, OpenError> {
        match &self.engine {
            EngineSettings::Postgres(settings) => {
                Ok(PostgresStore::schema(settings).await?.is_some())
            }
            EngineSettings::Sqlite(path) => Ok(path.exists()),
        }
    }

    /// Opens it; a file is made if there is none, and the schema brought up to date if it may be.
    pub async fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        Ok(match &self.engine {
            EngineSettings::Postgres(settings) => {
                Arc::new(PostgresStore::open(settings, self.migrate).await?)
            }
            EngineSettings::Sqlite(path) => Arc::new(SqliteStore::open(path, self.migrate).await?),
        })
    }

    /// What it holds. Nothing is made or changed; what is not there yet is taken for empty.
    pub async fn inspect(&self) -> Result<Contents, OpenError> {
        match &self.engine {
            EngineSettings::Postgres(settings) => {
                PostgresStore::inspect(settings, self.migrate).await
            }
            EngineSettings::Sqlite(path) => SqliteStore::inspect(path, self.migrate).await,
        }
    }

    /// Copies a store file into the file `to`, which is created. False if the store is not a file.
    pub async fn back_up(&self, to: &Path) -> Result<bool, OpenError> {
        let EngineSettings::Sqlite(path) = &self.engine else {
            return Ok(false);
        };
        SqliteStore::create_private(to)?;
        SqliteStore::back_up(path, to).await.map(|()| true)
    }

    /// Brings the schema up to date, whether that is done at every opening or not.
    pub async fn migrate(&self) -> Result<Migrated, OpenError> {
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

/// What is in a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Contents {
    /// Every endpoint.
    pub endpoints: Vec<Stored>,
    /// Which keys have encrypted its secrets.
    pub sealed_under: Vec<SealedUnder>,
    /// The secrets that have a current version, and the kind of key that it was bound as.
    pub bound: HashMap<String, Option<KeyKind>>,
}

/// A schema that is up to date.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Migrated {
    /// What it was; `None` if there was none.
    pub from: Option<i64>,
    /// What it is.
    pub to: i64,
}

/// A store that cannot be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Others than its owner may read a file of it.
    #[error(
        "{file}: others can read the store (mode {mode:04o}); run `chmod 600 {file}`, and ask who may have read it"
    )]
    Exposed {
        /// The file: the store itself, or one of those beside it.
        file: String,
        /// Its permissions.
        mode: u32,
    },

    /// A newer Portcullis has changed its schema.
    #[error(
        "{store}: the store has the schema {version} of a newer Portcullis; use that one or its backup"
    )]
    Newer {
        /// Where it is.
        store: String,
        /// The version that is not known here.
        version: i64,
    },

    /// Its schema is an older one, and must not be changed.
    #[error(
        "{store}: the store has {}, this Portcullis needs {wanted}, and `store.migrate` is false; run \
         `portcullis store migrate`",
        match version {
            Some(version) => format!("the schema {version}"),
            None => "no schema".to_owned(),
        }
    )]
    Older {
        /// Where it is.
        store: String,
        /// The version that was found.
        version: Option<i64>,
        /// The version that is needed.
        wanted: i64,
    },

    /// It is something else, or out of reach.
    #[error("{store}: the store cannot be opened: {error}")]
    Unusable {
        /// Where it is.
        store: String,
        /// What the database answered.
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
