//! Flows: list, show, release, promote, roll back, bind a slot.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::cursor;
use super::problem::Problem;
use super::reply::{Page, Reply};
use super::secrets::{ReplacedView, Value, end_of, overlap_of};
use crate::control::{Consent, FlowPlan, Impact, PlannedMove, Step};
use crate::flow::{FlowTarget, PartName};
use crate::operators::Permission;

/// A flow in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = FlowSummary)]
pub(super) struct SummaryView {
    /// The name of the flow.
    flow: String,
    /// The organisation that owns it.
    organisation: String,
    /// The workspace that owns it.
    workspace: String,
    /// The live version; none before the first release.
    live: Option<u32>,
    /// How many installations the flow has.
    installations: u64,
    /// When the draft was applied.
    drafted_at: Timestamp,
}

/// A release.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowRelease)]
pub(super) struct Release {
    /// A note about the version.
    note: Option<String>,
    /// Whether required slots may be empty, although their deliveries are refused.
    #[serde(default)]
    unbound: bool,
}

/// A promotion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowPromotion)]
pub(super) struct Promote {
    /// `live`, or `installation ID`.
    target: String,
    /// The version. Default: the live one.
    version: Option<u32>,
    /// Whether required slots may be empty, although their deliveries are refused.
    #[serde(default)]
    unbound: bool,
}

/// A rollback.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FlowRollback)]
pub(super) struct RollBack {
    /// `live`, or `installation ID`.
    target: String,
    /// The version. Default: the one before the last move of the target.
    to: Option<u32>,
    /// Whether required slots may be empty, although their deliveries are refused.
    #[serde(default)]
    unbound: bool,
}

/// A value for a slot.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SlotValue)]
pub(super) struct Bind {
    /// `draft`, `live`, or `installation ID`.
    target: String,
    /// The name of the slot.
    slot: String,
    /// The value.
    #[schema(value_type = String)]
    value: Value,
    /// How long the current version stays valid: `none`, or a time such as `24h` or `7d`. Default: `none`.
    overlap: Option<String>,
    /// Whether a value that looks like a mistake is accepted.
    #[serde(default)]
    force: bool,
}

/// A change of a flow, planned or made.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedFlow)]
pub(super) struct ChangeView {
    /// Whether the store changes.
    changed: bool,
    /// The targets that change their version.
    #[schema(value_type = Vec<Object>)]
    moves: Vec<PlannedMove>,
    /// The step for each endpoint.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Step>,
    /// The addresses of required secrets that are not bound.
    unbound: Vec<String>,
    /// The impact on deliveries.
    impact: Impact,
}

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let after = call.query_value("cursor");
    let after = after.map(|text| cursor::read(LIST, text)).transpose()?;
    let limit = usize::try_from(call.limit()?).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    let mut has_more = false;
    for flow in call.console.control.flows().await? {
        let name = flow.name.to_string();
        let is_before = after.as_ref().is_some_and(|after| name <= *after);
        if is_before || !call.may(Permission::Read, &flow.organisation, &flow.workspace)? {
            continue;
        }
        if items.len() == limit {
            has_more = true;
            break;
        }
        items.push(SummaryView {
            flow: name,
            organisation: flow.organisation.to_string(),
            workspace: flow.workspace.to_string(),
            live: flow.live,
            installations: flow.installations,
            drafted_at: flow.drafted_at,
        });
    }
    let last = items.last().filter(|_| has_more);
    Reply::ok(&Page {
        next: last.map(|last| cursor::write(LIST, &last.flow)),
        items,
    })
}

pub(super) async fn read(call: Call) -> Result<Reply, Problem> {
    Reply::ok(&call.console.control.flow_view(call.flow_name()?).await?)
}

