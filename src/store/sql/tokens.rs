//! Workspace tokens.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Transaction};

use super::{Database, Engine, Pool, audit, changes};
use crate::audit::AuditEntry;
use crate::auth::{Grant, TokenHash, TokenId};
use crate::directory::Change;
use crate::secrets::StoreError;
use crate::store::rows;
use crate::tokens::{TokenRecord, TokenStatus, TokenStore};

#[async_trait]
impl TokenStore for Engine {
    async fn grant(&self, id: &TokenId) -> Result<Option<Grant>, StoreError> {
        self.bounded(grant(self.readers()?, id)).await
    }

    async fn tokens(
        &self,
        workspace: Option<&str>,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Vec<TokenStatus>, StoreError> {
        self.bounded(tokens(self.readers()?, workspace, after, limit))
            .await
    }

    async fn add_token(&self, record: &TokenRecord, audit: AuditEntry) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            forget_ended(&mut transaction, "tokens", record.created_at).await?;
            add(&mut transaction, record).await?;
            audit::add(&mut transaction, &audit).await?;
            // A gate may have cached that this id does not exist.
            changes::add(&mut transaction, &Change::Token(record.id)).await?;
            changes::trim(&mut transaction).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            let revoked = sqlx::query(
                "UPDATE tokens SET revoked_ms = $2 \
                 WHERE id = $1 AND revoked_ms IS NULL AND expires_ms > $2",
            )
            .bind(id.to_string())
            .bind(at.as_millisecond())
            .execute(&mut *transaction)
            .await?;
            if revoked.rows_affected() == 0 {
                return Ok(false);
            }
            audit::add(&mut transaction, &audit).await?;
            changes::add(&mut transaction, &Change::Token(*id)).await?;
            changes::trim(&mut transaction).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn add_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            // Does not exclude other writers: a revocation must not wait for counters.
            let mut transaction = self.begin_concurrent().await?;
            for (id, at) in uses {
                add_use(&mut transaction, id, *at).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }
}

async fn grant(pool: &Pool, id: &TokenId) -> Result<Option<Grant>, StoreError> {
    let row: Option<GrantRow> = sqlx::query_as(
        "SELECT organisation, workspace, hash, expires_ms, revoked_ms FROM tokens WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(pool)
    .await?;
    row.map(grant_of_row).transpose()
}

async fn tokens(
    pool: &Pool,
    workspace: Option<&str>,
    after: Option<&TokenId>,
    limit: u32,
) -> Result<Vec<TokenStatus>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT tokens.id, label, created_ms, last_used_ms, \
         organisation, workspace, hash, expires_ms, revoked_ms \
         FROM tokens LEFT JOIN token_uses ON token_uses.id = tokens.id \
         WHERE tokens.id > $1 AND (workspace = $2 OR $3 = 1) ORDER BY tokens.id LIMIT $4",
    )
    .bind(after.map(TokenId::to_string).unwrap_or_default())
    .bind(workspace.unwrap_or_default())
    .bind(i64::from(workspace.is_none()))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(status).collect()
}

async fn add(
    transaction: &mut Transaction<'_, Database>,
    record: &TokenRecord,
) -> Result<(), StoreError> {
    let grant = &record.grant;
    sqlx::query(
        "INSERT INTO tokens \
         (id, organisation, workspace, label, hash, created_ms, expires_ms, revoked_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(record.id.to_string())
    .bind(&*grant.organisation)
    .bind(&*grant.workspace)
    .bind(&record.label)
    .bind(grant.hash.bytes().as_slice())
    .bind(record.created_at.as_millisecond())
    .bind(grant.expires_at.as_millisecond())
    .bind(grant.revoked_at.map(Timestamp::as_millisecond))
    .execute(&mut **transaction)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => {
            StoreError::Conflict(format!("the token {}", record.id))
        }
        _ => error.into(),
    })?;
    Ok(())
}

/// Deletes tokens of a table that ended longer ago than their lifetime, or than a month.
pub(super) async fn forget_ended(
    transaction: &mut Transaction<'_, Database>,
    table: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Database>::new(format!(
        "DELETE FROM {table} WHERE \
         CASE WHEN revoked_ms < expires_ms THEN revoked_ms ELSE expires_ms END + \
         CASE WHEN expires_ms - created_ms < {KEPT_MS} THEN expires_ms - created_ms ELSE {KEPT_MS} END < "
    ));
    query.push_bind(now.as_millisecond());
    query.build().execute(&mut **transaction).await?;
    sqlx::query(
        "DELETE FROM token_uses WHERE id NOT IN (SELECT id FROM tokens) \
         AND id NOT IN (SELECT id FROM operator_tokens)",
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn add_use(
    transaction: &mut Transaction<'_, Database>,
    id: &TokenId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO token_uses (id, last_used_ms) VALUES ($1, $2) \
         ON CONFLICT (id) DO UPDATE SET \
         last_used_ms = CASE WHEN excluded.last_used_ms > token_uses.last_used_ms \
         THEN excluded.last_used_ms ELSE token_uses.last_used_ms END",
    )
    .bind(id.to_string())
    .bind(at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

type GrantRow = (String, String, Vec<u8>, i64, Option<i64>);

fn grant_of_row(row: GrantRow) -> Result<Grant, StoreError> {
    let (organisation, workspace, hash, expires, revoked) = row;
    let corrupt = || StoreError::Corrupt("the hash of a token".to_owned());
    Ok(Grant {
        hash: TokenHash::from_bytes(&hash).ok_or_else(corrupt)?,
        organisation: organisation.into(),
        workspace: workspace.into(),
        expires_at: rows::time(expires)?,
        revoked_at: revoked.map(rows::time).transpose()?,
    })
}

type Row = (
    String,
    String,
    i64,
    Option<i64>,
    String,
    String,
    Vec<u8>,
    i64,
    Option<i64>,
);

fn status(row: Row) -> Result<TokenStatus, StoreError> {
    let (id, label, created, last_used, organisation, workspace, hash, expires, revoked) = row;
    let unreadable = |_| StoreError::Corrupt(format!("the id {id} of a token"));
    Ok(TokenStatus {
        record: TokenRecord {
            id: id.parse().map_err(unreadable)?,
            grant: grant_of_row((organisation, workspace, hash, expires, revoked))?,
            label,
            created_at: rows::time(created)?,
        },
        last_used_at: last_used.map(rows::time).transpose()?,
    })
}

const KEPT_MS: i64 = 30 * 86_400_000;
