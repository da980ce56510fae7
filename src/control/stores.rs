//! What people do with whole stores: migrate one, copy one into another.

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
