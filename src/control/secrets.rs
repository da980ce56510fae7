//! Operations on secrets: set, rotate, retire, reveal, bind to a slot, rewrap, status.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::{Control, ControlError};
use crate::audit::Actor;
use crate::auth::{KeyKind, SecretUse, SecretWarning, check_secret, is_trivial_secret};
use crate::directory::{Definition, EndpointId, ParseNameError};
use crate::flow::{Flow, FlowState, FlowTarget, PartName};
use crate::secrets::{
    DecryptedVersion, ParseSecretRefError, Retirement, RewrapOptions, RewrapProgress, Secret,
    SecretRef, VersionStatus,
};

/// The new version of a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretChange {
    /// The number of the version.
    pub version: u32,
    /// Whether another value was valid before.
    pub was_bound: bool,
    /// Warnings about the given value.
    pub cautions: Vec<SecretWarning>,
}

/// A slot of a flow at one target, ready to be bound.
#[derive(Debug)]
pub struct SlotBinding {
    secret: SecretRef,
    kind: Option<KeyKind>,
    /// The endpoints of the target that use the secret.
    users: Vec<Definition>,
    was_bound: bool,
}

impl SlotBinding {
    /// The address of the secret.
    pub fn secret(&self) -> &SecretRef {
        &self.secret
    }
}

impl Control {
    /// The largest secret in bytes.
    pub const MAX_SECRET_BYTES: usize = 4096;

    /// Validates a value from outside: UTF-8 text of at most [`MAX_SECRET_BYTES`](Self::MAX_SECRET_BYTES).
    pub fn secret_of(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, ControlError> {
        if bytes.len() > Self::MAX_SECRET_BYTES {
            return Err(ControlError::ValueTooLong);
        }
        if std::str::from_utf8(&bytes).is_err() {
            return Err(ControlError::ValueNotText);
        }
        Ok(Secret::new(std::mem::take(&mut *bytes)))
    }

    /// Finds a secret by its address `scope#slot`, or by the endpoint that uses it.
    pub async fn secret(&self, text: &str) -> Result<SecretRef, ControlError> {
        if text.contains('#') {
            return text.parse().map_err(|error: ParseSecretRefError| {
                ControlError::InvalidSecretName(error.to_string())
            });
        }
        let id: EndpointId = text
            .parse()
            .map_err(|error: ParseNameError| ControlError::InvalidSecretName(error.to_string()))?;
        let definition = self.endpoint(&id).await?;
        let secret = definition.secret();
        secret.ok_or(ControlError::SecretNotNeeded(id))
    }

    /// Decrypts the current value of a secret, after the line in the audit log is written.
    pub async fn reveal_secret(
        &self,
        actor: &Actor,
        secret: &SecretRef,
    ) -> Result<DecryptedVersion, ControlError> {
        Ok(self.vault().reveal(secret, actor).await?)
    }

    /// Decrypts the newest versions of a secret, including retired ones. Each gets a line in the audit log.
    pub async fn reveal_versions(
        &self,
        actor: &Actor,
        secret: &SecretRef,
    ) -> Result<Vec<DecryptedVersion>, ControlError> {
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
        self.rotate_secret_from(actor, secret, overlap, None).await
    }

    /// Like [`rotate_secret`](Self::rotate_secret). It is refused if `based_on` is no longer the newest version.
    pub async fn rotate_secret_from(
        &self,
        actor: &Actor,
        secret: &SecretRef,
        overlap: SignedDuration,
        based_on: Option<u32>,
    ) -> Result<SecretChange, ControlError> {
        self.refuse_rotation(secret).await?;
        let vault = self.vault().based_on(based_on);
        let version = vault.rotate(secret, overlap, actor).await?;
        Ok(SecretChange {
            version,
            was_bound: true,
            cautions: Vec::new(),
        })
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
        self.set_secret_from(actor, secret, value, overlap, force, None)
            .await
    }

    /// Like [`set_secret`](Self::set_secret). It is refused if `based_on` is no longer the newest version.
    pub async fn set_secret_from(
        &self,
        actor: &Actor,
        secret: &SecretRef,
        value: &Secret,
        overlap: SignedDuration,
        force: bool,
        based_on: Option<u32>,
    ) -> Result<SecretChange, ControlError> {
        let users = self.users_of(secret).await?;
        let cautions = check_value(value, &users, force)?;
        let was_bound = self.is_bound(secret).await?;
        let vault = self.vault().binding_as(kind_for(&users));
        let vault = vault.based_on(based_on);
        let version = vault.set(secret, value, overlap, actor).await?;
        Ok(SecretChange {
            version,
            was_bound,
            cautions,
        })
    }

    /// Ends versions of a secret now, and returns how many ended.
    pub async fn retire_secret(
        &self,
        actor: &Actor,
        secret: &SecretRef,
        ending: Retirement,
    ) -> Result<u64, ControlError> {
        match self.vault().retire(secret, ending, actor).await? {
            0 => Err(ControlError::NothingToRetire {
                secret: secret.clone(),
                current: ending == Retirement::Everything,
            }),
            ended => Ok(ended),
        }
    }

    /// Prepares the binding of a flow's slot at a target.
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

    /// Binds a slot to a given value. The old value stays valid for `overlap`.
    pub async fn bind_slot(
        &self,
        actor: &Actor,
        slot: &SlotBinding,
        value: &Secret,
        overlap: SignedDuration,
        force: bool,
    ) -> Result<SecretChange, ControlError> {
        let cautions = check_value(value, &slot.users, force)?;
        let vault = self.vault().binding_as(slot.kind);
        let version = vault.set(&slot.secret, value, overlap, actor).await?;
        Ok(SecretChange {
            version,
            was_bound: slot.was_bound,
            cautions,
        })
    }

    /// Binds a slot to a generated value. The old value stays valid for `overlap`.
    pub async fn generate_slot(
        &self,
        actor: &Actor,
        slot: &SlotBinding,
        overlap: SignedDuration,
    ) -> Result<SecretChange, ControlError> {
        refuse_generated(&slot.secret, &slot.users, true)?;
        let vault = self.vault().binding_as(slot.kind);
        let version = vault.generate(&slot.secret, overlap, actor).await?;
        Ok(SecretChange {
            version,
            was_bound: slot.was_bound,
            cautions: Vec::new(),
        })
    }

    /// The number of secret versions in the store.
    pub async fn secret_versions(&self) -> Result<u64, ControlError> {
        let sealed = self.store.sealed_under().await?;
        Ok(sealed.iter().map(|under| under.versions).sum())
    }

    /// The name of the key service that encrypts new versions.
    pub fn key_service(&self) -> &'static str {
        self.key_service.name()
    }

