//! What people do with secrets: set, rotate, retire, reveal, bind to a slot, rewrap, look.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Control, ControlError, secret_value};
use crate::audit::Actor;
use crate::auth::{Caution, KeyKind};
use crate::directory::{Definition, EndpointId, InvalidName};
use crate::flow::{Flow, FlowState, FlowTarget, PartName};
use crate::secrets::{
    Ending, InvalidSecretRef, Moved, Moving, Revealed, Secret, SecretRef, VersionStatus,
};

/// A secret that has a new version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretChange {
    /// The number of the version.
    pub version: u32,
    /// What is unusual about a given value.
    pub cautions: Vec<Caution>,
}

/// A slot of a flow at one of its targets, ready for a value.
#[derive(Debug)]
pub struct SlotBinding {
    secret: SecretRef,
    kind: Option<KeyKind>,
    /// The endpoints of the target that are judged by it.
    users: Vec<Definition>,
    was_bound: bool,
}

impl SlotBinding {
    /// The address of the secret.
    pub fn secret(&self) -> &SecretRef {
        &self.secret
    }

    /// Whether it had a value before.
    pub fn was_bound(&self) -> bool {
        self.was_bound
    }
}

impl Control {
    /// A secret by its own address, or by the endpoint that is judged by it.
    pub async fn secret(&self, text: &str) -> Result<SecretRef, ControlError> {
        if text.contains('#') {
            return text.parse().map_err(|error: InvalidSecretRef| {
                ControlError::InvalidSecretName(error.to_string())
            });
        }
        let id: EndpointId = text
            .parse()
            .map_err(|error: InvalidName| ControlError::InvalidSecretName(error.to_string()))?;
        let definition = self.endpoint(&id).await?;
        let secret = definition.secret();
        secret.ok_or(ControlError::SecretNotNeeded(id))
    }

    /// Decrypts the current value of a secret, after the audit log has a line about it.
    pub async fn reveal_secret(
        &self,
        actor: &Actor,
        secret: &SecretRef,
    ) -> Result<Revealed, ControlError> {
        Ok(self.vault().reveal(secret, actor).await?)
    }

    /// Decrypts the newest versions of a secret, retired ones too. Each has a line in the audit log.
    pub async fn reveal_versions(
        &self,
        actor: &Actor,
        secret: &SecretRef,
    ) -> Result<Vec<Revealed>, ControlError> {
        Ok(self.vault().reveal_all(secret, actor).await?)
    }

    /// The versions of a secret, the newest first, without their values.
    pub async fn secret_status(
        &self,
        secret: &SecretRef,
    ) -> Result<Vec<VersionStatus>, ControlError> {
        Ok(self.vault().status(secret).await?)
    }

    /// Replaces a secret by a generated value. The old value stays valid for `overlap`.
    pub async fn rotate_secret(
        &self,
        actor: &Actor,
        secret: &SecretRef,
        overlap: SignedDuration,
    ) -> Result<SecretChange, ControlError> {
        self.refuse_rotation(secret).await?;
        let version = self.vault().rotate(secret, overlap, actor).await?;
        let cautions = Vec::new();
        Ok(SecretChange { version, cautions })
    }

    /// Replaces a secret by a given value. The old value stays valid for `overlap`.
    pub async fn set_secret(
        &self,
        actor: &Actor,
        secret: &SecretRef,
        value: &Secret,
        overlap: SignedDuration,
        force: bool,
    ) -> Result<SecretChange, ControlError> {
        let users = self.users_of(secret).await?;
        let cautions = secret_value::check(value, &users, force)?;
        let vault = self.vault().binding_as(kind_for(&users));
        let version = vault.set(secret, value, overlap, actor).await?;
        Ok(SecretChange { version, cautions })
    }

    /// Ends versions of a secret now, and gives their number.
    pub async fn retire_secret(
        &self,
        actor: &Actor,
        secret: &SecretRef,
        ending: Ending,
    ) -> Result<u64, ControlError> {
        match self.vault().retire(secret, ending, actor).await? {
            0 => Err(ControlError::NothingToRetire {
                secret: secret.clone(),
                current: ending == Ending::Everything,
            }),
            ended => Ok(ended),
        }
    }

    /// Finds what declares a slot of a flow at a target, so that the slot can be bound.
    pub async fn slot_binding(
        &self,
        target: &str,
        slot: &PartName,
    ) -> Result<SlotBinding, ControlError> {
        let scope = target;
        let (name, target) = FlowTarget::of_scope(scope).map_err(ControlError::InvalidTarget)?;
        let state = self.flow(&name).await?;
        let flow = self.declaring_flow(&state, (scope, &target), slot).await?;
        let secret = target.secret(&name, slot);
        let secret = secret.map_err(|error| ControlError::InvalidSecretName(error.to_string()))?;
        let kinds = flow.key_kinds(slot);
        if kinds.len() > 1 {
            return Err(ControlError::MixedKeyKinds(secret));
        }
        let owner = (&state.organisation, &state.workspace);
        let users = flow.definitions(&state.name, owner, &target);
        let mut users = users.unwrap_or_default();
        users.retain(|user| user.secret().as_ref() == Some(&secret));
        Ok(SlotBinding {
            was_bound: self.is_bound(&secret).await?,
            kind: kinds.first().copied(),
            secret,
            users,
        })
    }

