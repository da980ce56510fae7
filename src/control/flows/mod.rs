//! Operations on flows: apply a declaration, release, promote, roll back, delete.

mod plan;
mod slots;
mod view;

use std::collections::BTreeMap;

use self::plan::FlowRequest;
pub use self::plan::{FlowPlan, PlannedMove};
pub use self::slots::UnboundSlot;
pub use self::view::{FlowTargetView, FlowView, InterfaceView, SlotView};
use super::{Control, ControlError};
use crate::audit::Action;
use crate::directory::{Name, SourceLocation};
use crate::flow::{
    Flow, FlowState, FlowSummary, FlowTarget, History, MoveAction, MoveError, NewMove, NewVersion,
    PartName,
};

/// The declaration of a flow with its owner.
#[derive(Clone, Debug)]
pub struct FlowDeclaration {
    /// The name of the flow.
    pub name: PartName,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The declared flow.
    pub flow: Flow,
    /// Where each interface is declared, for errors. Empty if no file declares the flow.
    pub places: BTreeMap<PartName, SourceLocation>,
}

/// The owner of a flow, as far as it is known before the declaration is read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FlowOwner {
    /// The organisation.
    pub organisation: Option<Name>,
    /// The workspace.
    pub workspace: Option<Name>,
}

/// A release in the same transaction as the declaration.
#[derive(Clone, Debug, Default)]
pub struct FlowRelease {
    /// The target of the release; `None` updates the draft only.
    pub target: Option<FlowTarget>,
    /// A note about the version.
    pub note: Option<String>,
}

/// The part of a flow that is deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a flow is deleted from one installation, whole, or where it is a draft only"
)]
pub enum FlowDeletion {
    /// The whole flow at all targets.
    Everything,
    /// The flow, if it exists only as a draft.
    Draft,
    /// The flow at one installation.
    Installation(PartName),
}

/// Explicit consent to changes that are refused by default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Consent {
    /// The flow may take over existing endpoints at its ids.
    pub adopt: bool,
    /// Required slots may be empty, although their deliveries are refused.
    pub unbound: bool,
}

impl Control {
    /// The stored state of a flow.
    pub async fn flow(&self, name: &PartName) -> Result<FlowState, ControlError> {
        let found = self.store.flow(name).await?;
        found.ok_or_else(|| ControlError::FlowNotFound(name.clone()))
    }

    /// The stored state of a flow; `None` if it does not exist.
    pub async fn find_flow(&self, name: &PartName) -> Result<Option<FlowState>, ControlError> {
        Ok(self.store.flow(name).await?)
    }

    /// All flows, in the order of their names.
    pub async fn flows(&self) -> Result<Vec<FlowSummary>, ControlError> {
        let mut flows: Vec<FlowSummary> = Vec::new();
        loop {
            // Pages keep each query within its timeout.
            let last = flows.last().map(|flow| flow.name.clone());
            let page = self.store.flows(last.as_ref(), PAGE).await?;
            let is_last = u32::try_from(page.len()).is_ok_and(|len| len < PAGE);
            flows.extend(page);
            if is_last {
                return Ok(flows);
            }
        }
    }

    /// The versions of a flow, and up to `limit` moves.
    pub async fn flow_history(&self, name: &PartName, limit: u32) -> Result<History, ControlError> {
        Ok(self.store.flow_history(name, limit).await?)
    }

    /// The declaration of a version.
    pub async fn flow_version(&self, name: &PartName, number: u32) -> Result<Flow, ControlError> {
        let found = self.store.flow_version(name, number).await?;
        found.ok_or_else(|| ControlError::FlowVersionNotFound {
            flow: name.clone(),
            version: number,
        })
    }

    /// The declaration at a target; `None` if the flow is not there.
    pub async fn flow_at(
        &self,
        state: &FlowState,
        target: &FlowTarget,
    ) -> Result<Option<Flow>, ControlError> {
        match (target, state.version_at(target)) {
            (FlowTarget::Draft, _) => Ok(Some(state.draft.clone())),
            (_, None) => Ok(None),
            (_, Some(version)) => self.flow_version(&state.name, version).await.map(Some),
        }
    }

    /// The owner of a flow: the stored one, or else the given one. A stored owner cannot change.
    pub fn flow_owner(
        before: Option<&FlowState>,
        given: FlowOwner,
    ) -> Result<FlowOwner, ControlError> {
        let choose = |key, given: Option<Name>, stored: Option<&Name>| match (given, stored) {
            (Some(given), Some(stored)) if given != *stored => Err(ControlError::FlowOwner {
                key,
                given,
                stored: stored.clone(),
            }),
            (given, stored) => Ok(stored.cloned().or(given)),
        };
        let organisation = before.map(|state| &state.organisation);
        let workspace = before.map(|state| &state.workspace);
        Ok(FlowOwner {
            organisation: choose("organisation", given.organisation, organisation)?,
            workspace: choose("workspace", given.workspace, workspace)?,
        })
    }

