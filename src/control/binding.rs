//! Whether a secret is bound for what uses it.

use jiff::Timestamp;

use super::{Control, ControlError};
use crate::auth::KeyKind;
use crate::directory::{AuthDefinition, Definition};
use crate::secrets::SecretRef;

/// The state of a secret, for an endpoint that uses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a secret is bound, bound as another kind, or not bound"
)]
pub enum Binding {
    /// It is bound since then.
    Bound(Timestamp),
    /// It is bound as a key of another kind, so that every delivery is refused.
    OtherKind(KeyKind),
    /// It is not bound.
    Unbound,
}

impl Binding {
    /// Since when it is bound; `None` if it is not bound, or bound as another kind.
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Self::Bound(at) => Some(at),
            Self::OtherKind(_) | Self::Unbound => None,
        }
    }

    /// Why deliveries are refused; `None` if the secret is usable.
    pub fn complaint(self) -> Option<String> {
        match self {
            Self::Bound(_) => None,
            Self::OtherKind(kind) => Some(format!("bound as {}", kind.noun())),
            Self::Unbound => Some("not bound".to_owned()),
        }
    }

    /// The kind of key that an endpoint needs.
    pub fn needed_kind(definition: &Definition) -> Option<KeyKind> {
        definition.auth.as_ref().and_then(AuthDefinition::key_kind)
    }

    /// The command that gives an endpoint a secret that it can use.
    pub fn remedy(definition: &Definition, secret: &SecretRef) -> String {
        match &definition.flow {
            Some(_) => format!(
                "portcullis secret bind {} {}",
                secret.scope(),
                secret.slot()
            ),
            None if definition.can_generate_secret() => {
                format!("portcullis secret rotate '{secret}'")
            }
            None => format!("portcullis secret set '{secret}'"),
        }
    }
}

impl Control {
    /// The state of `secret`, where a key of the kind `needed` is used.
    pub async fn binding(
        &self,
        secret: &SecretRef,
        needed: Option<KeyKind>,
    ) -> Result<Binding, ControlError> {
        let versions = self.store.versions(secret).await?;
        let current = versions.iter().find(|version| version.ends_at.is_none());
        Ok(match current {
            None => Binding::Unbound,
            Some(version) => match needed {
                Some(needed) if version.kind_for(needed, &versions) != needed => {
                    Binding::OtherKind(version.kind_for(needed, &versions))
                }
                _ => Binding::Bound(version.created_at),
            },
        })
    }

    /// Whether `secret` has a current version, of whatever kind.
    pub(super) async fn is_bound(&self, secret: &SecretRef) -> Result<bool, ControlError> {
        Ok(self.binding(secret, None).await? != Binding::Unbound)
    }
}
