//! The embedded store: one SQLite file in WAL mode.
//!
//! Readers never wait for the writer, and the command line may write while a server reads. Writes are
//! rare and go through one connection, each as one transaction with its audit lines and its entry in
//! the log of changes.

#[path = "../sql/audit.rs"]
mod audit;
mod backup;
#[path = "../sql/captures.rs"]
mod captures;
#[path = "../sql/changes.rs"]
mod changes;
#[path = "../sql/contents.rs"]
mod contents;
mod dialect;
#[path = "../sql/endpoint_changes.rs"]
mod endpoint_changes;
#[path = "../sql/endpoints.rs"]
mod endpoints;
#[path = "../sql/flow_change.rs"]
mod flow_change;
#[path = "../sql/flows.rs"]
mod flows;
mod identity;
mod inspect;
mod private;
#[path = "../sql/sealing.rs"]
mod sealing;
#[path = "../sql/secret_endings.rs"]
mod secret_endings;
#[path = "../sql/secret_kinds.rs"]
mod secret_kinds;
#[path = "../sql/secret_uses.rs"]
mod secret_uses;
#[path = "../sql/secrets.rs"]
mod secrets;
#[path = "../sql/tokens.rs"]
mod tokens;
#[path = "../sql/whole.rs"]
mod whole;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, Transaction};
use tokio::sync::Mutex;

use self::identity::Identity;
use super::write_health::WriteHealth;
use super::{Migrated, OpenError};
use crate::directory::Bell;
use crate::secrets::StoreError;
use crate::task::Tasks;

/// What the files in `sql`, which are compiled once for each engine, know this one by.
type Database = Sqlite;
type DatabaseRow = SqliteRow;
type Engine = SqliteStore;
type Pool = SqlitePool;

/// A store in a file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: SqlitePool,
    /// Used by nobody. While it is open SQLite does not remove the log, whatever becomes of the other connections, so a
    /// log that is gone was removed by somebody else.
    anchor: Arc<Mutex<Option<SqliteConnection>>>,
    identity: Arc<Identity>,
    pub(super) writes: Arc<WriteHealth>,
}

impl SqliteStore {
    /// How many may read at once.
    pub const READERS: u32 = 4;

    /// Opens the file, makes it if there is none, and brings its schema up to date; or refuses one that
    /// is not, if it may not `migrate`.
    pub async fn open(path: &Path, migrate: bool) -> Result<Self, OpenError> {
        let unusable = |error: sqlx::Error| OpenError::unusable(&path.display(), &error);
        private::verify(path)?;
        if !migrate {
            Self::refuse_older(path).await?;
        }
        make_private(path)
            .and_then(|()| private::claim_empty(path))
            .map_err(|error| unusable(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A rotation that was reported must not be undone by a loss of power.
            .synchronous(SqliteSynchronous::Full)
            // Ciphertexts that were replaced or deleted are overwritten, not only taken off the index.
            .pragma("secure_delete", "ON")
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // When a statement fails because the disk is full, SQLite may roll the transaction back by itself.
                // The driver does not notice: it goes on to count a transaction that is not there, and every
                // later one on that connection fails. A rollback that failed leaves one that is there. Either
                // way the connection is closed, and the next write gets a new one.
                .after_release(|connection, _| {
                    Box::pin(async {
                        // A rollback may be under way; the answer comes after it.
                        connection.ping().await?;
                        Ok(!connection.is_in_transaction())
                    })
                })
                .connect_with(options.clone())
        };
        let writer = pool(1).await.map_err(unusable)?;
        if migrate {
            MIGRATIONS.run(&writer).await.map_err(|error| match error {
                MigrateError::VersionMissing(version) => OpenError::newer(&path.display(), version),
                other => OpenError::unusable(&path.display(), &other),
            })?;
        }
        let readers = pool(Self::READERS).await.map_err(unusable)?;
        let anchor = anchor(&options).await.map_err(unusable)?;
        // By now the files beside it are there.
        private::verify(path)?;
        let identity = Identity::of(path).map_err(|error| unusable(error.into()))?;
        Ok(Self {
            readers,
            writer,
            anchor: Arc::new(Mutex::new(Some(anchor))),
            identity: Arc::new(identity),
            writes: Arc::default(),
        })
    }

    /// An empty store in memory: what a command that only reads sees where there is no store.
    pub async fn empty() -> Result<Self, OpenError> {
        let unusable = |error: sqlx::Error| OpenError::unusable(&"memory", &error);
        let options: SqliteConnectOptions = "sqlite::memory:".parse().map_err(unusable)?;
        // One connection that stays: it is the store.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(unusable)?;
        let migrated = MIGRATIONS.run(&pool).await;
        migrated.map_err(|error| OpenError::unusable(&"memory", &error))?;
        Ok(Self {
            readers: pool.clone(),
            writer: pool,
            anchor: Arc::default(),
            identity: Arc::default(),
            writes: Arc::default(),
        })
    }

    /// Creates an empty file that only its owner can read. One that exists is left alone.
    pub(in crate::store) fn create_private(path: &Path) -> Result<(), OpenError> {
        make_private(path).map_err(|error| OpenError::unusable(&path.display(), &error))
    }

    /// Brings the schema up to date, and says from where to where.
    pub async fn migrate(path: &Path) -> Result<Migrated, OpenError> {
        let from = Self::schema(path).await?;
        Self::open(path, true).await?.end().await;
        Ok(Migrated {
            from,
            to: newest_schema(),
        })
    }

    fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.identity.known().map(|()| &self.readers)
    }

