//! Slots that have no secret where deliveries need one.

use std::collections::BTreeSet;

use super::change::Change;
use crate::cli::binding::Binding;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::directory::DraftAuth;
use crate::flow::{Flow, FlowTarget, Interface, PartName};
use crate::secrets::SecretRef;

/// A slot without a secret.
pub(super) struct Unbound {
    target: FlowTarget,
    slot: PartName,
    pub(super) secret: SecretRef,
    /// The command that mends it.
    pub(super) remedy: String,
}

/// Those that `change` leaves so.
pub(super) async fn slots(session: &Session, change: &Change) -> Result<Vec<Unbound>, Failure> {
    let name = &change.name;
    let mut unbound = Vec::new();
    for (target, flow) in &change.places {
        let Some(flow) = flow else { continue };
        for slot in needed(session, target, flow) {
            let secret = target.secret(name, slot);
            let secret = secret.map_err(|error| Failure::Other(error.to_string()))?;
            let needed = flow.key_kinds(slot).pop_first();
            if let Binding::Bound(_) = Binding::of(session, &secret, needed).await? {
                continue;
            }
            unbound.push(Unbound {
                remedy: format!("portcullis secret bind {} {slot}", target.scope(name)),
                target: target.clone(),
                slot: slot.clone(),
                secret,
            });
        }
    }
    Ok(unbound)
}

/// Refuses a change that would turn away what is taken now: a slot that becomes needed where the flow is in
/// force, or where an endpoint becomes a part of it, and is empty.
pub(super) async fn refuse(
    session: &Session,
    change: &Change,
    unbound: &[Unbound],
) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for it in unbound {
        let present = match &change.before {
            // A draft may become whatever its author wants.
            Some(before) if it.target != FlowTarget::Draft => {
                session.flow_at(before, &it.target).await?
            }
            _ => None,
        };
        let becomes_needed = match present {
            Some(present) => !needed(session, &it.target, &present).contains(&it.slot),
            None => false,
        };
        if becomes_needed || is_adopted(session, change, it).await? {
            wrong.push(format!(
                "{} becomes needed and is not bound, so deliveries would be refused; first: {}\n\
                 (or say `--unbound`)",
                it.secret, it.remedy
            ));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Other(wrong.join("\n")))
    }
}

/// Whether an endpoint is there that has not been a part of the flow, and will need the slot.
async fn is_adopted(session: &Session, change: &Change, it: &Unbound) -> Result<bool, Failure> {
    let flows = change.places.iter().filter(|place| place.0 == it.target);
    let interfaces = flows.flat_map(|place| place.1.iter().flat_map(|flow| &flow.interfaces));
    for interface in interfaces.filter(|one| one.secret_ref.as_ref() == Some(&it.slot)) {
        let id = it.target.endpoint(&change.name, &interface.id);
        let id = id.map_err(|error| Failure::Other(error.to_string()))?;
        let stored = session.custody.store.endpoint(id.as_str()).await?;
        if stored.is_some_and(|stored| stored.flow.is_none()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The slots that deliveries to a target need. A draft that asks for a token instead of a proof needs none.
fn needed<'f>(session: &Session, target: &FlowTarget, flow: &'f Flow) -> BTreeSet<&'f PartName> {
    let is_asked = |it: &&Interface| {
        let asks = it.endpoint.draft_auth.unwrap_or(session.config.draft_auth);
        *target != FlowTarget::Draft || asks != DraftAuth::Workspace
    };
    let asked = flow.interfaces.iter().filter(is_asked);
    asked.filter_map(|it| it.secret_ref.as_ref()).collect()
}
