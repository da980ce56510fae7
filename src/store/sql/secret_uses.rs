//! How often, and when last, each version of a secret verified a delivery.

use jiff::Timestamp;
use sqlx::Transaction;

use super::{Database, Pool, dialect};
use crate::clock::hour_of;
use crate::deliveries::HOURS_KEPT;
use crate::secrets::{SecretRef, StoreError, VersionUse};
use crate::store::rows;

/// Adds to the counter of a version, and to its count of the hour of its last use.
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
    sqlx::query(
        "INSERT INTO secret_hourly (scope, slot, version, hour_ms, deliveries) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, slot, version, hour_ms) DO UPDATE SET \
         deliveries = secret_hourly.deliveries + excluded.deliveries",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .bind(i64::from(used.version))
    .bind(hour_of(used.last_used_at).as_millisecond())
    .bind(i64::try_from(used.deliveries).unwrap_or(i64::MAX))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Deletes the counts of hours that nobody asks for any more.
pub(super) async fn expire(
    transaction: &mut Transaction<'_, Database>,
    newest: Timestamp,
) -> Result<(), StoreError> {
    let expired = newest.checked_sub(HOURS_KEPT).unwrap_or(Timestamp::MIN);
    sqlx::query(dialect::DELETE_OLD_VERSION_HOURS)
        .bind(expired.as_millisecond())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// How many deliveries each version has verified in the hours from `since`.
pub(super) async fn since(
    pool: &Pool,
    secret: &SecretRef,
    since: Timestamp,
) -> Result<Vec<(u32, u64)>, StoreError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT version, CAST(sum(deliveries) AS BIGINT) FROM secret_hourly \
         WHERE scope = $1 AND slot = $2 AND hour_ms >= $3 GROUP BY version",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .bind(since.as_millisecond())
    .fetch_all(pool)
    .await?;
    let counts = rows
        .into_iter()
        .map(|(version, count)| Ok((rows::number(version)?, rows::number(count)?)));
    counts.collect()
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
