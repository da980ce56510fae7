//! Slots that held a public key: what everybody has must not become a shared secret.
//!
//! A slot keeps its value while interfaces and versions come and go, and a bare Ed25519 key looks like random bytes.
//! The gate goes by what the value was bound as. This check refuses the change before, and names the interface that
//! had the key where a version of the flow still tells.

use std::collections::BTreeSet;

use super::plan::FlowRequest;
use crate::auth::KeyKind;
use crate::control::error::PublicKeyConflict;
use crate::control::{Binding, Control, ControlError};
use crate::flow::{Flow, FlowTarget};
use crate::secrets::SecretRef;

impl Control {
    /// Refuses a change that would judge deliveries by a shared secret which is a public key so far.
    pub(super) async fn refuse_public_keys(
        &self,
        request: &FlowRequest,
    ) -> Result<(), ControlError> {
        let mut shared: Vec<(&FlowTarget, BTreeSet<SecretRef>)> = Vec::new();
        let mut bound_as_public = None;
        for (target, flow) in &request.places {
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

/// Refuses shared secrets that `earlier` declares as public keys.
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
