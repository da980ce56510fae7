//! Whether a secret is bound with the kind of key that its endpoint needs.

use jiff::Timestamp;

use super::{Control, ControlError};
use crate::auth::KeyKind;
use crate::directory::{AuthDefinition, Definition};
use crate::secrets::SecretRef;

/// The state of a secret for an endpoint that uses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a secret is bound, bound as another kind, or not bound"
)]
pub enum Binding {
    /// The secret is bound since that time.
    Bound(Timestamp),
    /// The secret is bound as another kind of key, so every delivery is refused.
    OtherKind(KeyKind),
    /// The secret is not bound, so every delivery is refused.
    Unbound,
}

impl Binding {
    /// The time of the binding; `None` if the secret is not usable.
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Self::Bound(at) => Some(at),
            Self::OtherKind(_) | Self::Unbound => None,
        }
    }

    /// The fault in words; `None` if the secret is usable.
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

    /// The command that gives the endpoint a usable secret.
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
    /// The state of `secret` for an endpoint that needs a key of the kind `needed`.
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

    /// Whether `secret` has a current version of any kind.
    pub(super) async fn is_bound(&self, secret: &SecretRef) -> Result<bool, ControlError> {
        Ok(self.binding(secret, None).await? != Binding::Unbound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Mode;

    #[test]
    fn the_remedy_is_the_command_that_can_bind_the_secret() {
        let rotate = "portcullis secret rotate 'keys#main'";
        let set = "portcullis secret set 'keys#main'";
        let bind = "portcullis secret bind keys main";
        for (mode, preset, flow, expected) in [
            (Mode::Hmac, None, None, rotate),
            (Mode::Secret, None, None, rotate),
            (Mode::Provider, Some("github"), None, rotate),
            // Only the provider issues the secret or the public key.
            (Mode::Provider, Some("stripe"), None, set),
            (Mode::Provider, Some("telnyx"), None, set),
            (Mode::Hmac, None, Some("pr-bot"), bind),
            (Mode::Provider, Some("telnyx"), Some("pr-bot"), bind),
        ] {
            let name = |text: &str| text.parse().unwrap();
            let id = "workflows/a".parse().unwrap();
            let mut definition = Definition::new(id, name("acme"), name("main"), "b".to_owned());
            let mut auth = AuthDefinition::of(mode);
            auth.preset = preset.map(str::to_owned);
            definition.auth = Some(auth);
            definition.flow = flow.map(name);
            let secret = "keys#main".parse().unwrap();
            let remedy = Binding::remedy(&definition, &secret);
            assert_eq!(remedy, expected, "{mode} {preset:?} {flow:?}");
        }
    }

    #[test]
    fn only_a_usable_secret_has_no_complaint() {
        for (binding, complaint) in [
            (Binding::Bound(Timestamp::UNIX_EPOCH), None),
            (
                Binding::OtherKind(KeyKind::Token),
                Some("bound as a token, which is sent with each delivery"),
            ),
            (Binding::Unbound, Some("not bound")),
        ] {
            assert_eq!(binding.complaint().as_deref(), complaint);
            assert_eq!(binding.since().is_some(), complaint.is_none());
        }
    }
}
