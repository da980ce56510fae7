//! Whether an endpoint that stands for itself may become a part of a flow, and stays one.

use crate::control::ControlError;
use crate::directory::{Definition, Name};
use crate::secrets::SecretRef;

/// Why an endpoint may not become a part of a flow. Its senders have to reach it as before.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptionError {
    /// One of its aliases would lead nowhere.
    #[error(
        "its alias `{0}` would lead nowhere; declare it in the flow, which has aliases where it is live, or take it \
         from the endpoint first"
    )]
    Alias(String),

    /// The flow declares no proof for it.
    #[error("the flow says no `auth` for it, so every delivery would be refused")]
    Auth,

    /// The flow says something else about who may deliver to the draft.
    #[error(
        "its `draft_auth`, which says who may deliver to it, is not that of the flow; say the same in both first"
    )]
    DraftAuth,

    /// The flow belongs to somebody else.
    #[error(
        "it belongs to {}/{}, and the flow belongs to {}/{}",
        endpoint.0, endpoint.1, flow.0, flow.1
    )]
    Owner {
        /// The organisation and the workspace of the endpoint.
        endpoint: Box<(Name, Name)>,
        /// Those of the flow.
        flow: Box<(Name, Name)>,
    },

    /// Its public key is in a slot of the flow, where a later version could take it for a shared secret.
    #[error(
        "{0} is a public key, which everybody has, in a slot of the flow; keep it as that of this endpoint, or give \
         the endpoint another one first"
    )]
    PublicKey(SecretRef),
}

/// A part of a flow stays one, and nothing else becomes one unless somebody says so.
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
