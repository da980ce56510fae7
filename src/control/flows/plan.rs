//! The plan of a change of a flow: shown first, performed in one transaction with its endpoints afterwards.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::Consent;
use super::slots::UnboundSlot;
use crate::audit::{Action, Actor, AuditEntry};
use crate::control::change::{Change, EndpointChanges};
use crate::control::{Control, ControlError, EndpointPlan};
use crate::directory::{Definition, EndpointDeclaration, EndpointId, Name, SourceLocation};
use crate::flow::{
    Draft, Flow, FlowChange, FlowState, FlowTarget, MoveAction, NewMove, NewVersion, PartName,
};

/// The requested change of a flow.
#[derive(Debug)]
pub(super) struct FlowRequest {
    pub(super) name: PartName,
    pub(super) owner: (Name, Name),
    pub(super) before: Option<FlowState>,
    /// The new draft; `None` deletes the flow.
    pub(super) draft: Option<Flow>,
    /// The new declaration at each target that changes; `None` removes the flow from the target.
    pub(super) targets: Vec<(FlowTarget, Option<Flow>)>,
    /// Where each interface is declared. Empty if no file declares the flow.
    pub(super) places: BTreeMap<PartName, SourceLocation>,
    pub(super) version: Option<NewVersion>,
    pub(super) moves: Vec<NewMove>,
    pub(super) action: Action,
}

/// A validated change of a flow with the plan for its endpoints.
#[derive(Debug)]
pub struct FlowPlan {
    request: FlowRequest,
    endpoints: EndpointPlan,
    unbound: Vec<UnboundSlot>,
}

/// A target that changes its version.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedMove {
    /// The target.
    #[serde(serialize_with = "as_text")]
    pub target: FlowTarget,
    /// The current version of the target.
    pub from: Option<u32>,
    /// The new version; `None` removes the flow from the target.
    pub to: Option<u32>,
    /// The kind of move.
    pub action: MoveAction,
}

impl FlowRequest {
    /// A change of an existing flow that keeps its draft.
    pub(super) fn of(state: FlowState, action: Action) -> Self {
        Self {
            name: state.name.clone(),
            owner: (state.organisation.clone(), state.workspace.clone()),
            draft: Some(state.draft.clone()),
            before: Some(state),
            targets: Vec::new(),
            places: BTreeMap::new(),
            version: None,
            moves: Vec::new(),
            action,
        }
    }

    /// Moves `target` to the version `number`, which declares `flow`.
    pub(super) fn put(&mut self, target: FlowTarget, number: u32, flow: Flow, action: MoveAction) {
        let before = self.before.as_ref();
        self.moves.push(NewMove {
            from: before.and_then(|state| state.version_at(&target)),
            target: target.clone(),
            to: Some(number),
            action,
        });
        self.targets.push((target, Some(flow)));
    }

    /// The endpoints of `flow` at `target`.
    pub(super) fn definitions(&self, flow: &Flow, target: &FlowTarget) -> Option<Vec<Definition>> {
        flow.definitions(&self.name, (&self.owner.0, &self.owner.1), target)
    }
}

impl FlowPlan {
    /// The name of the flow.
    pub fn flow(&self) -> &PartName {
        &self.request.name
    }

    /// The targets that change their version.
    pub fn moves(&self) -> Vec<PlannedMove> {
        let moves = self.request.moves.iter();
        let planned = moves.map(|made| PlannedMove {
            target: made.target.clone(),
            from: made.from,
            to: made.to,
            action: made.action,
        });
        planned.collect()
    }

    /// Whether the whole flow is deleted.
    pub fn deletes_flow(&self) -> bool {
        self.request.draft.is_none()
    }

    /// The scopes of the targets that the flow is removed from. Their secrets end.
    pub(in crate::control) fn removed_scopes(&self) -> impl Iterator<Item = String> {
        let targets = self.request.targets.iter();
        let removed = targets.filter(|(_, flow)| flow.is_none());
        removed.map(|(target, _)| target.scope(&self.request.name))
    }

    /// The plan for the endpoints.
    pub fn endpoints(&self) -> &EndpointPlan {
        &self.endpoints
    }

