//! Versions of secrets, encrypted.

use async_trait::async_trait;
use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

use super::{SqliteStore, audit, changes, rows};
use crate::audit::{Action, AuditEntry};
use crate::directory::Change;
use crate::secrets::{
    Installation, Sealed, SealedVersion, SecretRef, SecretStore, StoreError, Window,
};

#[async_trait]
impl SecretStore for SqliteStore {
    async fn versions(&self, secret: &SecretRef) -> Result<Vec<SealedVersion>, StoreError> {
        let versions: Vec<Row> = sqlx::query_as(
            "SELECT version, created_ms, ends_ms, service, key_id, ciphertext \
             FROM secret_versions WHERE scope = ?1 AND slot = ?2 ORDER BY version DESC",
        )
        .bind(secret.scope())
        .bind(secret.slot())
        .fetch_all(self.readers()?)
        .await?;
        versions.into_iter().map(version).collect()
    }

    async fn has_secrets(&self) -> Result<bool, StoreError> {
        any(self.readers()?).await
    }

    async fn install(&self, installation: Installation) -> Result<(), StoreError> {
        let mut transaction = self.writer()?.begin().await?;
        install(&mut transaction, &installation).await?;
        changes::trim(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn install_first(
        &self,
        installation: Installation,
        window: &Window,
    ) -> Result<(), StoreError> {
        // What is looked at may not change until it is done.
        let mut transaction = self.writer()?.begin_with("BEGIN IMMEDIATE").await?;
        let secret = &installation.secret;
        let free: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM endpoints WHERE id = ?4 AND secret = ?3 \
             AND definition ->> 'handshake_expected_until' = ?5) \
             AND NOT EXISTS (SELECT 1 FROM secret_versions \
             WHERE scope = ?1 AND slot = ?2 AND ends_ms IS NULL)",
        )
        .bind(secret.scope())
        .bind(secret.slot())
        .bind(secret.to_string())
        .bind(&window.endpoint)
        .bind(window.until.to_string())
        .fetch_one(&mut *transaction)
        .await?;
        if !free {
            return Err(StoreError::Conflict(secret.to_string()));
        }
        install(&mut transaction, &installation).await?;
        changes::trim(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn record(&self, audit: AuditEntry) -> Result<(), StoreError> {
        let mut transaction = self.writer()?.begin().await?;
        audit::add(&mut transaction, &audit).await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) async fn any(pool: &SqlitePool) -> Result<bool, StoreError> {
    Ok(
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM secret_versions)")
            .fetch_one(pool)
            .await?,
    )
}

/// Adds a version inside a transaction.
pub(super) async fn install(
    transaction: &mut Transaction<'_, Sqlite>,
    new: &Installation,
) -> Result<(), StoreError> {
    // Of all the others only the version that was current may go on for a while.
    sqlx::query(
        "UPDATE secret_versions \
         SET ends_ms = min(coalesce(ends_ms, ?3), CASE WHEN ends_ms IS NULL THEN ?3 ELSE ?4 END) \
         WHERE scope = ?1 AND slot = ?2",
    )
    .bind(new.secret.scope())
    .bind(new.secret.slot())
    .bind(new.previous_ends_at.as_millisecond())
    .bind(new.created_at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO secret_versions \
         (scope, slot, version, created_ms, ends_ms, service, key_id, ciphertext) \
         VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7)",
    )
    .bind(new.secret.scope())
    .bind(new.secret.slot())
    .bind(new.version)
    .bind(new.created_at.as_millisecond())
    .bind(&new.sealed.service)
    .bind(&new.sealed.key_id)
    .bind(&new.sealed.ciphertext)
    .execute(&mut **transaction)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => {
            StoreError::Conflict(new.secret.to_string())
        }
        _ => error.into(),
    })?;
    audit::add(transaction, &new.audit).await?;
    changes::add(transaction, &Change::Secret(new.secret.clone())).await
}

/// Ends `secret` inside a transaction, if it is bound and no endpoint is judged by it any more.
pub(super) async fn retire_unused(
    transaction: &mut Transaction<'_, Sqlite>,
    secret: &SecretRef,
    because: &AuditEntry,
) -> Result<bool, StoreError> {
    let now = because.at.as_millisecond();
    let ended = sqlx::query(
        "UPDATE secret_versions SET ends_ms = ?3 \
         WHERE scope = ?1 AND slot = ?2 AND (ends_ms IS NULL OR ends_ms > ?3) \
         AND NOT EXISTS (SELECT 1 FROM endpoints WHERE secret = ?4)",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .bind(now)
    .bind(secret.to_string())
    .execute(&mut **transaction)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    let entry = AuditEntry {
        action: Action::SecretRetired,
        subject: secret.to_string(),
        detail: String::new(),
        ..because.clone()
    };
    audit::add(transaction, &entry).await?;
    changes::add(transaction, &Change::Secret(secret.clone())).await?;
    Ok(true)
}

type Row = (i64, i64, Option<i64>, String, String, Vec<u8>);

fn version(row: Row) -> Result<SealedVersion, StoreError> {
    let (version, created, ends, service, key_id, ciphertext) = row;
    Ok(SealedVersion {
        version: rows::number(version)?,
        created_at: rows::time(created)?,
        ends_at: ends.map(rows::time).transpose()?,
        sealed: Sealed {
            service,
            key_id,
            ciphertext,
        },
    })
}
