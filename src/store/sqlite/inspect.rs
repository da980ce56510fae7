//! Looking at a store without touching it: no file is made, no schema is brought up to date.

use std::ffi::OsString;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::{
    ACQUIRE_TIMEOUT, BUSY_TIMEOUT, MIGRATIONS, OpenError, SqliteStore, endpoints, secrets,
};
use crate::secrets::StoreError;
use crate::store::Stored;

/// What is in a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Contents {
    /// Every endpoint.
    pub endpoints: Vec<Stored>,
    /// Whether there is any version of any secret.
    pub has_secrets: bool,
}

impl SqliteStore {
    /// What the store at `path` holds. One that has to be brought up to date first is taken for empty.
    pub async fn inspect(path: &Path) -> Result<Contents, OpenError> {
        let unusable = |error: &dyn std::fmt::Display| OpenError::Unusable {
            path: path.to_owned(),
            error: error.to_string(),
        };
        // Where nothing waits in the log, the file alone is the store, and SQLite need make no others.
        let log = path.with_file_name(log_name(path));
        let at_rest = log.metadata().map_or(true, |log| log.len() == 0);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(at_rest)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|error| unusable(&error))?;
        let known = MIGRATIONS.iter().map(|migration| migration.version).max();
        let found = match schema(&pool).await.map_err(|error| unusable(&error))? {
            Some(version) if Some(version) > known => Err(OpenError::Newer {
                path: path.to_owned(),
                version,
            }),
            version if version == known => contents(&pool).await.map_err(|error| unusable(&error)),
            None if !is_empty(&pool).await.map_err(|error| unusable(&error))? => {
                Err(unusable(&"it is a database of something else"))
            }
            _ => Ok(Contents::default()),
        };
        pool.close().await;
        found
    }
}

async fn contents(pool: &SqlitePool) -> Result<Contents, StoreError> {
    Ok(Contents {
        endpoints: endpoints::definitions(pool, "").await?,
        has_secrets: secrets::any(pool).await?,
    })
}

fn log_name(path: &Path) -> OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("-wal");
    name
}

async fn is_empty(pool: &SqlitePool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)")
        .fetch_one(pool)
        .await
}

/// The newest migration that was made.
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
