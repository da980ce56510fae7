//! Slots that have no secret where deliveries need one.

use std::collections::BTreeSet;

use super::change::Change;
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
            if session.custody.vault().is_bound(&secret).await? {
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
/// force, and is empty.
pub(super) async fn refuse(
    session: &Session,
    change: &Change,
    unbound: &[Unbound],
) -> Result<(), Failure> {
    let Some(before) = &change.before else {
        return Ok(());
    };
    let mut wrong = Vec::new();
    for it in unbound.iter().filter(|it| it.target != FlowTarget::Draft) {
        let Some(present) = session.flow_at(before, &it.target).await? else {
            continue;
        };
        if !needed(session, &it.target, &present).contains(&it.slot) {
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

/// The slots that deliveries to a target need. A draft that asks for a token instead of a proof needs none.
fn needed<'f>(session: &Session, target: &FlowTarget, flow: &'f Flow) -> BTreeSet<&'f PartName> {
    let is_asked = |it: &&Interface| {
        let asks = it.endpoint.draft_auth.unwrap_or(session.config.draft_auth);
        *target != FlowTarget::Draft || asks != DraftAuth::Workspace
    };
    let asked = flow.interfaces.iter().filter(is_asked);
    asked.filter_map(|it| it.secret_ref.as_ref()).collect()
}
