//! Encrypted versions of secrets.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Transaction;

use super::secret_kinds::{self, SecretUsage};
use super::{Database, Engine, Pool, audit, changes, dialect, sealing, secret_uses};
use crate::audit::AuditEntry;
use crate::auth::KeyKind;
use crate::directory::Change;
use crate::secrets::{
    CiphertextReplacement, EncryptedSecret, ExpectationWindow, KeyUsage, NewSecretVersion,
    Retirement, SecretRef, SecretStore, StoreError, StoredVersion, VersionRef, VersionUse,
};
use crate::store::rows;

#[async_trait]
impl SecretStore for Engine {
    async fn versions(&self, secret: &SecretRef) -> Result<Vec<StoredVersion>, StoreError> {
        self.bounded(versions(self.readers()?, secret)).await
    }

    async fn install(&self, installation: NewSecretVersion) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            install(&mut transaction, &installation).await?;
            changes::trim(&mut transaction).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn install_first(
        &self,
        installation: NewSecretVersion,
        window: &ExpectationWindow,
    ) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            // The check and the write are in one transaction, which excludes other writers.
            let mut transaction = self.begin().await?;
            let secret = &installation.secret;
            let free: bool = sqlx::query_scalar(dialect::MAY_BE_BOUND)
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
        })
        .await
    }

    async fn end(
        &self,
        secret: &SecretRef,
        ending: Retirement,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<u64, StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            let ended = end(&mut transaction, secret, ending, at, &audit).await?;
            if ended > 0 {
                changes::trim(&mut transaction).await?;
                transaction.commit().await?;
            }
            Ok(ended)
        })
        .await
    }

    async fn add_uses(&self, uses: &[(SecretRef, VersionUse)]) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            // Does not exclude other writers: a rotation must not wait for counters.
            let mut transaction = self.begin_concurrent().await?;
            for (secret, used) in uses {
                secret_uses::add(&mut transaction, secret, used).await?;
            }
            if let Some(newest) = uses.iter().map(|(_, used)| used.last_used_at).max() {
                secret_uses::expire(&mut transaction, newest).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn uses(&self, secret: &SecretRef) -> Result<Vec<VersionUse>, StoreError> {
        self.bounded(secret_uses::of(self.readers()?, secret)).await
    }

    async fn sealed_under(&self) -> Result<Vec<KeyUsage>, StoreError> {
        self.bounded(sealing::under(self.readers()?)).await
    }

    async fn sealed_after(
        &self,
        after: Option<&VersionRef>,
        limit: u32,
    ) -> Result<Vec<(VersionRef, EncryptedSecret)>, StoreError> {
        self.bounded(sealing::after(self.readers()?, after, limit))
            .await
    }

    async fn reseal(&self, resealing: CiphertextReplacement) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            sealing::replace(&mut transaction, &resealing).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn record(&self, audit: AuditEntry) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            audit::add(&mut transaction, &audit).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}

async fn versions(pool: &Pool, secret: &SecretRef) -> Result<Vec<StoredVersion>, StoreError> {
    let versions: Vec<Row> = sqlx::query_as(
        "SELECT version, created_ms, ends_ms, service, key_id, ciphertext, kind, challenges \
         FROM secret_versions WHERE scope = $1 AND slot = $2 ORDER BY version DESC",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .fetch_all(pool)
    .await?;
    versions.into_iter().map(version).collect()
}

/// Adds a version and announces it.
async fn install(
    transaction: &mut Transaction<'_, Database>,
    new: &NewSecretVersion,
) -> Result<(), StoreError> {
    add(transaction, new).await?;
    announce(transaction, new).await
}

/// Records a new version in the audit log and in the log of changes.
pub(super) async fn announce(
    transaction: &mut Transaction<'_, Database>,
    new: &NewSecretVersion,
) -> Result<(), StoreError> {
    audit::add(transaction, &new.audit).await?;
    changes::add(transaction, &Change::Secret(new.secret.clone())).await
}

/// Adds a version. Its kind follows from the endpoints that are stored by then.
pub(super) async fn add(
    transaction: &mut Transaction<'_, Database>,
    new: &NewSecretVersion,
) -> Result<(), StoreError> {
    let usage = SecretUsage::of(transaction, &new.secret).await?;
    let kind = usage.kind_of(transaction, new).await?;
    // Only the previously current version may overlap with the new one.
    sqlx::query(
        "UPDATE secret_versions \
         SET ends_ms = CASE WHEN ends_ms IS NULL THEN $3 WHEN ends_ms < $4 THEN ends_ms ELSE $4 END \
         WHERE scope = $1 AND slot = $2",
    )
    .bind(new.secret.scope())
    .bind(new.secret.slot())
    .bind(new.previous_ends_at.as_millisecond())
    .bind(new.created_at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO secret_versions \
         (scope, slot, version, created_ms, ends_ms, service, key_id, ciphertext, kind, challenges) \
         VALUES ($1, $2, $3, $4, NULL, $5, $6, $7, $8, $9)",
    )
    .bind(new.secret.scope())
    .bind(new.secret.slot())
    .bind(i64::from(new.version))
    .bind(new.created_at.as_millisecond())
    .bind(&new.sealed.service)
    .bind(&new.sealed.key_id)
    .bind(&new.sealed.ciphertext)
    .bind(kind.map(KeyKind::word))
    .bind(usage.challenges_with(&new.history))
    .execute(&mut **transaction)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => {
            StoreError::Conflict(new.secret.to_string())
        }
        _ => error.into(),
    })?;
    Ok(())
}

async fn end(
    transaction: &mut Transaction<'_, Database>,
    secret: &SecretRef,
    ending: Retirement,
    at: Timestamp,
    audit: &AuditEntry,
) -> Result<u64, StoreError> {
    // Earlier versions end at the start of the current one. That time is stored, so no clock can be wrong.
    let began: Option<i64> = sqlx::query_scalar(
        "SELECT created_ms FROM secret_versions WHERE scope = $1 AND slot = $2 AND ends_ms IS NULL",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .fetch_optional(&mut **transaction)
    .await?;
    let at = at.as_millisecond();
    let ended = sqlx::query(
        "UPDATE secret_versions SET ends_ms = CASE WHEN ends_ms IS NULL THEN $3 ELSE $4 END \
         WHERE scope = $1 AND slot = $2 AND (ends_ms > $4 OR (ends_ms IS NULL AND $5 = 1))",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .bind(at)
    .bind(began.unwrap_or(at))
    .bind(i64::from(ending == Retirement::Everything))
    .execute(&mut **transaction)
    .await?
    .rows_affected();
    if ended > 0 {
        audit::add(transaction, audit).await?;
        changes::add(transaction, &Change::Secret(secret.clone())).await?;
    }
    Ok(ended)
}

type Row = (
    i64,
    i64,
    Option<i64>,
    String,
    String,
    Vec<u8>,
    Option<String>,
    Option<String>,
);

fn version(row: Row) -> Result<StoredVersion, StoreError> {
    let (version, created, ends, service, key_id, ciphertext, kind, challenges) = row;
    Ok(StoredVersion {
        version: rows::number(version)?,
        created_at: rows::time(created)?,
        ends_at: ends.map(rows::time).transpose()?,
        kind: secret_kinds::kind(kind.as_deref())?,
        challenges: secret_kinds::names(challenges.as_deref()),
        sealed: EncryptedSecret {
            service,
            key_id,
            ciphertext,
        },
    })
}
