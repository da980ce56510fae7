//! What people do with whole stores: migrate one, copy one into another, back one up.

use std::path::Path;

use super::ControlError;
use crate::store::{Copied, CopyError, Migrated, StoreSettings, copy};

/// Brings the schema of a store up to date.
pub async fn migrate_store(store: &StoreSettings) -> Result<Migrated, ControlError> {
    Ok(store.migrate().await?)
}

/// Copies a store into another one that is empty, all of it or nothing.
///
/// The source stays as it is: its schema is not changed, because an older gate may serve from it.
pub async fn copy_store(from: &StoreSettings, to: &StoreSettings) -> Result<Copied, ControlError> {
    let from = StoreSettings {
        migrate: false,
        ..from.clone()
    };
    // Opening a file that does not exist would create it.
    if from.path().is_some_and(|path| !path.exists()) {
        return Err(ControlError::StoreNotFound(from.to_string()));
    }
    let source = from.open().await?;
    let copied = match to.open().await {
        Err(error) => Err(error.into()),
        Ok(destination) => {
            let copied = copy(&*source, &*destination).await;
            destination.close().await;
            copied.map_err(|error| match error {
                CopyError::NotEmpty { .. } => ControlError::CopyDestination {
                    store: to.to_string(),
                    error: error.to_string(),
                },
                _ => ControlError::CopyFailed(error.to_string()),
            })
        }
    };
    source.close().await;
    copied
}

/// A backup that was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a store is a file or a database")]
pub enum Backup {
    /// The rows of a database, in a store file. Kept refusals are not in it.
    Copy,
    /// The store file as it was.
    File,
}

/// Backs a store up into a file that does not exist yet, while gates use the store. The key is not in it.
pub async fn backup_store(store: &StoreSettings, file: &Path) -> Result<Backup, ControlError> {
    if file.exists() {
        return Err(ControlError::BackupExists(file.to_owned()));
    }
    if !store.exists().await? {
        return Err(ControlError::StoreNotFound(store.to_string()));
    }
    let made = match store.back_up(file).await {
        Ok(true) => Ok(Backup::File),
        Ok(false) => copy_store(store, &StoreSettings::file(file.to_owned()))
            .await
            .map(|_| Backup::Copy),
        Err(error) => Err(error.into()),
    };
    if made.is_err() {
        // Half of a backup must not look like one. What it says is why the backup failed.
        let _ = std::fs::remove_file(file);
    }
    made
}
