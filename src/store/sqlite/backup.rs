//! A copy of a store file as it is at one moment, whatever its schema, while a gate uses it.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, SqliteStore, private};
use crate::store::OpenError;

impl SqliteStore {
    /// Copies the store at `path` into the empty file `to`.
    pub(in crate::store) async fn back_up(path: &Path, to: &Path) -> Result<(), OpenError> {
        let unusable = |error: &dyn std::fmt::Display| OpenError::unusable(&path.display(), error);
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
}