    fn writer(&self) -> Result<&SqlitePool, StoreError> {
        self.identity.known().map(|()| &self.writer)
    }
}

/// A connection that has read, and so holds the log.
async fn anchor(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1")
        .fetch_optional(&mut connection)
        .await?;
    Ok(connection)
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

/// What the files in `sql` ask of an engine.
impl SqliteStore {
    /// A transaction that nobody else writes beside, from its first statement on.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer()?.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A transaction of what is only counted. A file has one writer at a time.
    async fn begin_beside(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.begin().await
    }

    /// A transaction that sees the store as it is now.
    async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let mut transaction = self.readers()?.begin().await?;
        // It is the first read that fixes what is seen.
        sqlx::query("SELECT 1 FROM changes LIMIT 1")
            .fetch_optional(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Whether it is still the store that was opened.
    async fn verify(&self) -> Result<(), StoreError> {
        self.identity.verify().await
    }

    /// A file does not say by itself that it has changed.
    #[expect(clippy::unused_self, reason = "another engine needs it")]
    fn listen(&self, _tasks: &Tasks) -> Option<Arc<Bell>> {
        None
    }

    /// Every wait of SQLite ends by itself: see `BUSY_TIMEOUT`.
    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        work.await
    }

    async fn bounded_write<T>(
        &self,
        _steps: usize,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.writes.note(work.await)
    }

    async fn pinged(
        &self,
        work: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        work.await
    }

    async fn end(&self) {
        // The last one to go puts what the log holds into the file; a reader may not.
        if self.identity.verify().await.is_err() {
            // SQLite would remove the log that now belongs to the store that has taken the path.
            std::mem::forget(self.clone());
            return;
        }
        self.readers.close().await;
        self.writer.close().await;
        if let Some(anchor) = self.anchor.lock().await.take() {
            // What it could not put into the file stays in the log.
            let _ = anchor.close().await;
        }
    }
}

/// The schema of this version of Portcullis.
fn newest_schema() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::auth::TokenId;
    use crate::capture::{CaptureStore as _, Captured};
    use crate::secrets::{SecretRef, SecretStore as _, VersionUse};
    use crate::store::Store as _;
    use crate::tokens::TokenStore as _;

    #[tokio::test]
    async fn every_write_beside_deliveries_is_noted_when_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let secret: SecretRef = "workflows/w#webhook".parse().unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let used = VersionUse {
            version: 1,
            deliveries: 1,
            last_used_at: at,
        };
        let captured = Captured {
            endpoint: "workflows/w".parse().unwrap(),
            request_id: "r".to_owned(),
            at,
            ends_at: at,
            last: 1,
            reason: "signature_mismatch",
            http: Vec::new(),
        };
        for write in 0..3 {
            let path = folder.path().join(format!("{write}.db"));
            let store = SqliteStore::open(&path, true).await.unwrap();
            store.writer.close().await;
            assert_eq!(store.write_fault(), None);
            let written = match write {
                0 => store.add_uses(&[(secret.clone(), used)]).await,
                1 => store.add_token_uses(&[(TokenId::new([1; 8]), at)]).await,
                _ => store.keep(vec![captured.clone()], at).await,
            };
            assert!(written.is_err(), "write {write}");
            assert_eq!(store.write_fault(), written.err(), "write {write}");
            // There is nothing to keep and nothing to forget, so nothing was written.
            store.keep(Vec::new(), at).await.unwrap();
            assert_ne!(store.write_fault(), None, "write {write}");
        }
    }

    /// SQLite's own limit of pages behaves as a full disk: `SQLITE_FULL`, and the transaction is rolled back.
    #[tokio::test]
    async fn a_write_after_a_full_disk_succeeds_as_soon_as_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("store.db"), true)
            .await
            .unwrap();
        sqlx::query("CREATE TABLE filler (bytes BLOB)")
            .execute(&store.writer)
            .await
            .unwrap();
        for _ in 0..3 {
            sqlx::query("PRAGMA max_page_count = 1")
                .execute(&store.writer)
                .await
                .unwrap();
            let mut transaction = store.begin().await.unwrap();
            let filled = sqlx::query("INSERT INTO filler VALUES (zeroblob(1000000))")
                .execute(&mut *transaction)
                .await;
            let error = filled.unwrap_err().to_string();
            assert!(error.contains("full"), "{error}");
            drop(transaction);
            // There is room again: the limit belongs to the connection, which is gone.
            store.try_write().await.unwrap();
            assert_eq!(store.write_fault(), None);
        }
    }
}
