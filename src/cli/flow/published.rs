//! Slots that held a public key: what everybody has must not become a shared secret.
//!
//! A slot keeps its value while interfaces and versions come and go, and a bare key of Ed25519 cannot be told
//! from random bytes. The gate goes by what the value was bound as. What is said here says it before, and names the
//! interface that had the key where a version of the flow still tells.

use std::collections::BTreeSet;

use super::change::Change;
use crate::auth::KeyKind;
use crate::cli::binding::{Binding, needed};
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::directory::Definition;
use crate::flow::{Flow, FlowTarget};
use crate::secrets::SecretRef;

/// Refuses a change that would judge deliveries by a shared secret which is a public key so far.
pub(super) async fn refuse(session: &Session, change: &Change) -> Result<(), Failure> {
    let mut shared: Vec<(&FlowTarget, BTreeSet<SecretRef>)> = Vec::new();
    let mut published = None;
    for (target, flow) in &change.places {
        let Some(flow) = flow else { continue };
        let mut bound = BTreeSet::new();
        for definition in definitions(change, flow, target) {
            let Some(secret) = definition.secret().filter(|_| !definition.has_public_key()) else {
                continue;
            };
            match Binding::of(session, &secret, needed(&definition)).await? {
                Binding::Unbound => continue,
                Binding::OtherKind(KeyKind::Public) => published = Some(secret.clone()),
                Binding::OtherKind(_) | Binding::Bound(_) => {}
            }
            bound.insert(secret);
        }
        if !bound.is_empty() {
            shared.push((target, bound));
        }
    }
    if let Some(before) = change.before.as_ref().filter(|_| !shared.is_empty()) {
        judged(change, &before.draft, &shared)?;
        for number in 1..=before.newest {
            let version = session.flow_version(&change.name, number).await?;
            judged(change, &version, &shared)?;
        }
    }
    match published {
        None => Ok(()),
        Some(secret) => Err(Failure::Other(format!(
            "{secret} was bound as a public key, which everybody has; declare another slot for the shared secret"
        ))),
    }
}

fn judged(
    change: &Change,
    earlier: &Flow,
    shared: &[(&FlowTarget, BTreeSet<SecretRef>)],
) -> Result<(), Failure> {
    for (target, secrets) in shared {
        for definition in definitions(change, earlier, target) {
            if let Some(secret) = definition.secret().filter(|it| secrets.contains(it))
                && definition.has_public_key()
            {
                return Err(Failure::Other(format!(
                    "{secret} has been the public key of `{}`, which everybody has; declare another slot for the \
                     shared secret",
                    definition.id
                )));
            }
        }
    }
    Ok(())
}

fn definitions(change: &Change, flow: &Flow, target: &FlowTarget) -> Vec<Definition> {
    let owner = (&change.owner.0, &change.owner.1);
    flow.definitions(&change.name, owner, target)
        .unwrap_or_default()
}
