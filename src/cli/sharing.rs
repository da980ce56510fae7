//! Which endpoints may have a secret together.

use std::collections::BTreeMap;

use super::binding::{Binding, needed};
use super::failure::Failure;
use super::session::Session;
use crate::auth::KeyKind;
use crate::directory::{Definition, EndpointId, HANDSHAKE_SLOT};
use crate::handshake::Handshake;
use crate::secrets::SecretRef;

/// Refuses what planned endpoints must not share with others, stored or planned.
pub(super) async fn refuse(session: &Session, planned: &[Definition]) -> Result<(), Failure> {
    let mut planned_by_secret = Planned::new();
    for definition in planned {
        if let Some(secret) = definition.secret() {
            planned_by_secret
                .entry(secret)
                .or_default()
                .push(definition);
        }
    }
    let mut wrong = Vec::new();
    for (secret, users) in &planned_by_secret {
        wrong.extend(published(session, secret, users).await?);
    }
    for definition in planned {
        wrong.extend(used_verify_token(session, &planned_by_secret, definition).await?);
        wrong.extend(signed_elsewhere(session, &planned_by_secret, definition).await?);
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Other(wrong.join("\n")))
    }
}

/// What is planned, by the secret that judges it.
type Planned<'d> = BTreeMap<SecretRef, Vec<&'d Definition>>;

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

/// A public key must not become a shared secret: everybody has it. The gate refuses it by what the version was bound
/// as; this says so before.
pub(super) async fn refuse_public_key(session: &Session, new: &Definition) -> Result<(), Failure> {
    let Some(secret) = new.secret() else {
        return Ok(());
    };
    let binding = Binding::of(session, &secret, needed(new)).await?;
    if binding != Binding::OtherKind(KeyKind::Public) {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "`{}`: its secret `{secret}` is a public key so far, which everybody has; choose another slot for \
         the shared secret (`--secret`, or `secret = \"…\"`)",
        new.id
    )))
}

/// The same of endpoints beside each other: one must not take for a shared secret what another one has as
/// the public key of its sender.
async fn published(
    session: &Session,
    secret: &SecretRef,
    users: &[&Definition],
) -> Result<Option<String>, Failure> {
    let Some(shared) = users.iter().find(|user| !user.has_public_key()) else {
        return Ok(None);
    };
    let planned = users.iter().find(|user| user.has_public_key());
    if planned.is_none() && !session.custody.vault().is_bound(secret).await? {
        return Ok(None);
    }
    let other = match planned {
        Some(other) => Some(other.id.clone()),
        None => match session.custody.store.judged_by(secret).await? {
            Some(id) if users.iter().all(|user| user.id != id) => {
                let stored = session.custody.store.endpoint(id.as_str()).await?;
                stored.filter(Definition::has_public_key).map(|it| it.id)
            }
            _ => None,
        },
    };
    let id = &shared.id;
    Ok(other.map(|other| format!(
        "`{id}`: the secret `{secret}` is the public key of `{other}`, which everybody has; it needs another slot"
    )))
}

/// A verify token is sent in the open, so no deliveries may be proven with it.
async fn used_verify_token(
    session: &Session,
    planned: &Planned<'_>,
    definition: &Definition,
) -> Result<Option<String>, Failure> {
    let store = &session.custody.store;
    let (owner, token, user) = if let Some(token) = definition.verify_token() {
        let user = planned.get(&token).and_then(|users| users.first());
        let user = match user {
            Some(user) => Some(user.id.clone()),
            None => store.judged_by(&token).await?,
        };
        (Some(definition.id.clone()), token, user)
    } else if let Some(secret) = definition
        .secret()
        .filter(|secret| secret.slot() == HANDSHAKE_SLOT)
    {
        // The other way round: it is the verify token of an endpoint that is stored.
        let owner = store.endpoint(secret.scope()).await?;
        let owner = owner.filter(|owner| owner.verify_token().as_ref() == Some(&secret));
        let user = Some(definition.id.clone());
        (owner.map(|owner| owner.id), secret, user)
    } else {
        return Ok(None);
    };
    Ok(owner.zip(user).map(|(owner, user)| {
        format!(
            "`{owner}`: its verify token `{token}` is what deliveries to `{user}` are proven with, and \
             would be sent in the open"
        )
    }))
}

/// Where a handshake signs what strangers choose, only endpoints that know of it may be judged by the
/// same secret: the others would admit what was signed.
async fn signed_elsewhere(
    session: &Session,
    planned: &Planned<'_>,
    definition: &Definition,
) -> Result<Option<String>, Failure> {
    let Some(secret) = definition.secret() else {
        return Ok(None);
    };
    let sharers = planned.get(&secret).map_or(&[][..], Vec::as_slice);
    let own = definition.handshake.as_deref();
    let clashes =
        |other: Option<&str>| other != own && [own, other].into_iter().flatten().any(signs);
    let mut others = sharers.iter();
    let other = others.find(|other| clashes(other.handshake.as_deref()));
    let other = if let Some(other) = other {
        Some(other.id.clone())
    } else {
        let signing = Handshake::all().iter().filter(|it| it.signs());
        let signing: Vec<&str> = signing.map(|it| it.name).collect();
        let (handshakes, among) = match own.filter(|own| signs(own)) {
            Some(own) => (vec![own], false),
            None => (signing, true),
        };
        // What is planned as well was looked at; one more than that is somebody else.
        let limit = sharers.len() + 1;
        let store = &session.custody.store;
        let stored = store.sharing(&secret, &handshakes, among, limit).await?;
        let is_planned = |id: &EndpointId| sharers.iter().any(|sharer| sharer.id == *id);
        stored.into_iter().find(|id| !is_planned(id))
    };
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
