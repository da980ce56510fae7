//! The rules about a flow's secret slots.
//!
//! A required slot must have a secret, and a slot that held a public key must not become a shared secret: everybody
//! knows a public key. A slot keeps its value while interfaces and versions change, and a raw Ed25519 key looks like
//! random bytes. The gate checks the bound kind for each delivery; these rules refuse the change earlier, and name
//! the interface that used the key if a version still shows it.

use std::collections::BTreeSet;

use super::plan::FlowRequest;
use crate::auth::KeyKind;
use crate::control::{Binding, Control, ControlError, PublicKeyConflict};
use crate::directory::DraftAuth;
use crate::flow::{Flow, FlowTarget, Interface, PartName};
use crate::secrets::SecretRef;

/// A required slot without a usable secret.
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
    /// The error of a change that makes the empty slot required.
    pub(in crate::control) fn refusal(&self) -> String {
        format!(
            "{}: the change requires the secret, which is not bound, so deliveries would be refused. Bind it with: {}\n(or proceed with `--unbound`)",
            self.secret, self.remedy
        )
    }
}

impl Control {
    /// The required slots that have no usable secret after `request`.
    pub(super) async fn unbound_slots(
        &self,
        request: &FlowRequest,
    ) -> Result<Vec<UnboundSlot>, ControlError> {
        let name = &request.name;
        let mut unbound = Vec::new();
        for (target, flow) in &request.targets {
            let Some(flow) = flow else { continue };
            let needed: Vec<&PartName> = self.needed_slots(target, flow).into_iter().collect();
            for slot in needed {
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

    /// Refuses a change that would make the gate refuse deliveries that it admits now: an empty slot becomes required at
    /// a released target, or by an endpoint that the flow takes over.
    pub(super) async fn refuse_unbound(
        &self,
        request: &FlowRequest,
        unbound: &[UnboundSlot],
    ) -> Result<(), ControlError> {
        let mut refused = Vec::new();
        for slot in unbound {
            let present = match &request.before {
                // A draft may change in any way.
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

    /// Whether the flow takes over an endpoint that needs the slot.
    async fn adopts_user_of(
        &self,
        request: &FlowRequest,
        slot: &UnboundSlot,
    ) -> Result<bool, ControlError> {
        let flows = request
            .targets
            .iter()
            .filter(|(target, _)| *target == slot.target);
        let interfaces = flows.flat_map(|(_, flow)| flow.iter().flat_map(|flow| &flow.interfaces));
        let users: Vec<&Interface> = interfaces
            .filter(|it| it.secret_ref.as_ref() == Some(&slot.slot))
            .collect();
        for interface in users {
            let id = slot.target.endpoint(&request.name, &interface.id);
            let id = id.map_err(internal)?;
            let stored = self.store.endpoint(id.as_str()).await?;
            if stored.is_some_and(|stored| stored.flow.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The slots that deliveries to a target need. A draft that requires only a workspace token needs none.
    fn needed_slots<'f>(&self, target: &FlowTarget, flow: &'f Flow) -> BTreeSet<&'f PartName> {
        let uses_auth = |it: &&Interface| {
            let required = it.endpoint.draft_auth.unwrap_or(self.server.draft_auth);
            *target != FlowTarget::Draft || required != DraftAuth::Workspace
        };
        let authenticated = flow.interfaces.iter().filter(uses_auth);
        authenticated
            .filter_map(|it| it.secret_ref.as_ref())
            .collect()
    }

    /// Refuses a change that would use a former public key as a shared secret.
    pub(super) async fn refuse_public_keys(
        &self,
        request: &FlowRequest,
    ) -> Result<(), ControlError> {
        let mut shared: Vec<(&FlowTarget, BTreeSet<SecretRef>)> = Vec::new();
        let mut bound_as_public = None;
        for (target, flow) in &request.targets {
            let Some(flow) = flow else { continue };
            let mut bound = BTreeSet::new();
            for definition in request.definitions(flow, target).unwrap_or_default() {
                let Some(secret) = definition.secret().filter(|_| !definition.has_public_key())
                else {
                    continue;
                };
                let needed = Binding::needed_kind(&definition);
                match self.binding(&secret, needed).await? {
                    Binding::Unbound => continue,
                    Binding::OtherKind(KeyKind::Public) => bound_as_public = Some(secret.clone()),
                    Binding::OtherKind(_) | Binding::Bound(_) => {}
                }
                bound.insert(secret);
            }
            if !bound.is_empty() {
                shared.push((target, bound));
            }
        }
        if let Some(before) = request.before.as_ref().filter(|_| !shared.is_empty()) {
            refuse_earlier(request, &before.draft, &shared)?;
            for number in 1..=before.newest {
                let version = self.flow_version(&request.name, number).await?;
                refuse_earlier(request, &version, &shared)?;
            }
        }
        match bound_as_public {
            None => Ok(()),
            Some(secret) => Err(ControlError::PublicKey {
                secret,
                conflict: PublicKeyConflict::Bound,
            }),
        }
    }
}

/// Refuses shared secrets that the version `earlier` uses as public keys.
fn refuse_earlier(
    request: &FlowRequest,
    earlier: &Flow,
    shared: &[(&FlowTarget, BTreeSet<SecretRef>)],
) -> Result<(), ControlError> {
    for (target, secrets) in shared {
        for definition in request.definitions(earlier, target).unwrap_or_default() {
            if let Some(secret) = definition.secret().filter(|it| secrets.contains(it))
                && definition.has_public_key()
            {
                return Err(ControlError::PublicKey {
                    secret,
                    conflict: PublicKeyConflict::Earlier(definition.id),
                });
            }
        }
    }
    Ok(())
}

fn internal(error: impl std::fmt::Display) -> ControlError {
    ControlError::Internal(error.to_string())
}
