//! Whether a secret is bound for what uses it.

use jiff::Timestamp;

use super::failure::Failure;
use super::session::Session;
use crate::auth::KeyKind;
use crate::directory::{AuthDefinition, Definition};
use crate::secrets::SecretRef;

/// The state of a secret, for an endpoint that uses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Binding {
    /// It is bound, since then.
    Bound(Timestamp),
    /// It is bound as a key of another kind, so that every delivery is refused.
    OtherKind(KeyKind),
    /// It is not bound.
    Unbound,
}

impl Binding {
    /// The state of `secret`, where a key of `needed` is used.
    pub(super) async fn of(
        session: &Session,
        secret: &SecretRef,
        needed: Option<KeyKind>,
    ) -> Result<Self, Failure> {
        let versions = session.custody.store.versions(secret).await?;
        let current = versions.iter().find(|version| version.ends_at.is_none());
        Ok(match current {
            None => Self::Unbound,
            Some(version) => match needed {
                Some(needed) if version.kind_for(needed, &versions) != needed => {
                    Self::OtherKind(version.kind_for(needed, &versions))
                }
                _ => Self::Bound(version.created_at),
            },
        })
    }

    /// Since when it is bound; `None` if it is not, or as something else.
    pub(super) fn since(self) -> Option<Timestamp> {
        match self {
            Self::Bound(at) => Some(at),
            Self::OtherKind(_) | Self::Unbound => None,
        }
    }

    /// What is wrong with it, if anything is.
    pub(super) fn complaint(self) -> Option<String> {
        match self {
            Self::Bound(_) => None,
            Self::OtherKind(kind) => Some(format!("bound as {}", kind.noun())),
            Self::Unbound => Some("not bound".to_owned()),
        }
    }
}

/// The kind of key that an endpoint needs.
pub(super) fn needed(definition: &Definition) -> Option<KeyKind> {
    definition.auth.as_ref().and_then(AuthDefinition::key_kind)
}

/// The command that gives an endpoint a secret that it can use.
pub(super) fn remedy(definition: &Definition, secret: &SecretRef) -> String {
    let slot = definition.flow.as_ref().map(|_| secret);
    match slot {
        Some(secret) => format!(
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
