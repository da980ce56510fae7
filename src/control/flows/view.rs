//! A flow as operators see it: its targets side by side.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::control::{Control, ControlError};
use crate::flow::{Flow, FlowState, FlowTarget, PartName};
use crate::payload::Input;

/// A flow with its targets.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Flow)]
pub struct FlowView {
    /// The name of the flow.
    pub flow: String,
    /// The organisation that owns it.
    pub organisation: String,
    /// The workspace that owns it.
    pub workspace: String,
    /// When the draft was applied.
    pub drafted_at: Timestamp,
    /// Whether the draft differs from the live version.
    pub unreleased: bool,
    /// The draft, the live version and the installations.
    pub targets: Vec<FlowTargetView>,
}

/// A flow at one target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FlowTarget)]
pub struct FlowTargetView {
    /// `draft`, `live` or `installation ID`.
    pub target: String,
    /// The active version; none for the draft.
    pub version: Option<u32>,
    /// The webhooks of the flow.
    pub interfaces: Vec<InterfaceView>,
    /// The secrets that the flow needs.
    pub slots: Vec<SlotView>,
}

/// A webhook of a flow at one target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FlowInterface)]
pub struct InterfaceView {
    /// The name of the interface.
    pub interface: String,
    /// The id of its endpoint.
    pub endpoint: String,
    /// The public URL, if a route or an alias leads to it.
    pub url: Option<String>,
    /// Whether the declaration enables it.
    pub enabled: bool,
    /// A description for people.
    pub description: Option<String>,
    /// The inputs that payloads must have.
    #[schema(value_type = Vec<Object>)]
    pub inputs: Vec<Input>,
}

/// A secret slot of a flow at one target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FlowSlot)]
pub struct SlotView {
    /// The name of the slot.
    pub slot: String,
    /// The address of its secret.
    pub secret: String,
    /// A display name.
    pub label: Option<String>,
    /// Since when a usable secret is bound, if one is.
    pub bound_since: Option<Timestamp>,
}

impl Control {
    /// A flow with its targets, interfaces and slots.
    pub async fn flow_view(&self, name: &PartName) -> Result<FlowView, ControlError> {
        let state = self.flow(name).await?;
        let mut targets = Vec::new();
        let all: Vec<FlowTarget> = state.targets().collect();
        for target in all {
            if let Some(flow) = self.flow_at(&state, &target).await? {
                targets.push(self.flow_target_view(&state, &target, &flow).await?);
            }
        }
        let live = self.flow_at(&state, &FlowTarget::Live).await?;
        Ok(FlowView {
            flow: name.to_string(),
            organisation: state.organisation.to_string(),
            workspace: state.workspace.to_string(),
            drafted_at: state.drafted_at,
            unreleased: live.as_ref() != Some(&state.draft),
            targets,
        })
    }

    async fn flow_target_view(
        &self,
        state: &FlowState,
        target: &FlowTarget,
        flow: &Flow,
    ) -> Result<FlowTargetView, ControlError> {
        let owner = (&state.organisation, &state.workspace);
        let definitions = flow.definitions(&state.name, owner, target);
        let definitions = definitions.unwrap_or_default();
        let interfaces = flow.interfaces.iter().zip(definitions);
        let interfaces = interfaces.map(|(interface, definition)| InterfaceView {
            interface: interface.id.to_string(),
            endpoint: definition.id.to_string(),
            url: self.url(&definition),
            enabled: definition.enabled,
            description: definition.description,
            inputs: definition
                .contract
                .map(|contract| contract.inputs)
                .unwrap_or_default(),
        });
        let mut slots = Vec::new();
        for slot in &flow.requires {
            let secret = target.secret(&state.name, &slot.slot);
            let secret = secret.map_err(|error| ControlError::Internal(error.to_string()))?;
            let needed = flow.key_kinds(&slot.slot).pop_first();
            let binding = self.binding(&secret, needed).await?;
            slots.push(SlotView {
                slot: slot.slot.to_string(),
                bound_since: binding.since(),
                secret: secret.to_string(),
                label: slot.label.clone(),
            });
        }
        Ok(FlowTargetView {
            target: target.to_string(),
            version: state.version_at(target),
            interfaces: interfaces.collect(),
            slots,
        })
    }
}
