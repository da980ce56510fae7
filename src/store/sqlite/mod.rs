//! The embedded store: one SQLite file in WAL mode.
//!
//! Readers never wait for the writer, and the command line may write while a server reads. Writes are
//! rare and go through one connection, each as one transaction with its audit lines and its entry in
//! the log of changes.

mod audit;
mod captures;
mod changes;
mod endpoints;
mod identity;
mod inspect;
mod rows;
mod secrets;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use self::identity::Identity;
pub use self::inspect::Contents;
use super::{AuditLine, Store, Stored};
use crate::audit::Action;
use crate::directory::EndpointId;
use crate::secrets::{SecretRef, StoreError};

/// A store in a file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: SqlitePool,
    identity: Arc<Identity>,
}

impl SqliteStore {
    /// Opens the file, makes it if there is none, and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let unusable = |error: sqlx::Error| OpenError::Unusable {
            path: path.to_owned(),
            error: error.to_string(),
        };
        make_private(path).map_err(|error| unusable(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A rotation that was reported must not be undone by a loss of power.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_with(options.clone())
        };
        let writer = pool(1).await.map_err(unusable)?;
        MIGRATIONS.run(&writer).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => OpenError::Newer {
                path: path.to_owned(),
                version,
            },
            other => OpenError::Unusable {
                path: path.to_owned(),
                error: other.to_string(),
            },
        })?;
        let readers = pool(READERS).await.map_err(unusable)?;
        let identity = Identity::of(path).map_err(|error| unusable(error.into()))?;
        Ok(Self {
            readers,
            writer,
            identity: Arc::new(identity),
        })
    }

    fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.identity.known().map(|()| &self.readers)
    }

    fn writer(&self) -> Result<&SqlitePool, StoreError> {
        self.identity.known().map(|()| &self.writer)
    }
}

/// Makes an empty file that only its owner can read, if there is none. SQLite gives the files beside it
/// the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM changes LIMIT 1")
            .fetch_optional(self.readers()?)
            .await?;
        Ok(())
    }

    async fn close(&self) {
        // The last one to go puts what the log holds into the file; a reader may not.
        if self.identity.verify().await.is_err() {
            // SQLite would remove the log that now belongs to the store that has taken the path.
            std::mem::forget(self.clone());
            return;
        }
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn definitions(&self, prefix: &str) -> Result<Vec<Stored>, StoreError> {
        endpoints::definitions(self.readers()?, prefix).await
    }

    async fn sharing(
        &self,
        secret: &SecretRef,
        handshakes: &[&str],
        among: bool,
        limit: usize,
    ) -> Result<Vec<EndpointId>, StoreError> {
        endpoints::sharing(self.readers()?, secret, handshakes, among, limit).await
    }

    async fn last(&self, action: Action, subject: &str) -> Result<Option<AuditLine>, StoreError> {
        audit::last(self.readers()?, action, subject).await
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        audit::newest(self.readers()?, limit).await
    }
}

/// A store that cannot be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer Portcullis has changed its schema.
    #[error(
        "{}: the store has the schema {version} of a newer Portcullis; use that one or its backup",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version that is not known here.
        version: i64,
    },

    /// It is something else, or out of reach.
    #[error("{}: the store cannot be opened: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the database answered.
        error: String,
    },
}

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