    /// Encrypts every version with the configured key. `progress` is called after every page.
    pub async fn rewrap_secrets(
        &self,
        actor: &Actor,
        moving: RewrapOptions,
        progress: impl FnMut(&RewrapProgress),
    ) -> RewrapProgress {
        self.vault().rewrap_all(moving, actor, progress).await
    }

    /// The endpoints that use a secret, at most [`MAX_USERS`]: endpoints that share a secret need the same kind of value.
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

    /// Refuses a rotation if only the sender can issue the secret.
    pub(super) async fn refuse_rotation(&self, secret: &SecretRef) -> Result<(), ControlError> {
        let users = self.users_of(secret).await?;
        refuse_generated(secret, &users, false)
    }

    /// Finds a version of the flow that declares the slot: the one at the target, the draft, or any other version. So a
    /// secret can be bound before the release that needs it. Versions that use the slot come first, because the use
    /// determines the kind of key.
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
        let now = present.unwrap_or_else(|| state.draft.clone());
        let mut declaring = None;
        for flow in [&now, &state.draft] {
            if declares(flow, slot) && uses(flow, slot) {
                return Ok(flow.clone());
            }
            declaring = declaring.or_else(|| declares(flow, slot).then(|| flow.clone()));
        }
        for number in (1..=state.newest).rev() {
            let version = self.flow_version(name, number).await?;
            if declares(&version, slot) && uses(&version, slot) {
                return Ok(version);
            }
            declaring = declaring.or_else(|| declares(&version, slot).then_some(version));
        }
        let slots = match now.requires.as_slice() {
            [] => "the flow has no slots".to_owned(),
            _ => format!("its slots are {}", now.slot_names()),
        };
        declaring.ok_or_else(|| ControlError::SlotNotFound {
            target: scope.to_owned(),
            slot: slot.clone(),
            slots,
        })
    }
}

