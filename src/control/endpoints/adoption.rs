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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Mode;
    use crate::directory::{AuthDefinition, DraftAuth};

    const FLOW: &str = "pr-bot";

    /// The endpoint of an interface, in the flow or not.
    fn endpoint(flow: Option<&str>) -> Definition {
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let id = "flows/pr-bot/live/hook".parse().unwrap();
        let mut definition = Definition::new(id, name("acme"), name("main"), "backend".to_owned());
        definition.flow = flow.map(name);
        definition
    }

    fn word(result: Result<(), ControlError>) -> &'static str {
        result.map_or_else(|error| error.word(), |()| "ok")
    }

    #[test]
    fn an_endpoint_joins_a_flow_only_by_adoption_and_never_leaves_it() {
        for (old, new, adopt, expected) in [
            (None, None, false, "ok"),
            (Some(FLOW), Some(FLOW), false, "ok"),
            (None, Some(FLOW), true, "ok"),
            (None, Some(FLOW), false, "endpoint_not_of_flow"),
            (Some(FLOW), None, true, "endpoint_of_flow"),
            (Some("other"), Some(FLOW), true, "endpoint_not_of_flow"),
            (Some("other"), Some(FLOW), false, "endpoint_not_of_flow"),
        ] {
            let result = refuse_other_owner(&endpoint(old), &endpoint(new), adopt);
            assert_eq!(word(result), expected, "{old:?} {new:?} {adopt}");
        }
    }

    /// A change of a definition in a case.
    type Edit = fn(&mut Definition);

    #[test]
    fn the_senders_of_an_adopted_endpoint_reach_it_as_before() {
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let owner = |workspace: &str| Box::new((name("acme"), name(workspace)));
        let own_slot = || -> SecretRef { "flows/pr-bot/live#key".parse().unwrap() };
        let public_key: Edit = |it| {
            let mut auth = AuthDefinition::of(Mode::Provider);
            auth.preset = Some("telnyx".to_owned());
            auth.secret = "flows/pr-bot/live#key".parse().ok();
            it.auth = Some(auth);
        };
        let public_key_elsewhere: Edit = |it| {
            let mut auth = AuthDefinition::of(Mode::Provider);
            auth.preset = Some("telnyx".to_owned());
            auth.secret = "keys#telnyx".parse().ok();
            it.auth = Some(auth);
        };
        let hmac: Edit = |it| it.auth = Some(AuthDefinition::of(Mode::Hmac));
        let alias: Edit = |it| it.aliases.push("/hook".to_owned());
        let two_aliases: Edit = |it| it.aliases = vec!["/new".to_owned(), "/hook".to_owned()];
        let draft_auth: Edit = |it| it.draft_auth = Some(DraftAuth::Both);
        let other_workspace: Edit = |it| it.workspace = "other".parse().unwrap();
        let nothing: Edit = |_| {};
        let cases: [(Edit, Edit, Result<(), AdoptionError>); 12] = [
            (nothing, nothing, Ok(())),
            (nothing, hmac, Ok(())),
            (hmac, hmac, Ok(())),
            (hmac, nothing, Err(AdoptionError::Auth)),
            (alias, two_aliases, Ok(())),
            (
                alias,
                nothing,
                Err(AdoptionError::Alias("/hook".to_owned())),
            ),
            (draft_auth, draft_auth, Ok(())),
            (draft_auth, nothing, Err(AdoptionError::DraftAuth)),
            (
                other_workspace,
                nothing,
                Err(AdoptionError::Owner {
                    endpoint: owner("other"),
                    flow: owner("main"),
                }),
            ),
            (public_key, public_key, Ok(())),
            // A later version could use the slot as a shared secret.
            (public_key, hmac, Err(AdoptionError::PublicKey(own_slot()))),
            (public_key_elsewhere, hmac, Ok(())),
        ];
        for (case, (edit_old, edit_new, expected)) in cases.into_iter().enumerate() {
            let (mut old, mut new) = (endpoint(None), endpoint(Some(FLOW)));
            edit_old(&mut old);
            edit_new(&mut new);
            assert_eq!(check(&old, &new), expected, "case {case}");
        }
    }
}
