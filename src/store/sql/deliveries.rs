//! Recorded deliveries, and their counts by hour.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Transaction};

use super::{Database, Engine, Pool, dialect, secret_uses};
use crate::deliveries::{
    DeliveryDurations, DeliveryFilter, DeliveryLimits, DeliveryStore, EndpointCounts, HOURS_KEPT,
    HourlyCounts, LatestDelivery, NewDelivery, OutcomeClass, RecordedDelivery,
};
use crate::directory::EndpointId;
use crate::secrets::{SecretRef, StoreError};
use crate::store::rows;

#[async_trait]
impl DeliveryStore for Engine {
    async fn record_deliveries(
        &self,
        batch: &[NewDelivery],
        per_endpoint: u32,
    ) -> Result<(), StoreError> {
        let endpoints: BTreeSet<&str> = batch.iter().map(|one| one.endpoint.as_str()).collect();
        self.bounded_write(endpoints.len(), async {
            // Does not exclude other writers: a change of an endpoint must not wait for records.
            let mut transaction = self.begin_concurrent().await?;
            for part in batch.chunks(ROWS_AT_ONCE) {
                add(&mut transaction, part).await?;
            }
            for endpoint in &endpoints {
                sqlx::query(dialect::DELETE_EXCESS_DELIVERIES)
                    .bind(endpoint)
                    .bind(i64::from(per_endpoint))
                    .execute(&mut *transaction)
                    .await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn add_delivery_counts(&self, counts: &[EndpointCounts]) -> Result<(), StoreError> {
        self.bounded_write(counts.len(), async {
            let mut transaction = self.begin_concurrent().await?;
            let hours: Vec<_> = counts
                .iter()
                .flat_map(|it| it.hours.iter().map(move |hour| (&it.key, hour)))
                .collect();
            for part in hours.chunks(ROWS_AT_ONCE) {
                let mut query = QueryBuilder::<Database>::new(
                    "INSERT INTO delivery_hourly \
                     (endpoint, generation, hour_ms, admitted, refused, failed, ignored) ",
                );
                query.push_values(part, |mut row, (key, hour)| {
                    row.push_bind(key.endpoint.as_str());
                    row.push_bind(key.generation);
                    row.push_bind(hour.hour.as_millisecond());
                    row.push_bind(signed(hour.admitted));
                    row.push_bind(signed(hour.refused));
                    row.push_bind(signed(hour.failed));
                    row.push_bind(signed(hour.ignored));
                });
                query.push(
                    " ON CONFLICT (endpoint, generation, hour_ms) DO UPDATE SET \
                     admitted = delivery_hourly.admitted + excluded.admitted, \
                     refused = delivery_hourly.refused + excluded.refused, \
                     failed = delivery_hourly.failed + excluded.failed, \
                     ignored = delivery_hourly.ignored + excluded.ignored",
                );
                let query = query.build().persistent(false);
                query.execute(&mut *transaction).await?;
            }
            for part in counts.chunks(ROWS_AT_ONCE) {
                note_latest(&mut transaction, part).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn expire_deliveries(
        &self,
        limits: &DeliveryLimits,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let expiry = Expiry::of(limits, now);
        // Outside the write: a read says nothing about whether the store can be written.
        let excess = self.bounded(excess(self.readers()?, limits)).await?;
        if excess == 0 && !self.bounded(has_expired(self.readers()?, &expiry)).await? {
            return Ok(false);
        }
        self.bounded_write(ROWS_EXPIRED_AT_ONCE / ROWS_AT_ONCE, async {
            let mut transaction = self.begin_concurrent().await?;
            let most = i64::try_from(ROWS_EXPIRED_AT_ONCE).unwrap_or(i64::MAX);
            let old = sqlx::query(dialect::DELETE_OLD_DELIVERIES)
                .bind(expiry.deliveries_ms)
                .bind(most)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            let excess = excess.saturating_sub(signed(old)).clamp(0, most);
            if excess > 0 {
                sqlx::query(dialect::DELETE_OLDEST_DELIVERIES)
                    .bind(excess)
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query(dialect::DELETE_OLD_HOURS)
                .bind(expiry.hours_ms)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(dialect::DELETE_ORPHANED_LATEST)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(signed(old) == most || excess == most)
        })
        .await
    }

    async fn deliveries(
        &self,
        endpoint: &EndpointId,
        filter: &DeliveryFilter,
    ) -> Result<Vec<RecordedDelivery>, StoreError> {
        self.bounded(listed(self.readers()?, endpoint, filter))
            .await
    }

    async fn delivery(&self, request_id: &str) -> Result<Option<RecordedDelivery>, StoreError> {
        self.bounded(one(self.readers()?, request_id)).await
    }

    async fn hourly_counts(
        &self,
        endpoints: &[EndpointId],
        since: Timestamp,
    ) -> Result<BTreeMap<EndpointId, Vec<HourlyCounts>>, StoreError> {
        let mut found: BTreeMap<EndpointId, Vec<HourlyCounts>> = BTreeMap::new();
        for part in endpoints.chunks(ROWS_AT_ONCE) {
            let rows = self.bounded(hourly(self.readers()?, part, since)).await?;
            for (endpoint, hour, admitted, refused, failed, ignored) in rows {
                found.entry(id(&endpoint)?).or_default().push(HourlyCounts {
                    hour: rows::time(hour)?,
                    admitted: rows::number(admitted)?,
                    refused: rows::number(refused)?,
                    failed: rows::number(failed)?,
                    ignored: rows::number(ignored)?,
                });
            }
        }
        Ok(found)
    }

    async fn latest_deliveries(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<BTreeMap<EndpointId, LatestDelivery>, StoreError> {
        let mut found = BTreeMap::new();
        for part in endpoints.chunks(ROWS_AT_ONCE) {
            let rows = self.bounded(latest(self.readers()?, part)).await?;
            for (endpoint, at, reason, last_admitted) in rows {
                let latest = LatestDelivery {
                    at: rows::time(at)?,
                    reason,
                    last_admitted_at: last_admitted.map(rows::time).transpose()?,
                };
                found.insert(id(&endpoint)?, latest);
            }
        }
        Ok(found)
    }

    async fn version_counts(
        &self,
        secret: &SecretRef,
        since: Timestamp,
    ) -> Result<Vec<(u32, u64)>, StoreError> {
        self.bounded(secret_uses::since(self.readers()?, secret, since))
            .await
    }
}

/// Deletes the deliveries of an endpoint that is deleted.
pub(super) async fn delete_of(
    transaction: &mut Transaction<'_, Database>,
    endpoint: &EndpointId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM deliveries WHERE endpoint = $1")
        .bind(endpoint.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn add(
    transaction: &mut Transaction<'_, Database>,
    batch: &[NewDelivery],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Database>::new(
        "INSERT INTO deliveries (endpoint, generation, at_ms, request_id, sender_id, event, \
         outcome, reason, status, cause, secret_version, body_bytes, receive_us, verify_us, \
         backend_us, total_us, client) ",
    );
    query.push_values(batch, |mut row, one| {
        let durations = &one.durations;
        row.push_bind(one.endpoint.as_str());
        row.push_bind(one.generation);
        row.push_bind(one.at.as_millisecond());
        row.push_bind(&one.request_id);
        row.push_bind(&one.sender_id);
        row.push_bind(&one.event);
        row.push_bind(one.outcome.word());
        row.push_bind(one.reason);
        row.push_bind(one.status.map(i64::from));
        row.push_bind(&one.cause);
        row.push_bind(one.secret_version.map(i64::from));
        row.push_bind(one.body_bytes.map(signed));
        row.push_bind(durations.receive.map(microseconds));
        row.push_bind(durations.verify.map(microseconds));
        row.push_bind(durations.backend.map(microseconds));
        row.push_bind(microseconds(durations.total));
        row.push_bind(one.client.map(|client| client.to_string()));
    });
    query.push(" ON CONFLICT (request_id, endpoint, at_ms) DO NOTHING");
    let query = query.build().persistent(false);
    query.execute(&mut **transaction).await?;
    Ok(())
}

async fn note_latest(
    transaction: &mut Transaction<'_, Database>,
    counts: &[EndpointCounts],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Database>::new(
        "INSERT INTO delivery_latest (endpoint, generation, at_ms, reason, last_admitted_ms) ",
    );
    query.push_values(counts, |mut row, it| {
        row.push_bind(it.key.endpoint.as_str());
        row.push_bind(it.key.generation);
        row.push_bind(it.latest_at.as_millisecond());
        row.push_bind(it.latest_reason);
        row.push_bind(it.last_admitted_at.map(Timestamp::as_millisecond));
    });
    query.push(
        " ON CONFLICT (endpoint, generation) DO UPDATE SET \
         reason = CASE WHEN excluded.at_ms >= delivery_latest.at_ms \
         THEN excluded.reason ELSE delivery_latest.reason END, \
         at_ms = CASE WHEN excluded.at_ms > delivery_latest.at_ms \
         THEN excluded.at_ms ELSE delivery_latest.at_ms END, \
         last_admitted_ms = CASE WHEN delivery_latest.last_admitted_ms IS NULL \
         OR excluded.last_admitted_ms > delivery_latest.last_admitted_ms \
         THEN excluded.last_admitted_ms ELSE delivery_latest.last_admitted_ms END",
    );
    let query = query.build().persistent(false);
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// The times before which rows have expired.
struct Expiry {
    deliveries_ms: i64,
    hours_ms: i64,
}

impl Expiry {
    fn of(limits: &DeliveryLimits, now: Timestamp) -> Self {
        let before = |kept| {
            let start = now.checked_sub(kept).unwrap_or(Timestamp::MIN);
            start.as_millisecond()
        };
        Self {
            deliveries_ms: before(limits.keep_for),
            hours_ms: before(HOURS_KEPT),
        }
    }
}

/// How many deliveries there are beyond the limit for all endpoints.
async fn excess(pool: &Pool, limits: &DeliveryLimits) -> Result<i64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries")
        .fetch_one(pool)
        .await?;
    Ok(count.saturating_sub(i64::from(limits.total)).max(0))
}

/// True if a row has expired. This read is cheaper than a transaction.
async fn has_expired(pool: &Pool, expiry: &Expiry) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE at_ms <= $1) \
         OR EXISTS (SELECT 1 FROM delivery_hourly WHERE hour_ms < $2) \
         OR EXISTS (SELECT 1 FROM delivery_latest WHERE NOT EXISTS \
         (SELECT 1 FROM endpoints WHERE id = delivery_latest.endpoint \
         AND endpoints.generation = delivery_latest.generation))",
    )
    .bind(expiry.deliveries_ms)
    .bind(expiry.hours_ms)
    .fetch_one(pool)
    .await?)
}

async fn listed(
    pool: &Pool,
    endpoint: &EndpointId,
    filter: &DeliveryFilter,
) -> Result<Vec<RecordedDelivery>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT deliveries.* FROM deliveries JOIN endpoints ON endpoints.id = deliveries.endpoint \
         AND endpoints.generation = deliveries.generation \
         WHERE deliveries.endpoint = $1 AND deliveries.number < $2 \
         AND ($3 IS NULL OR deliveries.outcome = $3) \
         AND ($4 IS NULL OR deliveries.reason = $4) \
         ORDER BY deliveries.number DESC LIMIT $5",
    )
    .bind(endpoint.as_str())
    .bind(filter.before.unwrap_or(i64::MAX))
    .bind(filter.outcome.map(OutcomeClass::word))
    .bind(filter.reason.as_deref())
    .bind(i64::from(filter.limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

async fn one(pool: &Pool, request_id: &str) -> Result<Option<RecordedDelivery>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT deliveries.* FROM deliveries JOIN endpoints ON endpoints.id = deliveries.endpoint \
         AND endpoints.generation = deliveries.generation \
         WHERE request_id = $1 ORDER BY number DESC LIMIT 1",
    )
    .bind(request_id)
    .fetch_optional(pool)
    .await?;
    row.map(Row::read).transpose()
}

async fn hourly(
    pool: &Pool,
    endpoints: &[EndpointId],
    since: Timestamp,
) -> Result<Vec<(String, i64, i64, i64, i64, i64)>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(
        "SELECT endpoint, hour_ms, admitted, refused, failed, ignored FROM delivery_hourly \
         JOIN endpoints ON endpoints.id = endpoint \
         AND endpoints.generation = delivery_hourly.generation WHERE hour_ms >= ",
    );
    query.push_bind(since.as_millisecond());
    push_among(&mut query, endpoints);
    query.push(" ORDER BY endpoint, hour_ms");
    let query = query.build_query_as().persistent(false);
    Ok(query.fetch_all(pool).await?)
}

async fn latest(
    pool: &Pool,
    endpoints: &[EndpointId],
) -> Result<Vec<(String, i64, String, Option<i64>)>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(
        "SELECT endpoint, at_ms, reason, last_admitted_ms FROM delivery_latest \
         JOIN endpoints ON endpoints.id = endpoint \
         AND endpoints.generation = delivery_latest.generation WHERE 1 = 1",
    );
    push_among(&mut query, endpoints);
    let query = query.build_query_as().persistent(false);
    Ok(query.fetch_all(pool).await?)
}

/// Restricts a query to `endpoints`, of which there is at least one.
fn push_among(query: &mut QueryBuilder<Database>, endpoints: &[EndpointId]) {
    query.push(" AND endpoint IN (");
    let mut separated = query.separated(", ");
    for endpoint in endpoints {
        separated.push_bind(endpoint.as_str().to_owned());
    }
    query.push(")");
}

/// A row of `deliveries`, without its generation.
#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    endpoint: String,
    at_ms: i64,
    request_id: String,
    sender_id: Option<String>,
    event: Option<String>,
    outcome: String,
    reason: String,
    status: Option<i64>,
    cause: Option<String>,
    secret_version: Option<i64>,
    body_bytes: Option<i64>,
    receive_us: Option<i64>,
    verify_us: Option<i64>,
    backend_us: Option<i64>,
    total_us: i64,
    client: Option<String>,
}

impl Row {
    fn read(self) -> Result<RecordedDelivery, StoreError> {
        let outcome = self.outcome.parse();
        let outcome = outcome.map_err(|_| corrupt("the outcome", &self.outcome))?;
        let client = |text: String| {
            text.parse::<IpAddr>()
                .map_err(|_| corrupt("the address", &text))
        };
        Ok(RecordedDelivery {
            number: self.number,
            endpoint: id(&self.endpoint)?,
            at: rows::time(self.at_ms)?,
            request_id: self.request_id,
            sender_id: self.sender_id,
            event: self.event,
            outcome,
            reason: self.reason,
            status: self.status.map(rows::number).transpose()?,
            cause: self.cause,
            secret_version: self.secret_version.map(rows::number).transpose()?,
            body_bytes: self.body_bytes.map(rows::number).transpose()?,
            durations: DeliveryDurations {
                receive: self.receive_us.map(duration).transpose()?,
                verify: self.verify_us.map(duration).transpose()?,
                backend: self.backend_us.map(duration).transpose()?,
                total: duration(self.total_us)?,
            },
            client: self.client.map(client).transpose()?,
        })
    }
}

fn id(text: &str) -> Result<EndpointId, StoreError> {
    text.parse().map_err(|_| corrupt("the endpoint", text))
}

fn corrupt(what: &str, text: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} `{text}` of a delivery"))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(microseconds: i64) -> Result<Duration, StoreError> {
    rows::number(microseconds).map(Duration::from_micros)
}

/// Rows per statement. Multiplied by the columns, this is below the limit of 32,766 values in SQLite.
const ROWS_AT_ONCE: usize = 500;
/// Small enough that no other transaction waits long.
const ROWS_EXPIRED_AT_ONCE: usize = 10_000;
