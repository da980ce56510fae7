//! Captured deliveries. They are deleted with their endpoint.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Transaction;

use super::{Database, Engine, Pool};
use crate::capture::{CaptureStore, NewCapture, StoredCapture};
use crate::secrets::StoreError;
use crate::store::rows;

#[async_trait]
impl CaptureStore for Engine {
    async fn keep(&self, captured: Vec<NewCapture>, now: Timestamp) -> Result<(), StoreError> {
        // Outside the write: a read says nothing about whether the store can be written.
        if captured.is_empty() && !self.bounded(has_expired(self.readers()?, now)).await? {
            return Ok(());
        }
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            keep(&mut transaction, &captured, now).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn kept(&self, endpoint: &str, now: Timestamp) -> Result<Vec<StoredCapture>, StoreError> {
        self.bounded(kept(self.readers()?, endpoint, now)).await
    }

    async fn kept_one(
        &self,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Option<(StoredCapture, Vec<u8>)>, StoreError> {
        self.bounded(kept_one(self.readers()?, request_id, now))
            .await
    }
}

/// True if a capture has expired. This read is cheaper than a transaction.
async fn has_expired(pool: &Pool, now: Timestamp) -> Result<bool, StoreError> {
    Ok(
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM captures WHERE ends_ms <= $1)")
            .bind(now.as_millisecond())
            .fetch_one(pool)
            .await?,
    )
}

async fn keep(
    transaction: &mut Transaction<'_, Database>,
    captured: &[NewCapture],
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM captures WHERE ends_ms <= $1")
        .bind(now.as_millisecond())
        .execute(&mut **transaction)
        .await?;
    for one in captured {
        // The endpoint may have been deleted meanwhile, and its captures with it.
        sqlx::query(
            "INSERT INTO captures (endpoint, request_id, at_ms, ends_ms, reason, http) \
             SELECT id, $2, $3, $4, $5, $6 FROM endpoints WHERE id = $1",
        )
        .bind(one.endpoint.as_str())
        .bind(&one.request_id)
        .bind(one.at.as_millisecond())
        .bind(one.ends_at.as_millisecond())
        .bind(one.reason)
        .bind(&one.http)
        .execute(&mut **transaction)
        .await?;
        sqlx::query(
            "DELETE FROM captures WHERE endpoint = $1 AND number <= (SELECT number FROM captures \
             WHERE endpoint = $1 ORDER BY number DESC LIMIT 1 OFFSET $2)",
        )
        .bind(one.endpoint.as_str())
        .bind(i64::from(one.last))
        .execute(&mut **transaction)
        .await?;
    }
    sqlx::query(
        "DELETE FROM captures WHERE number <= (SELECT number FROM captures \
         ORDER BY number DESC LIMIT 1 OFFSET $1)",
    )
    .bind(MAX_KEPT)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn kept(
    pool: &Pool,
    endpoint: &str,
    now: Timestamp,
) -> Result<Vec<StoredCapture>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT endpoint, request_id, at_ms, ends_ms, reason, CAST(length(http) AS BIGINT) \
         FROM captures WHERE endpoint = $1 AND ends_ms > $2 ORDER BY number DESC",
    )
    .bind(endpoint)
    .bind(now.as_millisecond())
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(one).collect()
}

async fn kept_one(
    pool: &Pool,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<(StoredCapture, Vec<u8>)>, StoreError> {
    let row: Option<(String, String, i64, i64, String, Vec<u8>)> = sqlx::query_as(
        "SELECT endpoint, request_id, at_ms, ends_ms, reason, http FROM captures \
         WHERE request_id = $1 AND ends_ms > $2 ORDER BY number DESC LIMIT 1",
    )
    .bind(request_id)
    .bind(now.as_millisecond())
    .fetch_optional(pool)
    .await?;
    row.map(|(endpoint, request_id, at, ends, reason, http)| {
        let len = i64::try_from(http.len()).unwrap_or(i64::MAX);
        Ok((one((endpoint, request_id, at, ends, reason, len))?, http))
    })
    .transpose()
}

type Row = (String, String, i64, i64, String, i64);

fn one(row: Row) -> Result<StoredCapture, StoreError> {
    let (endpoint, request_id, at, ends, reason, bytes) = row;
    Ok(StoredCapture {
        endpoint,
        request_id,
        at: rows::time(at)?,
        ends_at: rows::time(ends)?,
        reason,
        bytes: u64::try_from(bytes).unwrap_or_default(),
    })
}

/// For all endpoints together: 256 MiB at 128 KiB each.
const MAX_KEPT: i64 = 2000;
