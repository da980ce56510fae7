//! The log of changes: what other processes have to forget.

use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

use super::rows;
use crate::directory::{Change, Changes};
use crate::secrets::StoreError;

pub(super) async fn add(
    transaction: &mut Transaction<'_, Sqlite>,
    change: &Change,
) -> Result<(), StoreError> {
    let (kind, name) = match change {
        Change::Alias(path) => (ALIAS, path.clone()),
        Change::Endpoint(id) => (ENDPOINT, id.to_string()),
        Change::Secret(secret) => (SECRET, secret.to_string()),
    };
    sqlx::query("INSERT INTO changes (kind, name) VALUES (?1, ?2)")
        .bind(kind)
        .bind(name)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Drops changes that everybody has had time to see.
pub(super) async fn trim(transaction: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - ?1")
        .bind(KEPT)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

pub(super) async fn newest(pool: &SqlitePool) -> Result<u64, StoreError> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(number) FROM changes")
        .fetch_one(pool)
        .await?;
    rows::number(newest.unwrap_or(0))
}

pub(super) async fn since(pool: &SqlitePool, number: u64) -> Result<Changes, StoreError> {
    let newest = newest(pool).await?;
    if newest == number {
        return Ok(Changes {
            newest,
            changes: Some(Vec::new()),
        });
    }
    // Older than what is kept, or from the future: the store was put back from a backup.
    let kept = u64::try_from(KEPT).unwrap_or(u64::MAX);
    if newest < number || newest - number >= kept {
        return Ok(Changes {
            newest,
            changes: None,
        });
    }
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT number, kind, name FROM changes WHERE number > ?1 ORDER BY number")
            .bind(i64::try_from(number).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await?;
    let newest = match rows.last() {
        Some((number, ..)) => rows::number(*number)?,
        None => newest,
    };
    let changes = rows.into_iter().map(|(_, kind, name)| parse(&kind, name));
    Ok(Changes {
        newest,
        // A change of an unknown kind was written by a newer version: forget everything.
        changes: changes.collect(),
    })
}

fn parse(kind: &str, name: String) -> Option<Change> {
    match kind {
        ALIAS => Some(Change::Alias(name)),
        ENDPOINT => name.parse().ok().map(Change::Endpoint),
        SECRET => name.parse().ok().map(Change::Secret),
        _ => None,
    }
}

const ALIAS: &str = "alias";
const ENDPOINT: &str = "endpoint";
const SECRET: &str = "secret";
const KEPT: i64 = 100_000;
