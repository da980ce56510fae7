//! Secrets that are retired with the objects that needed them.

use sqlx::Transaction;

use super::{Database, audit, changes};
use crate::audit::{Action, AuditEntry};
use crate::directory::Change;
use crate::secrets::{SecretRef, StoreError};

/// Retires every secret of `scope` in a transaction. Returns the retired secrets.
pub(super) async fn retire_scope(
    transaction: &mut Transaction<'_, Database>,
    scope: &str,
    because: &AuditEntry,
) -> Result<Vec<SecretRef>, StoreError> {
    let slots: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT slot FROM secret_versions WHERE scope = $1 ORDER BY slot",
    )
    .bind(scope)
    .fetch_all(&mut **transaction)
    .await?;
    let mut retired = Vec::new();
    for slot in slots {
        let secret = SecretRef::new(scope, &slot)
            .map_err(|_| StoreError::Corrupt(format!("the secret {scope}#{slot}")))?;
        if retire_unused(transaction, &secret, because).await? {
            retired.push(secret);
        }
    }
    Ok(retired)
}

/// Retires `secret` in a transaction, if it is bound and no endpoint uses it. Secrets of a flow stay while the flow
/// is in force at their scope.
pub(super) async fn retire_unused(
    transaction: &mut Transaction<'_, Database>,
    secret: &SecretRef,
    because: &AuditEntry,
) -> Result<bool, StoreError> {
    let now = because.at.as_millisecond();
    let ended = sqlx::query(
        "UPDATE secret_versions SET ends_ms = $3 \
         WHERE scope = $1 AND slot = $2 AND (ends_ms IS NULL OR ends_ms > $3) \
         AND NOT EXISTS (SELECT 1 FROM endpoints WHERE secret = $4) \
         AND NOT EXISTS (SELECT 1 FROM flow_targets WHERE scope = $1)",
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