fn declares(flow: &Flow, slot: &PartName) -> bool {
    flow.slot(slot.as_str()).is_some()
}

fn uses(flow: &Flow, slot: &PartName) -> bool {
    !flow.key_kinds(slot).is_empty()
}

/// Refuses a value that the endpoints cannot use. `force` accepts a value that only looks like a mistake.
pub(super) fn check_value(
    value: &Secret,
    users: &[Definition],
    force: bool,
) -> Result<Vec<SecretWarning>, ControlError> {
    let value = value.expose();
    // The vault refuses an empty value with its own error.
    if is_trivial_secret(value) {
        return Ok(Vec::new());
    }
    let mut schemes = Vec::new();
    for user in users {
        let Some(auth) = &user.auth else { continue };
        if let Some(scheme) = auth.compiled().ok().flatten() {
            schemes.push((user, scheme, auth.preset()));
        }
    }
    let endpoints: Vec<SecretUse<'_>> = schemes
        .iter()
        .map(|(user, scheme, preset)| SecretUse {
            endpoint: user.id.as_str(),
            form: scheme.key(),
            shape: preset.map(|preset| &preset.secret_shape),
        })
        .collect();
    check_secret(value, &endpoints, force).map_err(ControlError::ValueRefused)
}

/// Refuses a generated value if only the sender can issue the secret.
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

/// The kind of key that all endpoints need. The store refuses a value if their kinds differ.
fn kind_for(users: &[Definition]) -> Option<KeyKind> {
    let kinds = users
        .iter()
        .filter_map(|user| user.auth.as_ref()?.key_kind());
    let kinds: BTreeSet<KeyKind> = kinds.collect();
    kinds.first().copied().filter(|_| kinds.len() == 1)
}

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use super::*;
    use crate::auth::Mode;
    use crate::directory::AuthDefinition;

    fn users(modes: &[(Mode, Option<&str>)]) -> Vec<Definition> {
        let user = |(position, (mode, preset)): (usize, &(Mode, Option<&str>))| {
            let id = format!("workflows/{position}").parse().unwrap();
            let name = |text: &str| text.parse().unwrap();
            let mut user = Definition::new(id, name("acme"), name("main"), "b".to_owned());
            let mut auth = AuthDefinition::of(*mode);
            auth.preset = preset.map(str::to_owned);
            user.auth = Some(auth);
            user
        };
        modes.iter().enumerate().map(user).collect()
    }

    #[test]
    fn endpoints_that_share_a_secret_decide_its_kind_and_whether_it_can_be_generated() {
        use Mode::{Hmac, Provider, Secret as Token};
        let telnyx = (Provider, Some("telnyx"));
        let stripe = (Provider, Some("stripe"));
        // The kind, and the first endpoint that a generated value cannot serve.
        let cases: [(&[(Mode, Option<&str>)], Option<KeyKind>, Option<&str>); 7] = [
            (&[], None, None),
            (&[(Hmac, None)], Some(KeyKind::Shared), None),
            (&[(Token, None), (Token, None)], Some(KeyKind::Token), None),
            // The store refuses a value for both.
            (&[(Hmac, None), (Token, None)], None, None),
            (
                &[(Hmac, None), stripe],
                Some(KeyKind::Shared),
                Some("workflows/1"),
            ),
            (&[telnyx], Some(KeyKind::Public), Some("workflows/0")),
            (
                &[(Mode::None, None), (Hmac, None)],
                Some(KeyKind::Shared),
                None,
            ),
        ];
        for (modes, kind, refused_by) in cases {
            let users = users(modes);
            assert_eq!(kind_for(&users), kind, "{modes:?}");
            let secret = "keys#main".parse().unwrap();
            let refusal = refuse_generated(&secret, &users, false).err();
            let endpoint = refusal.map(|error| match error {
                ControlError::NotGenerated { endpoint, .. } => endpoint.to_string(),
                other => panic!("{other}"),
            });
            assert_eq!(endpoint.as_deref(), refused_by, "{modes:?}");
        }
    }
}
