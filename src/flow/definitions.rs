//! The endpoints that come of a flow at a target.

use std::collections::BTreeSet;

use super::{Flow, FlowTarget, Interface, PartName};
use crate::auth::KeyKind;
use crate::contract::ContractDefinition;
use crate::directory::{AuthDefinition, Definition, Name, Target};

impl Flow {
    /// The endpoint of each interface at `target`, in their order; `None` where the names of the two make no
    /// id, or no address of a secret.
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

    /// The endpoint of one interface, which need not be one of its own yet.
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
        // A path leads to one endpoint: senders who know an old one are meant for what is released.
        if *target != FlowTarget::Live {
            definition.aliases.clear();
        }
        if *target != FlowTarget::Draft {
            definition.draft_auth = None;
        }
        if let (Some(auth), Some(slot)) = (&mut definition.auth, &interface.secret_ref) {
            auth.secret = Some(target.secret(name, slot).ok()?);
        }
        let called = interface.invocation.as_ref();
        let called = called.and_then(|it| self.invocations.get(it));
        if let Some(called) = called.filter(|called| !called.inputs.is_empty()) {
            definition.contract = Some(ContractDefinition {
                inputs: called.inputs.clone(),
                schema: None,
            });
        }
        Some(definition)
    }

    /// The kinds of keys that the interfaces need in a slot: none if nothing uses it, and one if all is well.
    pub fn key_kinds(&self, slot: &PartName) -> BTreeSet<KeyKind> {
        let users = self.interfaces.iter();
        let users = users.filter(|it| it.secret_ref.as_ref() == Some(slot));
        users
            .filter_map(|it| it.endpoint.auth.as_ref()?.key_kind())
            .collect()
    }
}

impl Interface {
    /// Whether its senders prove themselves with a secret.
    pub fn needs_secret(auth: &AuthDefinition) -> bool {
        auth.mode != crate::auth::Mode::None && !auth.has_certificate()
    }
}