    /// Binds a slot to a given value. An old value stays valid for `overlap`.
    pub async fn bind_slot(
        &self,
        actor: &Actor,
        slot: &SlotBinding,
        value: &Secret,
        overlap: SignedDuration,
        force: bool,
    ) -> Result<SecretChange, ControlError> {
        let cautions = secret_value::check(value, &slot.users, force)?;
        let vault = self.vault().binding_as(slot.kind);
        let version = vault.set(&slot.secret, value, overlap, actor).await?;
        Ok(SecretChange { version, cautions })
    }

    /// Binds a slot to a generated value. An old value stays valid for `overlap`.
    pub async fn generate_slot(
        &self,
        actor: &Actor,
        slot: &SlotBinding,
        overlap: SignedDuration,
    ) -> Result<SecretChange, ControlError> {
        refuse_generated(&slot.secret, &slot.users, true)?;
        let vault = self.vault().binding_as(slot.kind);
        let version = vault.generate(&slot.secret, overlap, actor).await?;
        let cautions = Vec::new();
        Ok(SecretChange { version, cautions })
    }

    /// The number of versions that the store holds.
    pub async fn secret_versions(&self) -> Result<u64, ControlError> {
        let sealed = self.store.sealed_under().await?;
        Ok(sealed.iter().map(|under| under.versions).sum())
    }

    /// The name of the key service that encrypts.
    pub fn key_service(&self) -> &'static str {
        self.key_service.name()
    }

    /// Encrypts every version with the configured key. `progress` is called after every page.
    pub async fn rewrap_secrets(
        &self,
        actor: &Actor,
        moving: Moving,
        progress: impl FnMut(&Moved),
    ) -> Moved {
        self.vault().move_all(moving, actor, progress).await
    }

    /// The endpoints that are judged by a secret, up to a bound: those that share one need the same of it.
    pub(super) async fn users_of(
        &self,
        secret: &SecretRef,
    ) -> Result<Vec<Definition>, ControlError> {
        let mut users = Vec::new();
        for id in self.store.sharing(secret, &[], false, MAX_USERS).await? {
            users.extend(self.store.endpoint(id.as_str()).await?);
        }
        Ok(users)
    }

    /// A random value cannot replace a secret that only the sender has.
    pub(super) async fn refuse_rotation(&self, secret: &SecretRef) -> Result<(), ControlError> {
        let users = self.users_of(secret).await?;
        refuse_generated(secret, &users, false)
    }

    /// The declaration of a slot: what is in force at the target, the draft, or a version that may come there. So a
    /// secret can be bound before the release that needs it. A declaration that also uses the slot comes first,
    /// because it says which kind of key the value is.
    async fn declaring_flow(
        &self,
        state: &FlowState,
        (scope, target): (&str, &FlowTarget),
        slot: &PartName,
    ) -> Result<Flow, ControlError> {
        let name = &state.name;
        let present = self.flow_at(state, target).await?;
        if present.is_none() && matches!(target, FlowTarget::Installation(_)) {
            return Err(ControlError::FlowNotThere {
                target: scope.to_owned(),
                flow: name.clone(),
            });
        }
        let declares = |flow: &Flow| flow.slot(slot.as_str()).is_some();
        let uses = |flow: &Flow| !flow.key_kinds(slot).is_empty();
        let now = present.unwrap_or_else(|| state.draft.clone());
        let mut declaring = None;
        for flow in [&now, &state.draft] {
            if declares(flow) && uses(flow) {
                return Ok(flow.clone());
            }
            declaring = declaring.or_else(|| declares(flow).then(|| flow.clone()));
        }
        for number in (1..=state.newest).rev() {
            let version = self.flow_version(name, number).await?;
            if declares(&version) && uses(&version) {
                return Ok(version);
            }
            declaring = declaring.or_else(|| declares(&version).then_some(version));
        }
        let slots = match now.requires.as_slice() {
            [] => "it has none".to_owned(),
            _ => format!("it has {}", now.slot_names()),
        };
        declaring.ok_or_else(|| ControlError::SlotNotFound {
            target: scope.to_owned(),
            slot: slot.clone(),
            slots,
        })
    }
}

/// A random value cannot be what only the sender has.
fn refuse_generated(
    secret: &SecretRef,
    users: &[Definition],
    of_flow: bool,
) -> Result<(), ControlError> {
    match users.iter().find(|user| !user.can_generate_secret()) {
        None => Ok(()),
        Some(user) => Err(ControlError::NotGenerated {
            secret: secret.clone(),
            endpoint: user.id.clone(),
            of_flow,
        }),
    }
}

const MAX_USERS: usize = 100;

/// The kind of key that all of the endpoints need; the store refuses a value for endpoints that differ.
fn kind_for(users: &[Definition]) -> Option<KeyKind> {
    let kinds = users
        .iter()
        .filter_map(|user| user.auth.as_ref()?.key_kind());
    let kinds: BTreeSet<KeyKind> = kinds.collect();
    kinds.first().copied().filter(|_| kinds.len() == 1)
}
