//! The audit log: lines are added inside the transaction of what they tell.

use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

use super::rows;
use crate::audit::{Action, AuditEntry};
use crate::secrets::StoreError;
use crate::store::AuditLine;

pub(super) async fn add(
    transaction: &mut Transaction<'_, Sqlite>,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (at_ms, actor, origin, action, subject, detail) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(entry.at.as_millisecond())
    .bind(&entry.actor.name)
    .bind(&entry.actor.origin)
    .bind(entry.action.word())
    .bind(&entry.subject)
    .bind(&entry.detail)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(super) async fn newest(pool: &SqlitePool, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
    let lines: Vec<Row> = sqlx::query_as(
        "SELECT number, at_ms, actor, origin, action, subject, detail \
         FROM audit ORDER BY number DESC LIMIT ?1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await?;
    lines.into_iter().map(line).collect()
}

pub(super) async fn last(
    pool: &SqlitePool,
    action: Action,
    subject: &str,
) -> Result<Option<AuditLine>, StoreError> {
    let found: Option<Row> = sqlx::query_as(
        "SELECT number, at_ms, actor, origin, action, subject, detail \
         FROM audit WHERE subject = ?1 AND action = ?2 ORDER BY number DESC LIMIT 1",
    )
    .bind(subject)
    .bind(action.word())
    .fetch_optional(pool)
    .await?;
    found.map(line).transpose()
}

type Row = (i64, i64, String, String, String, String, String);

fn line(
    (number, at, actor, origin, action, subject, detail): Row,
) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        number,
        at: rows::time(at)?,
        actor,
        origin,
        action,
        subject,
        detail,
    })
}
