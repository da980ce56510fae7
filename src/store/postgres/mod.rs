//! The store on PostgreSQL, which several nodes can share.
//!
//! Every query has a timeout, so a hanging database holds nobody longer than that. Writers are serialised by a lock
//! that each holds until its transaction ends, as with SQLite. The guarantees of a single writer therefore hold, and
//! changes become visible in the order of their numbers: no follower misses one.

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
mod listener;
#[path = "../sql/operator_access.rs"]
mod operator_access;
#[path = "../sql/operators.rs"]
mod operators;
#[path = "../sql/overviews.rs"]
mod overviews;
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
mod settings;
#[path = "../sql/tokens.rs"]
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{Connection, PgConnection, Postgres, Transaction};

pub use self::settings::{PostgresLimits, PostgresSettings, PostgresUrlError};
use super::write_health::WriteHealth;
use super::{Migration, OpenError, Store as _, StoreContents};
use crate::directory::ChangeNotifier;
use crate::secrets::StoreError;
use crate::task::Tasks;

/// The names that the files in `sql` use for this engine.
type Database = Postgres;
type DatabaseRow = PgRow;
type Engine = PostgresStore;
type Pool = PgPool;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    pool: PgPool,
    settings: PostgresSettings,
    writes: WriteHealth,
}

impl PostgresStore {
    /// Connects and migrates the schema. An older schema is refused if `migrate` is false.
    pub async fn open(settings: &PostgresSettings, migrate: bool) -> Result<Self, OpenError> {
        prepare(settings, migrate).await?;
        let limits = settings.limits;
        let pool = PgPoolOptions::new()
            .max_connections(limits.connections)
            .acquire_timeout(limits.connect_timeout)
            .idle_timeout(IDLE_TIMEOUT)
            .max_lifetime(MAX_LIFETIME)
            // A query that timed out leaves its connection in the middle of an answer. The connection is dropped
            // unless it recovers soon: on a network that swallows packets it could occupy the pool for a quarter of
            // an hour.
            .after_release(|connection, _| {
                Box::pin(async {
                    match tokio::time::timeout(RELEASE_TIMEOUT, connection.ping()).await {
                        Ok(answered) => answered.map(|()| true),
                        Err(_) => Err(sqlx::Error::PoolTimedOut),
                    }
                })
            })
            .connect_lazy_with(settings.bounded_options());
        Ok(Self {
            pool,
            settings: settings.clone(),
            writes: WriteHealth::default(),
        })
    }

    /// The content of the database; nothing is changed. A database that needs a migration counts as empty, or is
    /// refused if `migrate` is false.
    pub async fn inspect(
        settings: &PostgresSettings,
        migrate: bool,
    ) -> Result<StoreContents, OpenError> {
        if !is_current(settings, migrate).await? {
            return Ok(StoreContents::default());
        }
        let store = Self::open(settings, false).await?;
        let contents = contents(&store).await;
        store.end().await;
        contents.map_err(|error| OpenError::unusable(&settings.address(), &error))
    }

    /// The schema version; `None` without a schema.
    pub(in crate::store) async fn schema(
        settings: &PostgresSettings,
    ) -> Result<Option<i64>, OpenError> {
        let mut connection = connect(settings).await?;
        let version = schema_version(settings, &mut connection).await?;
        // The result is known, so an error while closing does not matter.
        let _ = connection.close().await;
        Ok(version)
    }

    /// Migrates the schema.
    pub async fn migrate(settings: &PostgresSettings) -> Result<Migration, OpenError> {
        let mut connection = connect(settings).await?;
        let from = schema_version(settings, &mut connection).await?;
        migrate(settings, &mut connection).await?;
        let to = newest_schema();
        Ok(Migration { from, to })
    }

    // The methods below are called by the files in `sql`.

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the signature is that of the SQLite store"
    )]
    fn readers(&self) -> Result<&PgPool, StoreError> {
        Ok(&self.pool)
    }

    /// A transaction that excludes other writers.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        // The isolation level is explicit, because the database may have another default. After the lock is acquired,
        // the transaction must see what others have committed.
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        let mut transaction = self.pool.begin_with(begin).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITER)
            .execute(&mut *transaction)
            .await
            .map_err(|error| match error.as_database_error() {
                Some(answer) if answer.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                    let text = "other writers held the lock; nothing was changed, try again";
                    StoreError::Unavailable(text.to_owned())
                }
                _ => error.into(),
            })?;
        Ok(transaction)
    }

    /// A transaction for counters, which does not exclude other writers.
    async fn begin_concurrent(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        Ok(self.pool.begin_with(begin).await?)
    }

    /// A read transaction with a consistent snapshot.
    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.pool.begin_with(begin).await?)
    }

    /// A restored backup is detected by the marks of the changes, so there is nothing to check.
    #[expect(
        clippy::unused_async,
        reason = "the signature is that of the SQLite store"
    )]
    async fn verify(&self) -> Result<(), StoreError> {
        Ok(())
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the signature is that of the SQLite store"
    )]
    fn listen(&self, tasks: &Tasks) -> Option<Arc<ChangeNotifier>> {
        Some(listener::listen(&self.settings, &self.pool, tasks))
    }

    /// A query with the configured timeout.
    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let limit = self.settings.limits.timeout;
        match tokio::time::timeout(limit, work).await {
            Ok(answered) => answered,
            Err(_) => Err(StoreError::Unavailable(format!(
                "no answer within {limit:?}"
            ))),
        }
    }

    /// A write with a timeout that grows with its size.
    async fn bounded_write<T>(
        &self,
        steps: usize,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let times = u32::try_from(steps / STEPS_IN_TIME).unwrap_or(u32::MAX);
        let limit = self.settings.limits.timeout;
        let limit = limit.saturating_mul(times.saturating_add(1));
        let written = tokio::time::timeout(limit, work).await;
        self.writes.note(written.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!(
"no answer within {limit:?}; the change may have been made nevertheless: check before you try \
                 again"
            )))
        }))
    }

    /// A health check, which must answer fast.
    async fn bounded_ping(
        &self,
        work: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let limit = PING_TIMEOUT.min(self.settings.limits.timeout);
        match tokio::time::timeout(limit, work).await {
            Ok(answered) => answered,
            Err(_) => Err(StoreError::Unavailable(format!(
                "no answer within {limit:?}"
            ))),
        }
    }

    async fn end(&self) {
        // The database may be gone.
        let _ = tokio::time::timeout(RELEASE_TIMEOUT, self.pool.close()).await;
    }
}

