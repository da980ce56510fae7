//! The declaration of a flow, and the endpoints that it defines at each target.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FlowTarget, PartName};
use crate::auth::{KeyKind, Mode};
use crate::directory::{AuthDefinition, Definition, Name, Target};
use crate::payload::{ContractDefinition, Input};

/// The whole declaration of a flow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The upstream of interfaces without one of their own.
    pub upstream: String,
    /// The secrets that the flow needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Slot>,
    /// The ways to call the flow, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub invocations: BTreeMap<PartName, Invocation>,
    /// The webhooks that call the flow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Interface>,
}

impl Flow {
    /// Finds a slot by its name.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.requires.iter().find(|slot| slot.slot.as_str() == name)
    }

    /// The names of the slots for an error message.
    pub fn slot_names(&self) -> String {
        let names = self.requires.iter().map(|slot| format!("`{}`", slot.slot));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The endpoints of all interfaces at `target`, in their order. `None` if the names of flow and interface make no
    /// valid endpoint id or secret address.
    pub fn definitions(
        &self,
        name: &PartName,
        owner: (&Name, &Name),
        target: &FlowTarget,
    ) -> Option<Vec<Definition>> {
        let interfaces = self.interfaces.iter();
        interfaces
            .map(|interface| self.definition(interface, name, owner, target))
            .collect()
    }

    /// The endpoint of one interface at `target`. The interface need not belong to the flow yet.
    pub fn definition(
        &self,
        interface: &Interface,
        name: &PartName,
        (organisation, workspace): (&Name, &Name),
        target: &FlowTarget,
    ) -> Option<Definition> {
        let mut definition = interface.endpoint.clone();
        definition.id = target.endpoint(name, &interface.id).ok()?;
        definition.organisation = organisation.clone();
        definition.workspace = workspace.clone();
        definition.target = Target::of(&definition.id);
        definition.flow = name.as_str().parse().ok();
        if definition.upstream.is_empty() {
            definition.upstream.clone_from(&self.upstream);
        }
        // A path names one endpoint. Senders that still use an alias mean the live target.
        if *target != FlowTarget::Live {
            definition.aliases.clear();
        }
        if *target != FlowTarget::Draft {
            definition.draft_auth = None;
        }
        if let (Some(auth), Some(slot)) = (&mut definition.auth, &interface.secret_ref) {
            auth.secret = Some(target.secret(name, slot).ok()?);
        }
        let invocation = interface.invocation.as_ref();
        let invocation = invocation.and_then(|name| self.invocations.get(name));
        if let Some(invocation) = invocation.filter(|invocation| !invocation.inputs.is_empty()) {
            definition.contract = Some(ContractDefinition {
                inputs: invocation.inputs.clone(),
                schema: None,
            });
        }
        Some(definition)
    }

    /// The kinds of keys that the interfaces need in a slot. None if no interface uses it; more than one is a mistake.
    pub fn key_kinds(&self, slot: &PartName) -> BTreeSet<KeyKind> {
        let users = self.interfaces.iter();
        let users = users.filter(|interface| interface.secret_ref.as_ref() == Some(slot));
        users
            .filter_map(|interface| interface.endpoint.auth.as_ref()?.key_kind())
            .collect()
    }
}

/// A named place for a secret. Each target of the flow has its own secret in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// The name of the slot, the part after `#` in the address of its secrets.
    pub slot: PartName,
    /// The type of its value.
    #[serde(rename = "type")]
    pub kind: SlotType,
    /// A display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The type of the value in a slot.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum SlotType {
    /// Key material of any kind.
    #[default]
    Secret,
}

impl fmt::Display for SlotType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret => f.pad("secret"),
        }
    }
}

impl FromStr for SlotType {
    type Err = ParseSlotTypeError;

    fn from_str(text: &str) -> Result<Self, ParseSlotTypeError> {
        match text {
            "secret" => Ok(Self::Secret),
            _ => Err(ParseSlotTypeError),
        }
    }
}

/// The text is not a slot type.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown slot type: use `secret`")]
pub struct ParseSlotTypeError;

/// One way to call a flow, with the inputs that its payloads must have.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Invocation {
    /// The inputs; without any, the payload is not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
}

/// One webhook of a flow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The last part of its URLs and of its endpoint ids.
    pub id: PartName,
    /// The invocation that a delivery calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<PartName>,
    /// The slot of the secret that proves its deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<PartName>,
    /// The settings of the endpoint. Each target sets the id, the owner, the target and the secret; their values here
    /// are ignored.
    pub endpoint: Definition,
}

impl Interface {
    /// Whether this proof needs a secret: it is neither `none` nor a provider's certificate.
    pub fn needs_secret(auth: &AuthDefinition) -> bool {
        auth.mode != Mode::None && !auth.has_certificate()
    }
}
