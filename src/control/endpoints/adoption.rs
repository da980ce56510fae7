//! Whether a flow may take over an existing endpoint. Its senders must reach the endpoint as before.

use crate::control::ControlError;
use crate::directory::{Definition, Name};
use crate::secrets::SecretRef;

/// Why a flow may not take over an endpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptionError {
    /// The flow does not declare an alias of the endpoint.
    #[error(
        "its alias `{0}` would stop working; declare it in the flow, whose aliases apply to the live target, or remove it \
         from the endpoint first"
    )]
    Alias(String),

    /// The flow declares no `auth` for the endpoint.
    #[error("the flow declares no `auth` for it, so every delivery would be refused; declare one")]
    Auth,

    /// The flow declares another `draft_auth`.
    #[error("its `draft_auth` differs from the flow's; set both to the same value first")]
    DraftAuth,

    /// The flow has another owner.
    #[error(
        "it belongs to {}/{}, and the flow belongs to {}/{}",
        endpoint.0, endpoint.1, flow.0, flow.1
    )]
    Owner {
        /// The organisation and the workspace of the endpoint.
        endpoint: Box<(Name, Name)>,
        /// The organisation and the workspace of the flow.
        flow: Box<(Name, Name)>,
    },

    /// Its public key is in a slot of the flow, which a later version could use as a shared secret.
    #[error(
        "{0} is a public key in a slot of the flow, and a public key is known to everybody; keep it for this endpoint, or give \
         the endpoint another secret first"
    )]
    PublicKey(SecretRef),
}

/// An endpoint of a flow stays in the flow. Another endpoint joins a flow only with `adopt`.
pub(super) fn refuse_other_owner(
    old: &Definition,
    new: &Definition,
    adopt: bool,
) -> Result<(), ControlError> {
    if old.flow == new.flow {
        return Ok(());
    }
    let endpoint = new.id.clone();
    match (&old.flow, &new.flow) {
        (None, Some(_)) if adopt => {
            check(old, new).map_err(|error| ControlError::NotAdoptable { endpoint, error })
        }
        (Some(flow), None) => Err(ControlError::EndpointOfFlow {
            endpoint,
            flow: flow.clone(),
        }),
        (_, Some(flow)) => Err(ControlError::EndpointNotOfFlow {
            endpoint,
            flow: flow.clone(),
        }),
        (None, None) => Ok(()),
    }
}

fn check(old: &Definition, new: &Definition) -> Result<(), AdoptionError> {
    let owner = |it: &Definition| Box::new((it.organisation.clone(), it.workspace.clone()));
    if owner(old) != owner(new) {
        return Err(AdoptionError::Owner {
            endpoint: owner(old),
            flow: owner(new),
        });
    }
    if old.auth.is_some() && new.auth.is_none() {
        return Err(AdoptionError::Auth);
    }
    if let Some(alias) = old.aliases.iter().find(|it| !new.aliases.contains(it)) {
        return Err(AdoptionError::Alias(alias.clone()));
    }
    if old.draft_auth != new.draft_auth {
        return Err(AdoptionError::DraftAuth);
    }
    let Some(secret) = old.secret().filter(|_| old.has_public_key()) else {
        return Ok(());
    };
    let target = new.id.as_str().rsplit_once('/').map(|(scope, _)| scope);
    let stays = new.has_public_key() && new.secret().as_ref() == Some(&secret);
    if target == Some(secret.scope()) && !stays {
        return Err(AdoptionError::PublicKey(secret));
    }
    Ok(())
}