async fn contents(store: &PostgresStore) -> Result<StoreContents, StoreError> {
    Ok(StoreContents {
        endpoints: store.definitions("").await?,
        sealed_under: store.bounded(sealing::under(store.readers()?)).await?,
        bound: store.bounded(secret_kinds::bound(store.readers()?)).await?,
    })
}

/// Ensures that the schema has this version.
async fn prepare(settings: &PostgresSettings, may_migrate: bool) -> Result<(), OpenError> {
    if is_current(settings, may_migrate).await? {
        return Ok(());
    }
    let mut connection = connect(settings).await?;
    migrate(settings, &mut connection).await
}

/// True if the schema has this version. An older one is an error if it may not be migrated.
async fn is_current(settings: &PostgresSettings, may_migrate: bool) -> Result<bool, OpenError> {
    let version = PostgresStore::schema(settings).await?;
    let wanted = newest_schema();
    match version {
        Some(version) if version == wanted => Ok(true),
        Some(version) if version > wanted => Err(OpenError::newer(&settings.address(), version)),
        version if !may_migrate => Err(OpenError::older(&settings.address(), version, wanted)),
        _ => Ok(false),
    }
}

async fn connect(settings: &PostgresSettings) -> Result<PgConnection, OpenError> {
    let limit = settings.limits.connect_timeout;
    let options = settings.patient_options();
    let connected = PgConnection::connect_with(&options);
    let unusable = |error: &str| OpenError::unusable(&settings.address(), &error);
    match tokio::time::timeout(limit, connected).await {
        Ok(connected) => connected.map_err(|error| unusable(&settings.describe(&error))),
        Err(_) => Err(unusable(&format!("no answer within {limit:?}"))),
    }
}

/// The newest applied migration.
async fn schema_version(
    settings: &PostgresSettings,
    connection: &mut PgConnection,
) -> Result<Option<i64>, OpenError> {
    let unusable = |error: &str| OpenError::unusable(&settings.address(), &error);
    let query = tokio::time::timeout(settings.limits.timeout, async {
        let (has_schema, has_tables): (bool, bool) = sqlx::query_as(
            "SELECT to_regclass('_sqlx_migrations') IS NOT NULL, to_regclass('endpoints') IS NOT NULL",
        )
        .fetch_one(&mut *connection)
        .await?;
        if !has_schema {
            return Ok((None, has_tables));
        }
        let version = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(connection)
            .await?;
        Ok((version, false))
    });
    match query.await {
        Ok(Ok((_, true))) => Err(unusable(
            "it has tables of another application: use a separate database or schema",
        )),
        Ok(Ok((version, _))) => Ok(version),
        Ok(Err(error)) => Err(unusable(&settings.describe(&error))),
        Err(_) => Err(unusable(&format!(
            "no answer within {:?}",
            settings.limits.timeout
        ))),
    }
}

async fn migrate(
    settings: &PostgresSettings,
    connection: &mut PgConnection,
) -> Result<(), OpenError> {
    let address = settings.address();
    match tokio::time::timeout(MIGRATION_TIMEOUT, MIGRATIONS.run(connection)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(MigrateError::VersionMissing(version))) => Err(OpenError::newer(&address, version)),
        Ok(Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))) => {
            Err(OpenError::unusable(&address, &settings.describe(&error)))
        }
        Ok(Err(error)) => Err(OpenError::unusable(&address, &error)),
        Err(_) => Err(OpenError::unusable(
            &address,
            &"the schema was not migrated within 10 minutes: check whether another node holds the lock",
        )),
    }
}

/// The schema version of this Portcullis.
fn newest_schema() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// The advisory lock of writers: "port" and "cull" in ASCII, to avoid collisions with other applications.
const WRITER: i64 = 0x706f_7274_6375_6c6c;
/// The steps that fit into the timeout of one query. A remote database needs a tenth of that time.
const STEPS_IN_TIME: usize = 100;
const LOCK_NOT_AVAILABLE: &str = "55P03";
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
/// After a failover a connection may lead to a read-only server, but not for longer than this.
const MAX_LIFETIME: Duration = Duration::from_mins(10);
const PING_TIMEOUT: Duration = Duration::from_secs(1);
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// Another node may migrate first.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);
