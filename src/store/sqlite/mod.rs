//! The embedded store: one SQLite file in WAL mode.
//!
//! Readers never wait for a writer, and a command can write while a server reads. Writes are rare and use one
//! connection. Each is one transaction with its audit entries and its change records.

#[path = "../sql/audit.rs"]
mod audit;
#[path = "../sql/captures.rs"]
mod captures;
#[path = "../sql/changes.rs"]
mod changes;
#[path = "../sql/contents.rs"]
mod contents;
#[path = "../sql/deliveries.rs"]
mod deliveries;
mod dialect;
#[path = "../sql/endpoint_changes.rs"]
mod endpoint_changes;
#[path = "../sql/endpoints.rs"]
mod endpoints;
#[path = "../sql/flow_changes.rs"]
mod flow_changes;
#[path = "../sql/flows.rs"]
mod flows;
mod identity;
#[path = "../sql/operator_access.rs"]
mod operator_access;
#[path = "../sql/operators.rs"]
mod operators;
#[path = "../sql/overviews.rs"]
mod overviews;
mod private;
#[path = "../sql/sealing.rs"]
mod sealing;
#[path = "../sql/secret_kinds.rs"]
mod secret_kinds;
#[path = "../sql/secret_retirement.rs"]
mod secret_retirement;
#[path = "../sql/secret_uses.rs"]
mod secret_uses;
#[path = "../sql/secrets.rs"]
mod secrets;
#[path = "../sql/tokens.rs"]
mod tokens;

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

use self::identity::{FileIdentity, sibling};
use super::write_health::WriteHealth;
use super::{Migration, OpenError, StoreContents};
use crate::directory::ChangeNotifier;
use crate::secrets::StoreError;
use crate::task::Tasks;

/// The names that the files in `sql` use for this engine.
type Database = Sqlite;
type DatabaseRow = SqliteRow;
type Engine = SqliteStore;
type Pool = SqlitePool;

/// A store in a file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: SqlitePool,
    /// An unused connection. While it is open, SQLite never removes the log, so a missing log was removed by somebody
    /// else.
    anchor: Arc<Mutex<Option<SqliteConnection>>>,
    identity: Arc<FileIdentity>,
    pub(super) writes: Arc<WriteHealth>,
}

impl SqliteStore {
    /// The number of concurrent readers.
    pub const READERS: u32 = 4;