    /// The required slots that have no usable secret.
    pub fn unbound(&self) -> &[UnboundSlot] {
        &self.unbound
    }

    /// Whether the plan changes nothing in the store.
    pub fn is_unchanged(&self) -> bool {
        let request = &self.request;
        let same_draft = match (&request.before, &request.draft) {
            (Some(before), Some(draft)) => before.draft == *draft,
            _ => false,
        };
        same_draft
            && request.version.is_none()
            && request.moves.is_empty()
            && self.endpoints.is_unchanged()
    }
}

impl Control {
    /// Performs a plan in one transaction, and returns it with the secrets that ended.
    pub async fn perform_flow(
        &self,
        actor: &Actor,
        plan: FlowPlan,
    ) -> Result<FlowPlan, ControlError> {
        if plan.is_unchanged() {
            return Ok(plan);
        }
        let FlowPlan {
            request,
            mut endpoints,
            unbound,
        } = plan;
        let EndpointChanges { changes, secrets } = self.changes_of(actor, &endpoints).await?;
        let (organisation, workspace) = request.owner.clone();
        let draft = request.draft.clone().map(|flow| Draft {
            organisation,
            workspace,
            flow,
        });
        let retired = self.commit(Change::of_flow(FlowChange {
            audit: self.flow_audit(actor, &request),
            based_on: request.before.as_ref().map(|state| state.revision),
            name: request.name.clone(),
            draft,
            version: request.version.clone(),
            moves: request.moves.clone(),
            endpoints: changes,
            secrets,
        }));
        endpoints.set_retired(retired.await?);
        Ok(FlowPlan {
            request,
            endpoints,
            unbound,
        })
    }

    /// Plans a change of a flow and checks every rule.
    pub(super) async fn plan_flow(
        &self,
        request: FlowRequest,
        consent: Consent,
    ) -> Result<FlowPlan, ControlError> {
        let endpoints = self.plan_endpoints_of(&request, consent.adopt).await?;
        self.refuse_public_keys(&request).await?;
        let unbound = self.unbound_slots(&request).await?;
        if !consent.unbound {
            self.refuse_unbound(&request, &unbound).await?;
        }
        Ok(FlowPlan {
            request,
            endpoints,
            unbound,
        })
    }

    async fn plan_endpoints_of(
        &self,
        request: &FlowRequest,
        adopt: bool,
    ) -> Result<EndpointPlan, ControlError> {
        let mut declared: Vec<EndpointDeclaration> = Vec::new();
        let mut stored: Vec<EndpointId> = Vec::new();
        for (target, flow) in &request.targets {
            if let Some(flow) = flow {
                let made = request.definitions(flow, target);
                let too_long = || ControlError::NamesTooLong(request.name.clone());
                let interfaces = flow.interfaces.iter().zip(made.ok_or_else(too_long)?);
                declared.extend(interfaces.map(|(interface, definition)| {
                    let place = request.places.get(&interface.id).cloned();
                    EndpointDeclaration { definition, place }
                }));
            }
            let prefix = format!("{}/", target.scope(&request.name));
            let stored_here = self.store.definitions(&prefix).await?;
            let own = stored_here.into_iter().map(|stored| stored.definition);
            let own =
                own.filter(|it| it.flow.as_ref().map(Name::as_str) == Some(request.name.as_str()));
            stored.extend(own.map(|definition| definition.id));
        }
        self.accept(&declared)?;
        stored.retain(|id| declared.iter().all(|it| it.definition.id != *id));
        self.plan_endpoints(declared, stored, adopt).await
    }

    fn flow_audit(&self, actor: &Actor, request: &FlowRequest) -> AuditEntry {
        let moved = request.moves.last();
        let target = moved.map_or(FlowTarget::Draft, |it| it.target.clone());
        let subject = match request.draft {
            None => format!("flows/{}", request.name),
            Some(_) => target.scope(&request.name),
        };
        let detail = match moved.map(|it| it.to) {
            Some(Some(version)) => format!("version {version}"),
            _ => String::new(),
        };
        self.audit(actor, request.action, subject, detail)
    }
}

fn as_text<S: Serializer>(target: &FlowTarget, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(target)
}
