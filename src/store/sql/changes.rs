//! The log of changes, from which other processes learn what to invalidate.

use sqlx::Transaction;

use super::{Database, Pool};
use crate::directory::{Change, Changes, Position};
use crate::secrets::StoreError;
use crate::store::rows;

pub(super) async fn add(
    transaction: &mut Transaction<'_, Database>,
    change: &Change,
) -> Result<(), StoreError> {
    let (kind, name) = match change {
        Change::Alias(path) => (ALIAS, path.clone()),
        Change::Endpoint(id) => (ENDPOINT, id.to_string()),
        Change::Secret(secret) => (SECRET, secret.to_string()),
        Change::Token(id) => (TOKEN, id.to_string()),
    };
    sqlx::query("INSERT INTO changes (kind, name) VALUES ($1, $2)")
        .bind(kind)
        .bind(name)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Deletes changes that every follower has had time to read.
pub(super) async fn trim(transaction: &mut Transaction<'_, Database>) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - $1")
        .bind(KEPT)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

pub(super) async fn newest(pool: &Pool) -> Result<Position, StoreError> {
    let newest: Option<(i64, i64)> =
        sqlx::query_as("SELECT number, mark FROM changes ORDER BY number DESC LIMIT 1")
            .fetch_optional(pool)
            .await?;
    match newest {
        None => Ok(Position::default()),
        Some((number, mark)) => Ok(Position {
            number: rows::number(number)?,
            mark,
        }),
    }
}

pub(super) async fn since(pool: &Pool, seen: Position) -> Result<Changes, StoreError> {
    let newest = newest(pool).await?;
    if newest == seen {
        return Ok(Changes {
            newest,
            changes: Some(Vec::new()),
        });
    }
    let everything = Changes {
        newest,
        changes: None,
    };
    let number = i64::try_from(seen.number).unwrap_or(i64::MAX);
    let rows: Vec<(i64, i64, String, String)> = sqlx::query_as(
        "SELECT number, mark, kind, name FROM changes WHERE number >= $1 ORDER BY number",
    )
    .bind(number)
    .fetch_all(pool)
    .await?;
    let new_rows = match rows.split_first() {
        // The follower has seen nothing, and nothing was deleted since.
        None | Some(((1, ..), _)) if seen.number == 0 => rows.as_slice(),
        Some(((first, mark, ..), new_rows)) if (*first, *mark) == (number, seen.mark) => new_rows,
        // The last change that was seen is missing. It is too old, or the store has another history, for instance
        // after a restore from a backup.
        _ => return Ok(everything),
    };
    let newest = match new_rows.last() {
        Some((number, mark, ..)) => Position {
            number: rows::number(*number)?,
            mark: *mark,
        },
        None => newest,
    };
    let changes = new_rows.iter().map(|(_, _, kind, name)| parse(kind, name));
    Ok(Changes {
        newest,
        // A newer version wrote a change of an unknown kind, so everything may have changed.
        changes: changes.collect(),
    })
}

fn parse(kind: &str, name: &str) -> Option<Change> {
    match kind {
        ALIAS => Some(Change::Alias(name.to_owned())),
        ENDPOINT => name.parse().ok().map(Change::Endpoint),
        SECRET => name.parse().ok().map(Change::Secret),
        TOKEN => name.parse().ok().map(Change::Token),
        _ => None,
    }
}

const ALIAS: &str = "alias";
const ENDPOINT: &str = "endpoint";
const SECRET: &str = "secret";
const TOKEN: &str = "token";
const KEPT: i64 = 100_000;
