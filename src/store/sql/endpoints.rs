//! Definitions of endpoints.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Transaction;

use super::{Database, Engine, Pool, audit, changes, dialect, secrets};
use crate::audit::AuditEntry;
use crate::directory::{
    Bell, Change, Changes, Definition, EndpointChange, EndpointId, EndpointStore, Name, NamesPage,
    Operation, Position,
};
use crate::secrets::{Installation, SecretRef, StoreError};
use crate::store::{Stored, rows};

#[async_trait]
impl EndpointStore for Engine {
    async fn endpoint(&self, id: &str) -> Result<Option<Definition>, StoreError> {
        self.bounded(endpoint(self.readers()?, id)).await
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
        secrets: Vec<Installation>,
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

    async fn judged_by(&self, secret: &SecretRef) -> Result<Option<EndpointId>, StoreError> {
        self.bounded(judged_by(self.readers()?, secret)).await
    }

    async fn newest_change(&self) -> Result<Position, StoreError> {
        self.bounded(changes::newest(self.readers()?)).await
    }

    async fn changes_since(&self, seen: Position) -> Result<Changes, StoreError> {
        self.verify().await?;
        self.bounded(changes::since(self.readers()?, seen)).await
    }

    fn bell(&self) -> Option<Arc<Bell>> {
        self.listen()
    }
}

async fn endpoint(pool: &Pool, id: &str) -> Result<Option<Definition>, StoreError> {
    sqlx::query_scalar("SELECT definition FROM endpoints WHERE id = $1")
        .bind(id)
        .fetch_optional(pool)
        .await?
        .map(|text: String| parse(&text))
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
    // Both sides come in the order of their primary keys, a page of each: no more is read or sorted.
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

/// Up to `limit` endpoints whose ids begin with `prefix` and come after `after`.
pub(super) async fn definitions(
    pool: &Pool,
    prefix: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<Stored>, StoreError> {
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
            Ok(Stored {
                definition: parse(&definition)?,
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

/// Performs changes inside a transaction, and gives the secrets that ended with them.
pub(super) async fn change(
    transaction: &mut Transaction<'_, Database>,
    changes: &[(EndpointChange, AuditEntry)],
    secrets: &[Installation],
) -> Result<Vec<SecretRef>, StoreError> {
    for secret in secrets {
        secrets::install(transaction, secret).await?;
    }
    // Aliases are given up by everybody before anybody takes one, so that they can be swapped.
    for (change, _) in changes {
        let id = match change {
            EndpointChange::Delete(id) => id,
            EndpointChange::Adopt(definition) | EndpointChange::Put(definition) => &definition.id,
            EndpointChange::Operate(id, _) => {
                changes::add(transaction, &Change::Endpoint(id.clone())).await?;
                continue;
            }
        };
        give_up_aliases(transaction, id).await?;
        changes::add(transaction, &Change::Endpoint(id.clone())).await?;
    }
    let mut retired = Vec::new();
    for (change, entry) in changes {
        match change {
            EndpointChange::Delete(id) => {
                retired.extend(delete(transaction, id, entry).await?);
            }
            EndpointChange::Put(definition) => {
                put(transaction, definition, definition.flow.as_ref(), entry).await?;
            }
            EndpointChange::Adopt(definition) => {
                put(transaction, definition, None, entry).await?;
            }
            EndpointChange::Operate(id, operation) => {
                operate(transaction, id, *operation, entry).await?;
            }
        }
        audit::add(transaction, entry).await?;
    }
    changes::trim(transaction).await?;
    Ok(retired)
}

async fn give_up_aliases(
    transaction: &mut Transaction<'_, Database>,
    id: &EndpointId,
) -> Result<(), StoreError> {
    let paths: Vec<String> =
        sqlx::query_scalar("DELETE FROM aliases WHERE endpoint = $1 RETURNING path")
            .bind(id.as_str())
            .fetch_all(&mut **transaction)
            .await?;
    for path in paths {
        changes::add(transaction, &Change::Alias(path)).await?;
    }
    Ok(())
}

/// Deletes an endpoint, and ends the secrets that nobody needs any more. Gives those.
async fn delete(
    transaction: &mut Transaction<'_, Database>,
    id: &EndpointId,
    entry: &AuditEntry,
) -> Result<Vec<SecretRef>, StoreError> {
    let judged_by: Option<Option<String>> =
        sqlx::query_scalar("DELETE FROM endpoints WHERE id = $1 RETURNING secret")
            .bind(id.as_str())
            .fetch_optional(&mut **transaction)
            .await?;
    let own: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT scope || '#' || slot FROM secret_versions WHERE scope = $1",
    )
    .bind(id.as_str())
    .fetch_all(&mut **transaction)
    .await?;
    let mut retired = Vec::new();
    for text in judged_by.flatten().into_iter().chain(own) {
        let unreadable = |_| StoreError::Corrupt(format!("the secret {text}"));
        let secret: SecretRef = text.parse().map_err(unreadable)?;
        if secrets::retire_unused(transaction, &secret, entry).await? {
            retired.push(secret);
        }
    }
    Ok(retired)
}

/// Does something to an endpoint as it stands in the store now.
async fn operate(
    transaction: &mut Transaction<'_, Database>,
    id: &EndpointId,
    operation: Operation,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let gone = || StoreError::Conflict(format!("the endpoint {id}"));
    let mut definition = stored(transaction, id).await?.ok_or_else(gone)?;
    definition.operate(operation);
    sqlx::query("UPDATE endpoints SET definition = $2, updated_ms = $3 WHERE id = $1")
        .bind(id.as_str())
        .bind(written(&definition)?)
        .bind(entry.at.as_millisecond())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn stored(
    transaction: &mut Transaction<'_, Database>,
    id: &EndpointId,
) -> Result<Option<Definition>, StoreError> {
    sqlx::query_scalar("SELECT definition FROM endpoints WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut **transaction)
        .await?
        .map(|text: String| parse(&text))
        .transpose()
}

fn written(definition: &Definition) -> Result<String, StoreError> {
    serde_json::to_string(definition)
        .map_err(|error| StoreError::Corrupt(format!("{}: {error}", definition.id)))
}

async fn put(
    transaction: &mut Transaction<'_, Database>,
    definition: &Definition,
    part_of: Option<&Name>,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let text = match stored(transaction, &definition.id).await? {
        None => written(definition)?,
        Some(old) => {
            let mut definition = definition.clone();
            definition.keep_operated(&old);
            written(&definition)?
        }
    };
    // What is a part of a flow stays one, and nothing else becomes one that was not looked at as such.
    let stored = sqlx::query(
        "INSERT INTO endpoints \
         (id, organisation, workspace, definition, created_ms, updated_ms, secret, flow) \
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET organisation = $2, workspace = $3, definition = $4, \
         updated_ms = $5, secret = $6, flow = $7 \
         WHERE coalesce(endpoints.flow, '') = $8",
    )
    .bind(definition.id.as_str())
    .bind(definition.organisation.as_str())
    .bind(definition.workspace.as_str())
    .bind(text)
    .bind(entry.at.as_millisecond())
    .bind(definition.secret().map(|secret| secret.to_string()))
    .bind(definition.flow.as_ref().map(Name::as_str))
    .bind(part_of.map_or("", Name::as_str))
    .execute(&mut **transaction)
    .await?;
    if stored.rows_affected() == 0 {
        return Err(StoreError::Taken(format!("the id {}", definition.id)));
    }
    for path in &definition.aliases {
        sqlx::query("INSERT INTO aliases (path, endpoint) VALUES ($1, $2)")
            .bind(path)
            .bind(definition.id.as_str())
            .execute(&mut **transaction)
            .await
            .map_err(|error| match error.as_database_error() {
                Some(database) if database.is_unique_violation() => {
                    StoreError::Taken(format!("the alias {path}"))
                }
                _ => error.into(),
            })?;
        changes::add(transaction, &Change::Alias(path.clone())).await?;
    }
    Ok(())
}

fn parse(text: &str) -> Result<Definition, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("the definition of an endpoint: {error}")))
}
