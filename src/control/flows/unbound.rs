//! Slots that have no secret although deliveries need one.

use std::collections::BTreeSet;

use super::plan::FlowRequest;
use crate::control::{Binding, Control, ControlError};
use crate::directory::DraftAuth;
use crate::flow::{Flow, FlowTarget, Interface, PartName};
use crate::secrets::SecretRef;

/// A slot without a secret.
#[derive(Clone, Debug)]
pub struct UnboundSlot {
    /// The target of the flow.
    pub target: FlowTarget,
    /// The slot.
    pub slot: PartName,
    /// The address of its secret.
    pub secret: SecretRef,
    /// The command that binds it.
    pub remedy: String,
}

impl UnboundSlot {
    /// Why a change is refused that leaves the slot so.
    pub(in crate::control) fn refusal(&self) -> String {
        format!(
            "{} becomes needed and is not bound, so deliveries would be refused; first: {}\n(or say `--unbound`)",
            self.secret, self.remedy
        )
    }
}

impl Control {
    /// The slots that `request` leaves without a secret.
    pub(super) async fn unbound_slots(
        &self,
        request: &FlowRequest,
    ) -> Result<Vec<UnboundSlot>, ControlError> {
        let name = &request.name;
        let mut unbound = Vec::new();
        for (target, flow) in &request.places {
            let Some(flow) = flow else { continue };
            for slot in self.needed_slots(target, flow) {
                let secret = target.secret(name, slot).map_err(internal)?;
                let needed = flow.key_kinds(slot).pop_first();
                if let Binding::Bound(_) = self.binding(&secret, needed).await? {
                    continue;
                }
                unbound.push(UnboundSlot {
                    remedy: format!("portcullis secret bind {} {slot}", target.scope(name)),
                    target: target.clone(),
                    slot: slot.clone(),
                    secret,
                });
            }
        }
        Ok(unbound)
    }

    /// Refuses a change after which deliveries are refused that are admitted now: a slot becomes needed where the
    /// flow is in force, or where an endpoint becomes a part of it, and is empty.
    pub(super) async fn refuse_unbound(
        &self,
        request: &FlowRequest,
        unbound: &[UnboundSlot],
    ) -> Result<(), ControlError> {
        let mut refused = Vec::new();
        for slot in unbound {
            let present = match &request.before {
                // The author of a draft may change it in any way.
                Some(before) if slot.target != FlowTarget::Draft => {
                    self.flow_at(before, &slot.target).await?
                }
                _ => None,
            };
            let becomes_needed = present.is_some_and(|present| {
                !self
                    .needed_slots(&slot.target, &present)
                    .contains(&slot.slot)
            });
            if becomes_needed || self.adopts_user_of(request, slot).await? {
                refused.push(slot.clone());
            }
        }
        if refused.is_empty() {
            Ok(())
        } else {
            Err(ControlError::SlotsUnbound(refused))
        }
    }

    /// Whether an endpoint that is not a part of the flow becomes one, and needs the slot.
    async fn adopts_user_of(
        &self,
        request: &FlowRequest,
        slot: &UnboundSlot,
    ) -> Result<bool, ControlError> {
        let flows = request.places.iter().filter(|place| place.0 == slot.target);
        let interfaces = flows.flat_map(|place| place.1.iter().flat_map(|flow| &flow.interfaces));
        for interface in interfaces.filter(|it| it.secret_ref.as_ref() == Some(&slot.slot)) {
            let id = slot.target.endpoint(&request.name, &interface.id);
            let id = id.map_err(internal)?;
            let stored = self.store.endpoint(id.as_str()).await?;
            if stored.is_some_and(|stored| stored.flow.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The slots that deliveries to a target need. A draft that asks for a token instead of a proof needs none.
    fn needed_slots<'f>(&self, target: &FlowTarget, flow: &'f Flow) -> BTreeSet<&'f PartName> {
        let is_asked = |it: &&Interface| {
            let asks = it.endpoint.draft_auth.unwrap_or(self.server.draft_auth);
            *target != FlowTarget::Draft || asks != DraftAuth::Workspace
        };
        let asked = flow.interfaces.iter().filter(is_asked);
        asked.filter_map(|it| it.secret_ref.as_ref()).collect()
    }
}

fn internal(error: impl std::fmt::Display) -> ControlError {
    ControlError::Internal(error.to_string())
}
