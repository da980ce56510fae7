//! The audit log: entries are added in the transaction of the change that they record, each with a digest.

use sqlx::{Executor, Transaction};

use super::{Database, Pool};
use crate::audit::{Action, AuditEntry, AuditLine, Chain, ChainEnd, Digest};
use crate::secrets::StoreError;
use crate::store::rows;

/// Adds an entry. The transaction excludes other writers, so the entry follows the current last one.
pub(super) async fn add(
    transaction: &mut Transaction<'_, Database>,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let mut end = match stored_end(&mut **transaction).await? {
        Some(end) => end,
        None => end_of_older(transaction).await?,
    };
    // Inserted or missing entries must not block writes; `audit verify` reports them.
    let last: Option<i64> = sqlx::query_scalar("SELECT max(number) FROM audit")
        .fetch_one(&mut **transaction)
        .await?;
    end.number = end.number.max(last.unwrap_or_default());
    let line = AuditLine::after(&end, entry);
    let digest = line.digest.as_ref().map(|digest| digest.bytes().to_vec());
    sqlx::query(
        "INSERT INTO audit (number, at_ms, actor, origin, action, subject, detail, digest) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(line.number)
    .bind(line.at.as_millisecond())
    .bind(&line.actor)
    .bind(&line.origin)
    .bind(&line.action)
    .bind(&line.subject)
    .bind(&line.detail)
    .bind(&digest)
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO audit_end (one, number, digest) VALUES (1, $1, $2) \
         ON CONFLICT (one) DO UPDATE SET number = excluded.number, digest = excluded.digest",
    )
    .bind(line.number)
    .bind(&digest)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(super) async fn end(pool: &Pool) -> Result<ChainEnd, StoreError> {
    Ok(stored_end(pool).await?.unwrap_or_default())
}

async fn stored_end<'e>(
    executor: impl Executor<'e, Database = Database>,
) -> Result<Option<ChainEnd>, StoreError> {
    let row: Option<(i64, Vec<u8>)> = sqlx::query_as("SELECT number, digest FROM audit_end")
        .fetch_optional(executor)
        .await?;
    let end = row.map(|(number, bytes)| {
        Ok(ChainEnd {
            number,
            digest: digest(&bytes)?,
        })
    });
    end.transpose()
}

/// The end of a log that was started before entries had digests.
async fn end_of_older(transaction: &mut Transaction<'_, Database>) -> Result<ChainEnd, StoreError> {
    let mut chain = Chain::default();
    loop {
        let lines = after(&mut **transaction, chain.end().number, PAGE).await?;
        if lines.is_empty() {
            return Ok(chain.end());
        }
        for line in &lines {
            chain.append_unchecked(line);
        }
    }
}

pub(super) async fn newest(pool: &Pool, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
    let lines: Vec<Row> = sqlx::query_as(
        "SELECT number, at_ms, actor, origin, action, subject, detail, digest \
         FROM audit ORDER BY number DESC LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    lines.into_iter().map(line).collect()
}

pub(super) async fn after<'e>(
    executor: impl Executor<'e, Database = Database>,
    number: i64,
    limit: u32,
) -> Result<Vec<AuditLine>, StoreError> {
    let lines: Vec<Row> = sqlx::query_as(
        "SELECT number, at_ms, actor, origin, action, subject, detail, digest \
         FROM audit WHERE number > $1 ORDER BY number LIMIT $2",
    )
    .bind(number)
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    lines.into_iter().map(line).collect()
}

pub(super) async fn last(
    pool: &Pool,
    action: Action,
    subject: &str,
) -> Result<Option<AuditLine>, StoreError> {
    let found: Option<Row> = sqlx::query_as(
        "SELECT number, at_ms, actor, origin, action, subject, detail, digest \
         FROM audit WHERE subject = $1 AND action = $2 ORDER BY number DESC LIMIT 1",
    )
    .bind(subject)
    .bind(action.word())
    .fetch_optional(pool)
    .await?;
    found.map(line).transpose()
}

pub(super) type Row = (
    i64,
    i64,
    String,
    String,
    String,
    String,
    String,
    Option<Vec<u8>>,
);

pub(super) fn line(
    (number, at, actor, origin, action, subject, detail, bytes): Row,
) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        number,
        at: rows::time(at)?,
        actor,
        origin,
        action,
        subject,
        detail,
        digest: bytes.as_deref().map(digest).transpose()?,
    })
}

fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    let corrupt = || StoreError::Corrupt("a digest of the audit log".to_owned());
    Digest::from_bytes(bytes).ok_or_else(corrupt)
}

const PAGE: u32 = 1000;