pub(super) async fn release(call: Call) -> Result<Reply, Problem> {
    let Release { note, unbound } = call.json()?;
    let _changing = call.console.changes.lock().await;
    let control = &call.console.control;
    let state = control.flow(call.flow_name()?).await?;
    let plan = control.flow_release(state, note, consent(unbound)).await?;
    finish(&call, plan).await
}

pub(super) async fn promote(call: Call) -> Result<Reply, Problem> {
    let Promote {
        target,
        version,
        unbound,
    } = call.json()?;
    let target = released_target(&target)?;
    let _changing = call.console.changes.lock().await;
    let control = &call.console.control;
    let state = control.flow(call.flow_name()?).await?;
    let version = state
        .to_promote(version)
        .map_err(crate::control::ControlError::from)?;
    let plan = control.flow_promotion(state, target, version, consent(unbound));
    finish(&call, plan.await?).await
}

pub(super) async fn roll_back(call: Call) -> Result<Reply, Problem> {
    let RollBack {
        target,
        to,
        unbound,
    } = call.json()?;
    let target = released_target(&target)?;
    let _changing = call.console.changes.lock().await;
    let control = &call.console.control;
    let state = control.flow(call.flow_name()?).await?;
    let version = control.rollback_version(&state, &target, to).await?;
    let plan = control.flow_rollback(state, target, version, consent(unbound));
    finish(&call, plan.await?).await
}

pub(super) async fn bind(call: Call) -> Result<Reply, Problem> {
    let Bind {
        target,
        slot,
        value,
        overlap,
        force,
    } = call.json()?;
    let overlap = overlap_of(overlap.as_deref())?;
    let value = value.into_secret()?;
    let slot: PartName = slot
        .parse()
        .map_err(|_| Problem::body("`slot`: expected the name of a slot"))?;
    let target = match target.as_str() {
        "draft" => FlowTarget::Draft,
        other => released_target(other)?,
    };
    let control = &call.console.control;
    let scope = target.scope(call.flow_name()?);
    let binding = control.slot_binding(&scope, &slot).await?;
    call.require_whole_secret(binding.secret()).await?;
    let actor = call.actor()?;
    let changed = control.bind_slot(&actor, &binding, &value, overlap, force);
    let changed = changed.await?;
    Reply::ok(&ReplacedView {
        version: changed.version,
        ends_at: changed.was_bound.then(|| end_of(&call, overlap)).flatten(),
        cautions: changed.cautions.iter().map(ToString::to_string).collect(),
    })
}

/// Performs a plan unless it is a dry run, and shows it with its impact.
async fn finish(call: &Call, plan: Option<FlowPlan>) -> Result<Reply, Problem> {
    let control = &call.console.control;
    let Some(plan) = plan else {
        return Reply::ok(&ChangeView {
            changed: false,
            moves: Vec::new(),
            steps: Vec::new(),
            unbound: Vec::new(),
            impact: Impact::default(),
        });
    };
    let changed = !plan.is_unchanged();
    let impact = control.flow_impact(&plan).await?;
    let plan = if call.is_dry_run()? {
        plan
    } else {
        control.perform_flow(&call.actor()?, plan).await?
    };
    Reply::ok(&ChangeView {
        changed,
        moves: plan.moves(),
        steps: plan.endpoints().steps().to_vec(),
        unbound: plan
            .unbound()
            .iter()
            .map(|slot| slot.secret.to_string())
            .collect(),
        impact,
    })
}

/// A target that has a released version, as `flow show` names it.
fn released_target(text: &str) -> Result<FlowTarget, Problem> {
    let expected = || Problem::body("`target`: expected `live` or `installation ID`");
    if text == "live" {
        return Ok(FlowTarget::Live);
    }
    let id = text.strip_prefix("installation ").ok_or_else(expected)?;
    id.parse()
        .map(FlowTarget::Installation)
        .map_err(|_| expected())
}

fn consent(unbound: bool) -> Consent {
    Consent {
        adopt: false,
        unbound,
    }
}

const LIST: &str = "flows";
