//! Operations on whole stores: migrate, copy and back up.

use std::path::Path;

use super::ControlError;
use crate::store::{CopyCounts, CopyError, Migration, StoreSettings, copy};

/// Migrates the schema of a store to the current version.
pub async fn migrate_store(store: &StoreSettings) -> Result<Migration, ControlError> {
    Ok(store.migrate().await?)
}

/// Copies a store into an empty store, all or nothing.
///
/// The schema of the source is not migrated, because an older gate may still use it.
pub async fn copy_store(
    from: &StoreSettings,
    to: &StoreSettings,
) -> Result<CopyCounts, ControlError> {
    let from = StoreSettings {
        migrate: false,
        ..from.clone()
    };
    // Opening a missing file would create it.
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

/// How a backup was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a store is a file or a database")]
pub enum Backup {
    /// The rows of a database were copied into a store file. Captured deliveries are not in it.
    Copy,
    /// The store file was copied as a whole.
    File,
}

/// Backs up a store into a new file, while gates use the store. The key is not in the backup.
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
        // An incomplete backup must not stay. The error of the backup is more useful than one of the removal.
        let _ = std::fs::remove_file(file);
    }
    made
}
