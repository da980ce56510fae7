//! Looking at a store without touching it: no file is made, no schema is brought up to date.

use std::ffi::OsString;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::{
    ACQUIRE_TIMEOUT, BUSY_TIMEOUT, SqliteStore, endpoints, newest_schema, private, sealing,
    secret_kinds,
};
use crate::secrets::StoreError;
use crate::store::{Contents, OpenError};

impl SqliteStore {
    /// What the store at `path` holds. One that has to be brought up to date first is taken for empty, or
    /// refused if it may not be.
    pub async fn inspect(path: &Path, migrate: bool) -> Result<Contents, OpenError> {
        let unusable = |error: &dyn std::fmt::Display| OpenError::unusable(&path.display(), error);
        if !path.exists() {
            return allowed(path, None, migrate).map(|()| Contents::default());
        }
        let pool = look(path).await.map_err(|error| unusable(&error))?;
        let known = newest_schema();
        let found = match schema(&pool).await.map_err(|error| unusable(&error))? {
            Some(version) if version > known => Err(OpenError::newer(&path.display(), version)),
            Some(version) if version == known => {
                contents(&pool).await.map_err(|error| unusable(&error))
            }
            None if !is_empty(&pool).await.map_err(|error| unusable(&error))? => {
                Err(unusable(&"it is a database of something else"))
            }
            version => allowed(path, version, migrate).map(|()| Contents::default()),
        };
        pool.close().await;
        let found = found?;
        private::verify(path)?;
        Ok(found)
    }

    /// The schema of the store at `path`; `None` if it has none yet.
    pub(super) async fn schema(path: &Path) -> Result<Option<i64>, OpenError> {
        if !path.exists() {
            return Ok(None);
        }
        let unusable = |error: sqlx::Error| OpenError::unusable(&path.display(), &error);
        let pool = look(path).await.map_err(unusable)?;
        let found = schema(&pool).await.map_err(unusable);
        pool.close().await;
        found
    }

    /// Refuses a store that would have to be brought up to date. A newer one is refused, too.
    pub(super) async fn refuse_older(path: &Path) -> Result<(), OpenError> {
        match Self::schema(path).await? {
            Some(version) if version > newest_schema() => {
                Err(OpenError::newer(&path.display(), version))
            }
            version if version != Some(newest_schema()) => allowed(path, version, false),
            _ => Ok(()),
        }
    }
}

fn allowed(path: &Path, version: Option<i64>, migrate: bool) -> Result<(), OpenError> {
    if migrate {
        return Ok(());
    }
    let wanted = newest_schema();
    Err(OpenError::older(&path.display(), version, wanted))
}

/// Opens a file without touching it.
async fn look(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    // Where nothing waits in the log, the file alone is the store, and SQLite need make no others.
    let log = path.with_file_name(log_name(path));
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

async fn contents(pool: &SqlitePool) -> Result<Contents, StoreError> {
    Ok(Contents {
        endpoints: endpoints::definitions(pool, "", "", u32::MAX).await?,
        sealed_under: sealing::under(pool).await?,
        bound: secret_kinds::bound(pool).await?,
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