    /// Plans that a declaration replaces the draft, and with `release` also that it becomes a version at a target.
    pub async fn flow_declaration(
        &self,
        declaration: FlowDeclaration,
        release: FlowRelease,
        consent: Consent,
    ) -> Result<FlowPlan, ControlError> {
        if release.target.is_none() && release.note.is_some() {
            return Err(ControlError::NoteWithoutVersion);
        }
        let before = self.store.flow(&declaration.name).await?;
        let flow = declaration.flow;
        let mut request = FlowRequest {
            name: declaration.name,
            owner: (declaration.organisation, declaration.workspace),
            before,
            draft: Some(flow.clone()),
            targets: vec![(FlowTarget::Draft, Some(flow.clone()))],
            places: declaration.places,
            version: None,
            moves: Vec::new(),
            action: Action::FlowApplied,
        };
        let Some(target) = release.target else {
            return self.plan_flow(request, consent).await;
        };
        let before = request.before.as_ref();
        let present = before.and_then(|state| state.version_at(&target));
        if let Some(present) = present
            && self.flow_version(&request.name, present).await? == flow
        {
            request.targets.push((target, Some(flow)));
            return self.plan_flow(request, consent).await;
        }
        let (number, version) = self.next_version(before, &flow, release.note).await?;
        let why = match target {
            FlowTarget::Installation(_) => MoveAction::Promote,
            FlowTarget::Draft | FlowTarget::Live => MoveAction::Release,
        };
        request.version = version;
        request.action = match why {
            MoveAction::Release => Action::FlowReleased,
            _ => Action::FlowPromoted,
        };
        request.put(target, number, flow, why);
        self.plan_flow(request, consent).await
    }

    /// Plans the release of the draft as the next live version. `None` if it is already live.
    pub async fn flow_release(
        &self,
        state: FlowState,
        note: Option<String>,
        consent: Consent,
    ) -> Result<Option<FlowPlan>, ControlError> {
        if let Some(live) = state.version_at(&FlowTarget::Live)
            && self.flow_version(&state.name, live).await? == state.draft
        {
            return Ok(None);
        }
        let flow = state.draft.clone();
        let (number, version) = self.next_version(Some(&state), &flow, note).await?;
        let mut request = FlowRequest::of(state, Action::FlowReleased);
        request.version = version;
        request.put(FlowTarget::Live, number, flow, MoveAction::Release);
        self.plan_flow(request, consent).await.map(Some)
    }

    /// Plans the promotion of a version to a target. `None` if it is already there.
    pub async fn flow_promotion(
        &self,
        state: FlowState,
        target: FlowTarget,
        number: u32,
        consent: Consent,
    ) -> Result<Option<FlowPlan>, ControlError> {
        let action = (Action::FlowPromoted, MoveAction::Promote);
        self.plan_move(state, target, number, action, consent).await
    }

    /// The version that a rollback of a target restores: `to`, or the previous version.
    pub async fn rollback_version(
        &self,
        state: &FlowState,
        target: &FlowTarget,
        to: Option<u32>,
    ) -> Result<u32, ControlError> {
        let history = self.store.flow_history(&state.name, u32::MAX).await?;
        Ok(state.before(target, to, &history.moves)?)
    }

    /// Plans the rollback of a target to an earlier version. `None` if it is already there.
    pub async fn flow_rollback(
        &self,
        state: FlowState,
        target: FlowTarget,
        number: u32,
        consent: Consent,
    ) -> Result<Option<FlowPlan>, ControlError> {
        let action = (Action::FlowRolledBack, MoveAction::Rollback);
        self.plan_move(state, target, number, action, consent).await
    }

    /// Plans the deletion of a flow. Its secrets end with it.
    pub async fn flow_deletion(
        &self,
        name: &PartName,
        deletion: FlowDeletion,
        consent: Consent,
    ) -> Result<FlowPlan, ControlError> {
        let state = self.flow(name).await?;
        let targets: Vec<FlowTarget> = state.targets().collect();
        let mut request = FlowRequest::of(state, Action::FlowDeleted);
        match deletion {
            FlowDeletion::Draft if targets.len() > 1 => {
                let flow = name.clone();
                return Err(ControlError::FlowInForce { flow, targets });
            }
            FlowDeletion::Draft | FlowDeletion::Everything => {
                request.draft = None;
                request.targets = targets.into_iter().map(|target| (target, None)).collect();
            }
            FlowDeletion::Installation(installation) => {
                let target = FlowTarget::Installation(installation);
                let before = request.before.as_ref();
                let present = before.and_then(|state| state.version_at(&target));
                if present.is_none() {
                    return Err(MoveError::NothingThere(target).into());
                }
                request.moves = vec![NewMove {
                    target: target.clone(),
                    from: present,
                    to: None,
                    action: MoveAction::Remove,
                }];
                request.targets = vec![(target, None)];
            }
        }
        self.plan_flow(request, consent).await
    }

    async fn plan_move(
        &self,
        state: FlowState,
        target: FlowTarget,
        number: u32,
        (action, why): (Action, MoveAction),
        consent: Consent,
    ) -> Result<Option<FlowPlan>, ControlError> {
        if state.version_at(&target) == Some(number) {
            return Ok(None);
        }
        let flow = self.flow_version(&state.name, number).await?;
        let mut request = FlowRequest::of(state, action);
        request.put(target, number, flow, why);
        self.plan_flow(request, consent).await.map(Some)
    }

    /// The version for `flow`: the newest one if it is identical and there is no note, or else a new one.
    async fn next_version(
        &self,
        state: Option<&FlowState>,
        flow: &Flow,
        note: Option<String>,
    ) -> Result<(u32, Option<NewVersion>), ControlError> {
        let newest = state.map_or(0, |state| state.newest);
        if let Some(state) = state.filter(|_| newest > 0 && note.is_none())
            && self.flow_version(&state.name, newest).await? == *flow
        {
            return Ok((newest, None));
        }
        let number = newest.saturating_add(1);
        let flow = flow.clone();
        Ok((number, Some(NewVersion { number, flow, note })))
    }
}

const PAGE: u32 = 1000;
