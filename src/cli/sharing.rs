//! Which endpoints may have a secret together.

use super::failure::Failure;
use super::session::Session;
use crate::directory::{Definition, EndpointId};
use crate::handshake::Handshake;

/// Refuses what planned endpoints must not share with others, stored or planned.
pub(super) async fn refuse(session: &Session, planned: &[Definition]) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for definition in planned {
        wrong.extend(used_verify_token(session, planned, definition).await?);
        wrong.extend(signed_elsewhere(session, planned, definition).await?);
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Other(wrong.join("\n")))
    }
}

/// The own secret of a new endpoint must be nobody else's. To share one is possible, and is said.
pub(super) async fn refuse_used_secret(session: &Session, new: &Definition) -> Result<(), Failure> {
    let is_chosen = new.auth.as_ref().is_some_and(|auth| auth.secret.is_some());
    let Some(secret) = new.secret().filter(|_| !is_chosen) else {
        return Ok(());
    };
    match session.custody.store.judged_by(&secret).await? {
        None => Ok(()),
        Some(user) => Err(Failure::Other(format!(
            "`{}`: its own secret `{secret}` is in use by the endpoint `{user}`; choose another one, or \
             say that it is shared (`--secret {secret}`, or `secret = \"{secret}\"`)",
            new.id
        ))),
    }
}

/// A verify token is sent in the open, so no deliveries may be proven with it.
async fn used_verify_token(
    session: &Session,
    planned: &[Definition],
    definition: &Definition,
) -> Result<Option<String>, Failure> {
    let told = |id: &EndpointId, token, user: &EndpointId| {
        format!(
            "`{id}`: its verify token `{token}` is what deliveries to `{user}` are proven with, and \
             would be sent in the open"
        )
    };
    if let Some(token) = definition.verify_token() {
        let stored = session.custody.store.judged_by(&token).await?;
        let planned = planned
            .iter()
            .filter(|it| it.secret().as_ref() == Some(&token));
        let user = planned.map(|it| it.id.clone()).next().or(stored);
        return Ok(user.map(|user| told(&definition.id, token, &user)));
    }
    // The other way round: the chosen secret is a stored endpoint's verify token.
    let Some(secret) = definition.secret() else {
        return Ok(None);
    };
    let owner = session.custody.store.endpoint(secret.scope()).await?;
    let owner = owner.filter(|owner| owner.verify_token().as_ref() == Some(&secret));
    Ok(owner.map(|owner| told(&owner.id, secret, &definition.id)))
}

/// Where a handshake signs what strangers choose, only endpoints that know of it may be judged by the
/// same secret: the others would admit what was signed.
async fn signed_elsewhere(
    session: &Session,
    planned: &[Definition],
    definition: &Definition,
) -> Result<Option<String>, Failure> {
    let Some(secret) = definition.secret() else {
        return Ok(None);
    };
    let own = definition.handshake.as_deref();
    let own_signs = own.is_some_and(signs);
    let clashes = |other: Option<&str>| other != own && (own_signs || other.is_some_and(signs));
    let stored = session
        .custody
        .store
        .sharing(&secret, own, planned.len() + 1);
    let stored = stored.await?.into_iter().filter(|(id, handshake)| {
        clashes(handshake.as_deref()) && !planned.iter().any(|planned| planned.id == *id)
    });
    let planned = planned
        .iter()
        .filter(|other| other.secret().as_ref() == Some(&secret))
        .filter(|other| clashes(other.handshake.as_deref()))
        .map(|other| other.id.clone());
    let other = planned.chain(stored.map(|(id, _)| id)).next();
    Ok(other.map(|other| {
        format!(
            "`{}`: the secret `{secret}` also judges `{other}`, and one of the two has a handshake that \
             signs what strangers send; give them secrets of their own, or both the same handshake",
            definition.id
        )
    }))
}

fn signs(handshake: &str) -> bool {
    Handshake::named(handshake).is_some_and(Handshake::signs)
}
