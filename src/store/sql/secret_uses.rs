//! How often, and when last, each version of a secret verified a delivery.

use sqlx::Transaction;

use super::{Database, Pool};
use crate::secrets::{SecretRef, StoreError, VersionUse};
use crate::store::rows;

/// Adds to the counter of a version.
pub(super) async fn add(
    transaction: &mut Transaction<'_, Database>,
    secret: &SecretRef,
    used: &VersionUse,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO secret_uses (scope, slot, version, deliveries, last_used_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, slot, version) DO UPDATE SET \
         deliveries = secret_uses.deliveries + excluded.deliveries, \
         last_used_ms = CASE WHEN excluded.last_used_ms > secret_uses.last_used_ms \
         THEN excluded.last_used_ms ELSE secret_uses.last_used_ms END",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .bind(i64::from(used.version))
    .bind(i64::try_from(used.deliveries).unwrap_or(i64::MAX))
    .bind(used.last_used_at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The counters of all versions, the newest first.
pub(super) async fn of(pool: &Pool, secret: &SecretRef) -> Result<Vec<VersionUse>, StoreError> {
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT version, deliveries, last_used_ms FROM secret_uses \
         WHERE scope = $1 AND slot = $2 ORDER BY version DESC",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .fetch_all(pool)
    .await?;
    let used = |(version, deliveries, last_used): (i64, i64, i64)| {
        Ok(VersionUse {
            version: rows::number(version)?,
            deliveries: rows::number(deliveries)?,
            last_used_at: rows::time(last_used)?,
        })
    };
    rows.into_iter().map(used).collect()
}