    /// Opens the file, or creates it, and migrates the schema. An older schema is refused if `migrate` is false.
    pub async fn open(path: &Path, migrate: bool) -> Result<Self, OpenError> {
        let unusable = |error: sqlx::Error| OpenError::unusable(&path.display(), &error);
        private::verify(path)?;
        if !migrate {
            Self::refuse_older(path).await?;
        }
        create_private(path)
            .and_then(|()| private::claim_empty(path))
            .map_err(|error| unusable(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A reported rotation must survive a power failure.
            .synchronous(SqliteSynchronous::Full)
            // Replaced and deleted ciphertexts are overwritten, not only unlinked.
            .pragma("secure_delete", "ON")
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // When a statement fails on a full disk, SQLite may roll back the transaction itself. The driver does
                // not notice, and every later transaction on that connection fails. After a failed rollback the
                // transaction is still open. In both cases the connection is closed, and the next write gets a new
                // one.
                .after_release(|connection, _| {
                    Box::pin(async {
                        // A rollback may be in progress. The ping waits for it.
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
        // The log and its index exist by now.
        private::verify(path)?;
        let identity = FileIdentity::of(path).map_err(|error| unusable(error.into()))?;
        Ok(Self {
            readers,
            writer,
            anchor: Arc::new(Mutex::new(Some(anchor))),
            identity: Arc::new(identity),
            writes: Arc::default(),
        })
    }

    /// An empty store in memory, for read-only commands without a store.
    pub async fn empty() -> Result<Self, OpenError> {
        let unusable = |error: sqlx::Error| OpenError::unusable(&"memory", &error);
        let options: SqliteConnectOptions = "sqlite::memory:".parse().map_err(unusable)?;
        // A single permanent connection, because it holds the store.
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

    /// Migrates the schema.
    pub async fn migrate(path: &Path) -> Result<Migration, OpenError> {
        let from = Self::schema(path).await?;
        Self::open(path, true).await?.end().await;
        Ok(Migration {
            from,
            to: newest_schema(),
        })
    }

    /// The content of the store at `path`. A store that needs a migration counts as empty, or is refused if `migrate`
    /// is false.
    pub async fn inspect(path: &Path, migrate: bool) -> Result<StoreContents, OpenError> {
        let unusable = |error: &dyn std::fmt::Display| OpenError::unusable(&path.display(), error);
        if !path.exists() {
            return check_migration(path, None, migrate).map(|()| StoreContents::default());
        }
        private::verify_owner(path)?;
        let pool = open_read_only(path)
            .await
            .map_err(|error| unusable(&error))?;
        let known = newest_schema();
        let found = match schema(&pool).await.map_err(|error| unusable(&error))? {
            Some(version) if version > known => Err(OpenError::newer(&path.display(), version)),
            Some(version) if version == known => {
                contents(&pool).await.map_err(|error| unusable(&error))
            }
            None if !is_empty(&pool).await.map_err(|error| unusable(&error))? => {
                Err(unusable(&"it is a database of another application"))
            }
            version => check_migration(path, version, migrate).map(|()| StoreContents::default()),
        };
        pool.close().await;
        let found = found?;
        private::verify(path)?;
        Ok(found)
    }

    /// Copies the store at `path` into the new file `to`, which only its owner can read. A gate may use the store
    /// meanwhile, and its schema may be older.
    pub(in crate::store) async fn back_up(path: &Path, to: &Path) -> Result<(), OpenError> {
        let unusable = |error: &dyn std::fmt::Display| OpenError::unusable(&path.display(), error);
        create_private(to).map_err(|error| OpenError::unusable(&to.display(), &error))?;
        private::verify(path)?;
        let name = to.to_str();
        let name = name.ok_or_else(|| unusable(&"the name of the backup is not UTF-8"))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|error| unusable(&error))?;
        let copied = sqlx::query("VACUUM INTO $1")
            .bind(name)
            .execute(&pool)
            .await;
        pool.close().await;
        copied.map(drop).map_err(|error| unusable(&error))
    }

    /// The schema version of the store at `path`; `None` without a schema.
    async fn schema(path: &Path) -> Result<Option<i64>, OpenError> {
        if !path.exists() {
            return Ok(None);
        }
        let unusable = |error: sqlx::Error| OpenError::unusable(&path.display(), &error);
        let pool = open_read_only(path).await.map_err(unusable)?;
        let found = schema(&pool).await.map_err(unusable);
        pool.close().await;
        found
    }

    /// Refuses an older schema, which would need a migration, and a newer one.
    async fn refuse_older(path: &Path) -> Result<(), OpenError> {
        match Self::schema(path).await? {
            Some(version) if version > newest_schema() => {
                Err(OpenError::newer(&path.display(), version))
            }
            version if version != Some(newest_schema()) => check_migration(path, version, false),
            _ => Ok(()),
        }
    }

    fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.identity.check().map(|()| &self.readers)
    }

    fn writer(&self) -> Result<&SqlitePool, StoreError> {
        self.identity.check().map(|()| &self.writer)
    }

    // The methods below are called by the files in `sql`.

    /// A transaction that excludes other writers from its first statement.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer()?.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A transaction for counters. A file has one writer at a time.
    async fn begin_concurrent(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.begin().await
    }

    /// A read transaction with a consistent snapshot.
    async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let mut transaction = self.readers()?.begin().await?;
        // The first read fixes the snapshot.
        sqlx::query("SELECT 1 FROM changes LIMIT 1")
            .fetch_optional(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Checks that it is still the store that was opened.
    async fn verify(&self) -> Result<(), StoreError> {
        self.identity.verify().await
    }

    /// A file has no change notifications.
    #[expect(
        clippy::unused_self,
        reason = "the signature is that of the PostgreSQL store"
    )]
    fn listen(&self, _tasks: &Tasks) -> Option<Arc<ChangeNotifier>> {
        None
    }

    /// Every wait of SQLite has a timeout: see `BUSY_TIMEOUT`.
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

    async fn bounded_ping(
        &self,
        work: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        work.await
    }

    async fn end(&self) {
        // The last connection checkpoints the log into the file. A reader cannot.
        if self.identity.verify().await.is_err() {
            // SQLite would remove the log of the store that has taken the path.
            std::mem::forget(self.clone());
            return;
        }
        self.readers.close().await;
        self.writer.close().await;
        if let Some(anchor) = self.anchor.lock().await.take() {
            // What was not checkpointed stays in the log.
            let _ = anchor.close().await;
        }
    }
}

/// A connection that has read, and therefore holds the log.
async fn anchor(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1")
        .fetch_optional(&mut connection)
        .await?;
    Ok(connection)
}

/// Creates an empty file that only its owner can read. SQLite gives the log and its index the same permissions.
fn create_private(path: &Path) -> std::io::Result<()> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn check_migration(path: &Path, version: Option<i64>, migrate: bool) -> Result<(), OpenError> {
    if migrate {
        return Ok(());
    }
    let wanted = newest_schema();
    Err(OpenError::older(&path.display(), version, wanted))
}

/// Opens a file read-only.
async fn open_read_only(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    // If the log is empty, the file alone is the store, and SQLite need not create others.
    let log = sibling(path, "-wal");
    let at_rest = log.metadata().map_or(true, |log| log.len() == 0);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(at_rest)
        .busy_timeout(BUSY_TIMEOUT);
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
}

async fn contents(pool: &SqlitePool) -> Result<StoreContents, StoreError> {
    Ok(StoreContents {
        endpoints: endpoints::definitions(pool, "", "", u32::MAX).await?,
        sealed_under: sealing::under(pool).await?,
        bound: secret_kinds::bound(pool).await?,
    })
}

async fn is_empty(pool: &SqlitePool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)")
        .fetch_one(pool)
        .await
}

/// The newest applied migration.
async fn schema(pool: &SqlitePool) -> Result<Option<i64>, sqlx::Error> {
    let is_there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')",
    )
    .fetch_one(pool)
    .await?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(pool)
        .await
}

/// The schema version of this Portcullis.
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
    use crate::capture::{CaptureStore as _, NewCapture};
    use crate::secrets::{SecretRef, SecretStore as _, VersionUse};
    use crate::store::Store as _;
    use crate::tokens::TokenStore as _;

    #[tokio::test]
    async fn failures_of_background_writes_are_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let secret: SecretRef = "workflows/w#webhook".parse().unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let used = VersionUse {
            version: 1,
            deliveries: 1,
            last_used_at: at,
        };
        let captured = NewCapture {
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
            // Without captures there is nothing to write, so the recorded failure stays.
            store.keep(Vec::new(), at).await.unwrap();
            assert_ne!(store.write_fault(), None, "write {write}");
        }
    }

    /// The page limit of SQLite behaves like a full disk: `SQLITE_FULL`, and the transaction is rolled back.
    #[tokio::test]
    async fn writes_succeed_again_after_a_full_disk() {
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
            // There is room again, because the limit belongs to the closed connection.
            store.try_write().await.unwrap();
            assert_eq!(store.write_fault(), None);
        }
    }
}
