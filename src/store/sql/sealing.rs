//! Ciphertexts, for moves to another key.

use sqlx::Transaction;

use super::{Database, Pool, audit};
use crate::secrets::{
    CiphertextReplacement, EncryptedSecret, KeyUsage, SecretRef, StoreError, VersionRef,
};
use crate::store::rows;

/// The number of versions for each key of each service.
pub(super) async fn under(pool: &Pool) -> Result<Vec<KeyUsage>, StoreError> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT service, key_id, count(*) FROM secret_versions GROUP BY service, key_id \
         ORDER BY service, key_id",
    )
    .fetch_all(pool)
    .await?;
    let under = |(service, key_id, versions)| {
        Ok(KeyUsage {
            service,
            key_id,
            versions: rows::number(versions)?,
        })
    };
    rows.into_iter().map(under).collect()
}

/// The versions after one, ordered by address and number.
pub(super) async fn after(
    pool: &Pool,
    after: Option<&VersionRef>,
    limit: u32,
) -> Result<Vec<(VersionRef, EncryptedSecret)>, StoreError> {
    // No scope is empty, so every version comes after this.
    let (scope, slot, version) = after.map_or(("", "", 0), |it| {
        (it.secret.scope(), it.secret.slot(), it.version)
    });
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT scope, slot, version, service, key_id, ciphertext FROM secret_versions \
         WHERE (scope, slot, version) > ($1, $2, $3) ORDER BY scope, slot, version LIMIT $4",
    )
    .bind(scope)
    .bind(slot)
    .bind(i64::from(version))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(version_of).collect()
}

type Row = (String, String, i64, String, String, Vec<u8>);

fn version_of(row: Row) -> Result<(VersionRef, EncryptedSecret), StoreError> {
    let (scope, slot, version, service, key_id, ciphertext) = row;
    let secret = SecretRef::new(&scope, &slot)
        .map_err(|_| StoreError::Corrupt(format!("the secret {scope}#{slot}")))?;
    let version = rows::number(version)?;
    let sealed = EncryptedSecret {
        service,
        key_id,
        ciphertext,
    };
    Ok((VersionRef { secret, version }, sealed))
}

/// Replaces a ciphertext, if it is the expected one.
pub(super) async fn replace(
    transaction: &mut Transaction<'_, Database>,
    resealing: &CiphertextReplacement,
) -> Result<(), StoreError> {
    let CiphertextReplacement {
        of,
        from,
        to,
        audit,
    } = resealing;
    let changed = sqlx::query(
        "UPDATE secret_versions SET service = $7, key_id = $8, ciphertext = $9 \
         WHERE scope = $1 AND slot = $2 AND version = $3 \
         AND service = $4 AND key_id = $5 AND ciphertext = $6",
    )
    .bind(of.secret.scope())
    .bind(of.secret.slot())
    .bind(i64::from(of.version))
    .bind(&from.service)
    .bind(&from.key_id)
    .bind(&from.ciphertext)
    .bind(&to.service)
    .bind(&to.key_id)
    .bind(&to.ciphertext)
    .execute(&mut **transaction)
    .await?;
    if changed.rows_affected() != 1 {
        return Err(StoreError::Conflict(of.secret.to_string()));
    }
    audit::add(transaction, audit).await
}
