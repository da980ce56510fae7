//! Changes of flows, with their endpoints.

use sqlx::Transaction;

use super::{Database, audit, endpoint_changes, secret_retirement};
use crate::audit::AuditEntry;
use crate::flow::{Draft, Flow, FlowChange, FlowTarget, NewMove, NewVersion, PartName};
use crate::secrets::{SecretRef, StoreError};

/// Applies a change in a transaction. Returns the secrets that were retired.
pub(super) async fn perform(
    transaction: &mut Transaction<'_, Database>,
    change: &FlowChange,
) -> Result<Vec<SecretRef>, StoreError> {
    let name = &change.name;
    let at = change.audit.at.as_millisecond();
    // The scopes where the flow will no longer be in force.
    let mut abandoned_scopes: Vec<String> = Vec::new();
    match (&change.draft, change.based_on) {
        (Some(draft), None) => create(transaction, name, draft, at).await?,
        (Some(draft), Some(revision)) => update(transaction, name, draft, revision, at).await?,
        (None, revision) => {
            abandoned_scopes =
                sqlx::query_scalar("SELECT scope FROM flow_targets WHERE flow = $1 ORDER BY scope")
                    .bind(name.as_str())
                    .fetch_all(&mut **transaction)
                    .await?;
            // A secret may be bound before the first release.
            let live = FlowTarget::Live.scope(name);
            if !abandoned_scopes.contains(&live) {
                abandoned_scopes.push(live);
            }
            delete(transaction, name, revision.unwrap_or_default()).await?;
        }
    }
    if let Some(version) = &change.version {
        add_version(transaction, name, version, &change.audit).await?;
    }
    for moved in change.moves.iter().filter(|_| change.draft.is_some()) {
        add_move(transaction, name, moved, &change.audit).await?;
        if moved.to.is_none() {
            abandoned_scopes.push(moved.target.scope(name));
        }
    }
    let mut retired =
        endpoint_changes::change(transaction, &change.endpoints, &change.secrets).await?;
    for scope in &abandoned_scopes {
        retired.extend(secret_retirement::retire_scope(transaction, scope, &change.audit).await?);
    }
    audit::add(transaction, &change.audit).await?;
    Ok(retired)
}

async fn create(
    transaction: &mut Transaction<'_, Database>,
    name: &PartName,
    draft: &Draft,
    at: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO flows (name, organisation, workspace, draft, revision, created_ms, updated_ms) \
         VALUES ($1, $2, $3, $4, 1, $5, $5)",
    )
    .bind(name.as_str())
    .bind(draft.organisation.as_str())
    .bind(draft.workspace.as_str())
    .bind(to_json(&draft.flow)?)
    .bind(at)
    .execute(&mut **transaction)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => conflict(name),
        _ => error.into(),
    })?;
    set_target(transaction, name, &FlowTarget::Draft, None).await
}

async fn update(
    transaction: &mut Transaction<'_, Database>,
    name: &PartName,
    draft: &Draft,
    revision: u64,
    at: i64,
) -> Result<(), StoreError> {
    let text = to_json(&draft.flow)?;
    let updated = sqlx::query(
        "UPDATE flows SET updated_ms = CASE WHEN draft = $3 THEN updated_ms ELSE $4 END, \
         draft = $3, revision = revision + 1 WHERE name = $1 AND revision = $2",
    )
    .bind(name.as_str())
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(text)
    .bind(at)
    .execute(&mut **transaction)
    .await?;
    match updated.rows_affected() {
        0 => Err(conflict(name)),
        _ => Ok(()),
    }
}

async fn delete(
    transaction: &mut Transaction<'_, Database>,
    name: &PartName,
    revision: u64,
) -> Result<(), StoreError> {
    let deleted = sqlx::query("DELETE FROM flows WHERE name = $1 AND revision = $2")
        .bind(name.as_str())
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(&mut **transaction)
        .await?;
    match deleted.rows_affected() {
        0 => Err(conflict(name)),
        _ => Ok(()),
    }
}

async fn add_version(
    transaction: &mut Transaction<'_, Database>,
    name: &PartName,
    version: &NewVersion,
    audit: &AuditEntry,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO flow_versions (flow, number, document, note, actor, origin, created_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(name.as_str())
    .bind(i64::from(version.number))
    .bind(to_json(&version.flow)?)
    .bind(&version.note)
    .bind(audit.actor.name())
    .bind(audit.actor.origin())
    .bind(audit.at.as_millisecond())
    .execute(&mut **transaction)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => conflict(name),
        _ => error.into(),
    })?;
    Ok(())
}

async fn add_move(
    transaction: &mut Transaction<'_, Database>,
    name: &PartName,
    moved: &NewMove,
    audit: &AuditEntry,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO flow_moves \
         (flow, number, scope, from_version, to_version, action, actor, origin, at_ms) \
         VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM flow_moves WHERE flow = $1), \
         $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(name.as_str())
    .bind(moved.target.scope(name))
    .bind(moved.from.map(i64::from))
    .bind(moved.to.map(i64::from))
    .bind(moved.action.word())
    .bind(audit.actor.name())
    .bind(audit.actor.origin())
    .bind(audit.at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    if moved.to.is_some() {
        return set_target(transaction, name, &moved.target, moved.to).await;
    }
    sqlx::query("DELETE FROM flow_targets WHERE scope = $1")
        .bind(moved.target.scope(name))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn set_target(
    transaction: &mut Transaction<'_, Database>,
    name: &PartName,
    target: &FlowTarget,
    version: Option<u32>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO flow_targets (scope, flow, version) VALUES ($1, $2, $3) \
         ON CONFLICT (scope) DO UPDATE SET version = excluded.version",
    )
    .bind(target.scope(name))
    .bind(name.as_str())
    .bind(version.map(i64::from))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn to_json(flow: &Flow) -> Result<String, StoreError> {
    serde_json::to_string(flow)
        .map_err(|error| StoreError::Corrupt(format!("the declaration of a flow: {error}")))
}

fn conflict(name: &PartName) -> StoreError {
    StoreError::Conflict(format!("the flow `{name}`"))
}
