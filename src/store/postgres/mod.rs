//! The store that many nodes share: PostgreSQL.
//!
//! Every question has a time in which it is answered or given up, so that a database that hangs holds
//! nobody longer than that. Writers go one at a time, as in SQLite: each takes a lock that it holds to the
//! end of its transaction. So what is written keeps every promise that one writer makes, and the numbers of
//! changes become visible in their order: nobody who follows them misses one.

#[path = "../sql/audit.rs"]
mod audit;
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
mod listener;
mod schema;
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
mod settings;
#[path = "../sql/tokens.rs"]
mod tokens;
#[path = "../sql/whole.rs"]
mod whole;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{Connection, Postgres, Transaction};

pub use self::settings::{PostgresLimits, PostgresSettings, PostgresUrlError};
use super::OpenError;
use super::write_health::WriteHealth;
use crate::directory::Bell;
use crate::secrets::StoreError;
use crate::task::Tasks;

/// What the files in `sql`, which are compiled once for each engine, know this one by.
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
    /// Connects, and brings the schema up to date; or refuses one that is not, if it may not `migrate`.
    pub async fn open(settings: &PostgresSettings, migrate: bool) -> Result<Self, OpenError> {
        schema::prepare(settings, migrate).await?;
        let limits = settings.limits;
        let pool = PgPoolOptions::new()
            .max_connections(limits.connections)
            .acquire_timeout(limits.connect_timeout)
            .idle_timeout(IDLE_TIMEOUT)
            .max_lifetime(MAX_LIFETIME)
            // A question that was given up leaves its connection in the middle of an answer. One that does
            // not come back to itself soon is dropped: after a network that swallows packets it could
            // keep its place in the pool for a quarter of an hour.
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

    #[expect(
        clippy::unnecessary_wraps,
        reason = "another engine may lose its store"
    )]
    fn readers(&self) -> Result<&PgPool, StoreError> {
        Ok(&self.pool)
    }

    /// A transaction that nobody else writes beside.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        // Whatever the database's own default is: what others have written has to be seen once the lock is
        // had, and not as it was when it was asked for.
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        let mut transaction = self.pool.begin_with(begin).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITER)
            .execute(&mut *transaction)
            .await
            .map_err(|error| match error.as_database_error() {
                Some(answer) if answer.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                    let text = "others were writing all the time; nothing was changed, try again";
                    StoreError::Unavailable(text.to_owned())
                }
                _ => error.into(),
            })?;
        Ok(transaction)
    }

    /// A transaction of what is only counted, beside whoever else writes.
    async fn begin_beside(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        Ok(self.pool.begin_with(begin).await?)
    }

    /// A transaction that sees the store as it is now.
    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.pool.begin_with(begin).await?)
    }

    /// A database that was put back from a backup is found by the marks of its changes.
    #[expect(clippy::unused_async, reason = "another engine needs it")]
    async fn verify(&self) -> Result<(), StoreError> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "another engine has none")]
    fn listen(&self, tasks: &Tasks) -> Option<Arc<Bell>> {
        Some(listener::listen(&self.settings, &self.pool, tasks))
    }

    /// A question that is given up after its time.
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

    /// The same for what is written: longer, if there is much of it.
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
                "no answer within {limit:?}; the change may have been made all the same: look before you \
                 try again"
            )))
        }))
    }

    /// Somebody waits for the answer who does not wait long.
    async fn pinged(
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
        // The database need not be there any more.
        let _ = tokio::time::timeout(RELEASE_TIMEOUT, self.pool.close()).await;
    }
}

/// The lock of whoever writes: "port" and "cull" in ASCII, so that it is nobody else's by accident.
const WRITER: i64 = 0x706f_7274_6375_6c6c;
/// What a write may do within the time of one question; a remote database does it in a tenth of that.
const STEPS_IN_TIME: usize = 100;
const LOCK_NOT_AVAILABLE: &str = "55P03";
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
/// After a failover a connection may lead to a server that only reads; none does so for longer than this.
const MAX_LIFETIME: Duration = Duration::from_mins(10);
const PING_TIMEOUT: Duration = Duration::from_secs(1);
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
