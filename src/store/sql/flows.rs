//! Flows with their versions and moves.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Engine, Pool, flow_changes};
use crate::audit::Actor;
use crate::flow::{
    Flow, FlowChange, FlowMove, FlowState, FlowStore, FlowSummary, FlowTarget, History, PartName,
    Version,
};
use crate::secrets::{SecretRef, StoreError};
use crate::store::rows;

#[async_trait]
impl FlowStore for Engine {
    async fn flow(&self, name: &PartName) -> Result<Option<FlowState>, StoreError> {
        self.bounded(flow(self.readers()?, name)).await
    }

    async fn flows(
        &self,
        after: Option<&PartName>,
        limit: u32,
    ) -> Result<Vec<FlowSummary>, StoreError> {
        self.bounded(flows(self.readers()?, after, limit)).await
    }

    async fn flow_version(&self, name: &PartName, number: u32) -> Result<Option<Flow>, StoreError> {
        self.bounded(version(self.readers()?, name, number)).await
    }

    async fn flow_history(&self, name: &PartName, limit: u32) -> Result<History, StoreError> {
        self.bounded(async {
            let pool = self.readers()?;
            Ok(History {
                versions: versions(pool, name).await?,
                moves: moves(pool, name, limit).await?,
            })
        })
        .await
    }

    async fn change_flow(&self, change: FlowChange) -> Result<Vec<SecretRef>, StoreError> {
        let steps = change.endpoints.len().saturating_add(change.secrets.len());
        self.bounded_write(steps, async {
            let mut transaction = self.begin().await?;
            let retired = flow_changes::perform(&mut transaction, &change).await?;
            transaction.commit().await?;
            Ok(retired)
        })
        .await
    }
}

async fn flow(pool: &Pool, name: &PartName) -> Result<Option<FlowState>, StoreError> {
    // The revision is read first: a change that is planned on a stale read is refused.
    let found: Option<(String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT organisation, workspace, draft, revision, updated_ms FROM flows WHERE name = $1",
    )
    .bind(name.as_str())
    .fetch_optional(pool)
    .await?;
    let Some((organisation, workspace, draft, revision, updated)) = found else {
        return Ok(None);
    };
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT max(number) FROM flow_versions WHERE flow = $1")
            .bind(name.as_str())
            .fetch_one(pool)
            .await?;
    let versions: Vec<(String, i64)> = sqlx::query_as(
        "SELECT scope, version FROM flow_targets WHERE flow = $1 AND version IS NOT NULL",
    )
    .bind(name.as_str())
    .fetch_all(pool)
    .await?;
    let versions = versions
        .into_iter()
        .map(|(scope, version)| Ok((target(&scope)?, rows::number(version)?)));
    let unreadable = |_| StoreError::Corrupt(format!("the owner of the flow {name}"));
    Ok(Some(FlowState {
        name: name.clone(),
        organisation: organisation.parse().map_err(unreadable)?,
        workspace: workspace.parse().map_err(unreadable)?,
        draft: parse(&draft)?,
        drafted_at: rows::time(updated)?,
        revision: rows::number(revision)?,
        newest: newest.map_or(Ok(0), rows::number)?,
        versions: versions.collect::<Result<BTreeMap<_, _>, StoreError>>()?,
    }))
}

async fn flows(
    pool: &Pool,
    after: Option<&PartName>,
    limit: u32,
) -> Result<Vec<FlowSummary>, StoreError> {
    let rows: Vec<SummaryRow> = sqlx::query_as(
        "SELECT name, organisation, workspace, updated_ms, \
         (SELECT version FROM flow_targets WHERE scope = 'flows/' || name || '/live'), \
         (SELECT count(*) FROM flow_targets WHERE flow = name AND scope LIKE 'installations/%') \
         FROM flows WHERE name > $1 ORDER BY name LIMIT $2",
    )
    .bind(after.map_or("", PartName::as_str))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(summary).collect()
}

type SummaryRow = (String, String, String, i64, Option<i64>, i64);

fn summary(row: SummaryRow) -> Result<FlowSummary, StoreError> {
    let (name, organisation, workspace, drafted, live, installations) = row;
    let unreadable = |_| StoreError::Corrupt(format!("the owner of the flow {name}"));
    Ok(FlowSummary {
        organisation: organisation.parse().map_err(unreadable)?,
        workspace: workspace.parse().map_err(unreadable)?,
        drafted_at: rows::time(drafted)?,
        live: live.map(rows::number).transpose()?,
        installations: rows::number(installations)?,
        name: name
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("the flow {name}")))?,
    })
}

async fn version(pool: &Pool, name: &PartName, number: u32) -> Result<Option<Flow>, StoreError> {
    sqlx::query_scalar("SELECT document FROM flow_versions WHERE flow = $1 AND number = $2")
        .bind(name.as_str())
        .bind(i64::from(number))
        .fetch_optional(pool)
        .await?
        .map(|text: String| parse(&text))
        .transpose()
}

async fn versions(pool: &Pool, name: &PartName) -> Result<Vec<Version>, StoreError> {
    let rows: Vec<(i64, i64, String, String, Option<String>)> = sqlx::query_as(
        "SELECT number, created_ms, actor, origin, note FROM flow_versions WHERE flow = $1 \
         ORDER BY number DESC",
    )
    .bind(name.as_str())
    .fetch_all(pool)
    .await?;
    let version = |(number, at, name, origin, note)| {
        Ok(Version {
            number: rows::number(number)?,
            at: rows::time(at)?,
            by: Actor::Recorded { name, origin },
            note,
        })
    };
    rows.into_iter().map(version).collect()
}

async fn moves(pool: &Pool, name: &PartName, limit: u32) -> Result<Vec<FlowMove>, StoreError> {
    let rows: Vec<MoveRow> = sqlx::query_as(
        "SELECT scope, from_version, to_version, action, at_ms, actor, origin FROM flow_moves \
         WHERE flow = $1 ORDER BY number DESC LIMIT $2",
    )
    .bind(name.as_str())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let made = |(scope, from, to, action, at, name, origin): MoveRow| {
        let unknown = |_| StoreError::Corrupt(format!("the move {action} of a flow"));
        Ok(FlowMove {
            target: target(&scope)?,
            from: from.map(rows::number).transpose()?,
            to: to.map(rows::number).transpose()?,
            action: action.parse().map_err(unknown)?,
            at: rows::time(at)?,
            by: Actor::Recorded { name, origin },
        })
    };
    rows.into_iter().map(made).collect()
}

type MoveRow = (
    String,
    Option<i64>,
    Option<i64>,
    String,
    i64,
    String,
    String,
);

fn target(scope: &str) -> Result<FlowTarget, StoreError> {
    let found = FlowTarget::of_scope(scope).map(|(_, target)| target);
    found.map_err(|_| StoreError::Corrupt(format!("the target {scope} of a flow")))
}

fn parse(text: &str) -> Result<Flow, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("the declaration of a flow: {error}")))
}
