//! Changes of endpoints, with their aliases and the secrets that are retired with them.

use sqlx::Transaction;

use super::{Database, audit, changes, deliveries, secret_kinds, secret_retirement, secrets};
use crate::audit::AuditEntry;
use crate::directory::{Change, Definition, EndpointChange, EndpointId, Name, OperatorChange};
use crate::secrets::{NewSecretVersion, SecretRef, StoreError};
use crate::store::rows;

/// Applies changes in a transaction. Returns the secrets that were retired.
pub(super) async fn change(
    transaction: &mut Transaction<'_, Database>,
    changes: &[(EndpointChange, AuditEntry)],
    secrets: &[NewSecretVersion],
) -> Result<Vec<SecretRef>, StoreError> {
    for secret in secrets {
        secrets::announce(transaction, secret).await?;
    }
    // All aliases are released before any is taken, so that endpoints can swap them.
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
    let mut settled = Vec::new();
    for (change, entry) in changes {
        match change {
            EndpointChange::Delete(id) => {
                retired.extend(delete(transaction, id, entry).await?);
            }
            EndpointChange::Put(definition) => {
                put(transaction, definition, definition.flow.as_ref(), entry).await?;
                settled.extend(secret_kinds::claim(transaction, definition).await?);
            }
            EndpointChange::Adopt(definition) => {
                put(transaction, definition, None, entry).await?;
                settled.extend(secret_kinds::claim(transaction, definition).await?);
            }
            EndpointChange::Operate(id, operation) => {
                operate(transaction, id, *operation, entry).await?;
            }
        }
        audit::add(transaction, entry).await?;
    }
    // New versions get the kind that the endpoints need after the change.
    for secret in secrets {
        secrets::add(transaction, secret).await?;
    }
    // New versions were announced already.
    settled.retain(|settled| secrets.iter().all(|new| new.secret != *settled));
    for secret in settled {
        changes::add(transaction, &Change::Secret(secret)).await?;
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

/// Deletes an endpoint with its recorded deliveries, and retires the secrets that no endpoint needs any more. Returns these secrets.
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
    deliveries::delete_of(transaction, id).await?;
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
        if secret_retirement::retire_unused(transaction, &secret, entry).await? {
            retired.push(secret);
        }
    }
    Ok(retired)
}

/// Applies a change of an operator to the endpoint as it is stored now.
async fn operate(
    transaction: &mut Transaction<'_, Database>,
    id: &EndpointId,
    operation: OperatorChange,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let gone = || StoreError::Conflict(format!("the endpoint {id}"));
    let mut definition = stored(transaction, id.as_str()).await?.ok_or_else(gone)?;
    definition.apply_operation(operation);
    sqlx::query("UPDATE endpoints SET definition = $2, updated_ms = $3 WHERE id = $1")
        .bind(id.as_str())
        .bind(to_json(&definition)?)
        .bind(entry.at.as_millisecond())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The definition of an endpoint as the transaction sees it.
pub(super) async fn stored(
    transaction: &mut Transaction<'_, Database>,
    id: &str,
) -> Result<Option<Definition>, StoreError> {
    sqlx::query_scalar("SELECT definition FROM endpoints WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await?
        .map(|text: String| rows::definition(&text))
        .transpose()
}

fn to_json(definition: &Definition) -> Result<String, StoreError> {
    serde_json::to_string(definition)
        .map_err(|error| StoreError::Corrupt(format!("{}: {error}", definition.id)))
}

/// A new random generation. It is random so that a store that was restored from a backup does not reuse one.
fn new_generation() -> Result<i64, StoreError> {
    let random = getrandom::u64();
    random.map(u64::cast_signed).map_err(|error| {
        StoreError::Unavailable(format!("the system provides no random bytes: {error}"))
    })
}

async fn put(
    transaction: &mut Transaction<'_, Database>,
    definition: &Definition,
    part_of: Option<&Name>,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let text = match stored(transaction, definition.id.as_str()).await? {
        None => to_json(definition)?,
        Some(old) => {
            let mut definition = definition.clone();
            definition.keep_operator_changes(&old);
            to_json(&definition)?
        }
    };
    // An endpoint keeps its flow. It joins a flow only if that was requested and its owner is unchanged.
    let stored = sqlx::query(
        "INSERT INTO endpoints \
         (id, organisation, workspace, definition, created_ms, updated_ms, secret, flow, generation) \
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $9) \
         ON CONFLICT (id) DO UPDATE SET organisation = $2, workspace = $3, definition = $4, \
         updated_ms = $5, secret = $6, flow = $7, generation = CASE \
         WHEN endpoints.organisation = $2 AND endpoints.workspace = $3 THEN endpoints.generation \
         ELSE $9 END \
         WHERE coalesce(endpoints.flow, '') = $8 AND (coalesce(excluded.flow, '') = $8 \
         OR (endpoints.organisation = $2 AND endpoints.workspace = $3))",
    )
    .bind(definition.id.as_str())
    .bind(definition.organisation.as_str())
    .bind(definition.workspace.as_str())
    .bind(text)
    .bind(entry.at.as_millisecond())
    .bind(definition.secret().map(|secret| secret.to_string()))
    .bind(definition.flow.as_ref().map(Name::as_str))
    .bind(part_of.map_or("", Name::as_str))
    .bind(new_generation()?)
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
