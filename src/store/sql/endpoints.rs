//! Definitions of endpoints, and the changes that followers read.

use std::sync::Arc;

use super::endpoint_changes::change;
use super::{Engine, Pool, changes, dialect};
use crate::audit::AuditEntry;
use crate::directory::{
    ChangeNotifier, Changes, EndpointChange, EndpointId, EndpointRecord, EndpointStore, NamesPage,
    Position,
};
use crate::secrets::{NewSecretVersion, SecretRef, StoreError};
use crate::store::{StoredEndpoint, rows};
use crate::task::Tasks;
use async_trait::async_trait;

#[async_trait]
impl EndpointStore for Engine {
    async fn endpoint_record(&self, id: &str) -> Result<Option<EndpointRecord>, StoreError> {
        self.bounded(endpoint_record(self.readers()?, id)).await
    }

    async fn alias(&self, path: &str) -> Result<Option<EndpointId>, StoreError> {
        self.bounded(alias(self.readers()?, path)).await
    }

    async fn names(&self, after: Option<&str>, limit: u32) -> Result<NamesPage, StoreError> {
        self.bounded(names(self.readers()?, after, limit)).await
    }

    async fn change(
        &self,
        changes: Vec<(EndpointChange, AuditEntry)>,
        secrets: Vec<NewSecretVersion>,
    ) -> Result<Vec<SecretRef>, StoreError> {
        let steps = changes.len().saturating_add(secrets.len());
        self.bounded_write(steps, async {
            let mut transaction = self.begin().await?;
            let retired = change(&mut transaction, &changes, &secrets).await?;
            transaction.commit().await?;
            Ok(retired)
        })
        .await
    }

    async fn endpoint_using(&self, secret: &SecretRef) -> Result<Option<EndpointId>, StoreError> {
        self.bounded(judged_by(self.readers()?, secret)).await
    }

    async fn newest_change(&self) -> Result<Position, StoreError> {
        self.bounded(changes::newest(self.readers()?)).await
    }

    async fn changes_since(&self, seen: Position) -> Result<Changes, StoreError> {
        self.verify().await?;
        self.bounded(changes::since(self.readers()?, seen)).await
    }

    fn change_notifier(&self, tasks: &Tasks) -> Option<Arc<ChangeNotifier>> {
        self.listen(tasks)
    }
}

async fn endpoint_record(pool: &Pool, id: &str) -> Result<Option<EndpointRecord>, StoreError> {
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT definition, generation FROM endpoints WHERE id = $1")
            .bind(id)
            .fetch_optional(pool)
            .await?;
    row.map(|(definition, generation)| {
        Ok(EndpointRecord {
            definition: rows::definition(&definition)?,
            generation,
        })
    })
    .transpose()
}

async fn alias(pool: &Pool, path: &str) -> Result<Option<EndpointId>, StoreError> {
    sqlx::query_scalar("SELECT endpoint FROM aliases WHERE path = $1")
        .bind(path)
        .fetch_optional(pool)
        .await?
        .map(|id: String| {
            id.parse()
                .map_err(|_| StoreError::Corrupt(format!("the endpoint of the alias {path}")))
        })
        .transpose()
}

async fn names(pool: &Pool, after: Option<&str>, limit: u32) -> Result<NamesPage, StoreError> {
    // Each side reads one page in the order of its primary key, so nothing more is read or sorted.
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM (SELECT id AS name FROM endpoints WHERE id > $1 ORDER BY id LIMIT $2) AS ids \
         UNION ALL SELECT name FROM \
         (SELECT path AS name FROM aliases WHERE path > $1 ORDER BY path LIMIT $2) AS paths \
         ORDER BY name LIMIT $2",
    )
    .bind(after.unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let full = u32::try_from(names.len()).is_ok_and(|len| len == limit);
    Ok(NamesPage {
        next: names.last().filter(|_| full).cloned(),
        names,
    })
}

async fn judged_by(pool: &Pool, secret: &SecretRef) -> Result<Option<EndpointId>, StoreError> {
    let id: Option<String> =
        sqlx::query_scalar("SELECT id FROM endpoints WHERE secret = $1 LIMIT 1")
            .bind(secret.to_string())
            .fetch_optional(pool)
            .await?;
    id.map(|id| {
        id.parse()
            .map_err(|_| StoreError::Corrupt(format!("the id {id}")))
    })
    .transpose()
}

/// Up to `limit` endpoints whose id starts with `prefix` and comes after `after`.
pub(super) async fn definitions(
    pool: &Pool,
    prefix: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<StoredEndpoint>, StoreError> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT definition, created_ms, updated_ms FROM endpoints \
         WHERE id >= $1 AND id > $2 AND substr(id, 1, length($1)) = $1 ORDER BY id LIMIT $3",
    )
    .bind(prefix)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|(definition, created, updated)| {
            Ok(StoredEndpoint {
                definition: rows::definition(&definition)?,
                created_at: rows::time(created)?,
                updated_at: rows::time(updated)?,
            })
        })
        .collect()
}

pub(super) async fn sharing(
    pool: &Pool,
    secret: &SecretRef,
    handshakes: &[&str],
    among: bool,
    limit: usize,
) -> Result<Vec<EndpointId>, StoreError> {
    let handshakes = serde_json::to_string(handshakes)
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let ids: Vec<String> = sqlx::query_scalar(dialect::SHARING)
        .bind(secret.to_string())
        .bind(handshakes)
        .bind(among)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await?;
    let unreadable = |id: &str| StoreError::Corrupt(format!("the id {id}"));
    ids.into_iter()
        .map(|id| id.parse().map_err(|_| unreadable(&id)))
        .collect()
}

pub(super) async fn organisations_of(
    pool: &Pool,
    workspace: &str,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    let found = sqlx::query_scalar(
        "SELECT DISTINCT organisation FROM endpoints WHERE workspace = $1 \
         ORDER BY organisation LIMIT $2",
    );
    Ok(found
        .bind(workspace)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?)
}
