//! The rules about endpoints that share a secret.

use std::collections::BTreeMap;

use crate::auth::KeyKind;
use crate::challenge::Challenge;
use crate::control::{Binding, Control, ControlError, PublicKeyConflict};
use crate::directory::{Definition, EndpointDeclaration, EndpointId, HANDSHAKE_SLOT};
use crate::secrets::SecretRef;

/// The planned definitions by their secret.
type PlannedBySecret<'d> = BTreeMap<SecretRef, Vec<&'d Definition>>;

impl Control {
    /// Refuses planned endpoints whose secret must not be shared with another stored or planned endpoint.
    pub(super) async fn refuse_sharing(
        &self,
        declared: &[EndpointDeclaration],
    ) -> Result<(), ControlError> {
        let mut planned = PlannedBySecret::new();
        for EndpointDeclaration { definition, .. } in declared {
            if let Some(secret) = definition.secret() {
                planned.entry(secret).or_default().push(definition);
            }
        }
        let mut errors = Vec::new();
        // A list, because a future with an iterator of the map cannot move to another thread.
        let by_secret: Vec<(&SecretRef, &Vec<&Definition>)> = planned.iter().collect();
        for (secret, users) in by_secret {
            errors.extend(self.public_key_of_other(secret, users).await?);
        }
        for EndpointDeclaration { definition, place } in declared {
            let error = self.used_verify_token(&planned, definition).await?;
            errors.extend(error.map(|error| error.at(place.clone())));
            let error = self.signed_elsewhere(&planned, definition).await?;
            errors.extend(error.map(|error| error.at(place.clone())));
        }
        ControlError::of_all(errors)
    }

    /// Refuses a new endpoint whose default secret another endpoint uses. Sharing must be declared.
    pub(super) async fn refuse_used_secret(&self, new: &Definition) -> Result<(), ControlError> {
        let is_chosen = new.auth.as_ref().is_some_and(|auth| auth.secret.is_some());
        let Some(secret) = new.secret().filter(|_| !is_chosen) else {
            return Ok(());
        };
        match self.store.endpoint_using(&secret).await? {
            None => Ok(()),
            Some(user) => Err(ControlError::SecretInUse {
                endpoint: new.id.clone(),
                secret,
                user,
            }),
        }
    }

    /// Refuses a public key as a shared secret, because everybody knows it. The gate refuses it for each delivery by the
    /// bound kind of the version. This check reports it earlier.
    pub(super) async fn refuse_public_key(&self, new: &Definition) -> Result<(), ControlError> {
        let Some(secret) = new.secret() else {
            return Ok(());
        };
        let binding = self.binding(&secret, Binding::needed_kind(new)).await?;
        if binding != Binding::OtherKind(KeyKind::Public) {
            return Ok(());
        }
        Err(ControlError::PublicKey {
            secret,
            conflict: PublicKeyConflict::Own(new.id.clone()),
        })
    }

    /// Refuses a shared secret that another endpoint uses as the public key of its sender.
    async fn public_key_of_other(
        &self,
        secret: &SecretRef,
        users: &[&Definition],
    ) -> Result<Option<ControlError>, ControlError> {
        let Some(shared) = users.iter().find(|user| !user.has_public_key()) else {
            return Ok(None);
        };
        let planned = users.iter().find(|user| user.has_public_key());
        if planned.is_none() && !self.is_bound(secret).await? {
            return Ok(None);
        }
        let owner = match planned {
            Some(owner) => Some(owner.id.clone()),
            None => match self.store.endpoint_using(secret).await? {
                Some(id) if users.iter().all(|user| user.id != id) => {
                    let stored = self.store.endpoint(id.as_str()).await?;
                    stored.filter(Definition::has_public_key).map(|it| it.id)
                }
                _ => None,
            },
        };
        Ok(owner.map(|owner| ControlError::PublicKey {
            secret: secret.clone(),
            conflict: PublicKeyConflict::Other {
                endpoint: shared.id.clone(),
                owner,
            },
        }))
    }

    /// Refuses a verify token as a secret of deliveries, because the provider sends it unencrypted in a URL.
    async fn used_verify_token(
        &self,
        planned: &PlannedBySecret<'_>,
        definition: &Definition,
    ) -> Result<Option<ControlError>, ControlError> {
        let (owner, token, user) = if let Some(token) = definition.verify_token() {
            let user = planned.get(&token).and_then(|users| users.first());
            let user = match user {
                Some(user) => Some(user.id.clone()),
                None => self.store.endpoint_using(&token).await?,
            };
            (Some(definition.id.clone()), token, user)
        } else if let Some(secret) = definition
            .secret()
            .filter(|secret| secret.slot() == HANDSHAKE_SLOT)
        {
            // The reverse case: the secret is the verify token of a stored endpoint.
            let owner = self.store.endpoint(secret.scope()).await?;
            let owner = owner.filter(|owner| owner.verify_token().as_ref() == Some(&secret));
            let user = Some(definition.id.clone());
            (owner.map(|owner| owner.id), secret, user)
        } else {
            return Ok(None);
        };
        Ok(owner
            .zip(user)
            .map(|(endpoint, user)| ControlError::VerifyTokenInUse {
                endpoint,
                token,
                user,
            }))
    }

    /// Refuses to share the secret of a challenge that signs text from unauthenticated senders, except among endpoints
    /// with the same challenge. Another endpoint would admit the signed text as a delivery.
    async fn signed_elsewhere(
        &self,
        planned: &PlannedBySecret<'_>,
        definition: &Definition,
    ) -> Result<Option<ControlError>, ControlError> {
        let Some(secret) = definition.secret() else {
            return Ok(None);
        };
        let planned_users = planned.get(&secret).map_or(&[][..], Vec::as_slice);
        let own = definition.handshake.as_deref();
        let clashes =
            |other: Option<&str>| other != own && [own, other].into_iter().flatten().any(signs);
        let mut others = planned_users.iter();
        let other = others.find(|other| clashes(other.handshake.as_deref()));
        let other = if let Some(other) = other {
            Some(other.id.clone())
        } else {
            let signing = Challenge::all().iter().filter(|it| it.signs());
            let signing: Vec<&str> = signing.map(|it| it.name).collect();
            let (handshakes, among) = match own.filter(|own| signs(own)) {
                Some(own) => (vec![own], false),
                None => (signing, true),
            };
            // The planned users are checked above. With one more result, at least one is a stored endpoint.
            let limit = planned_users.len() + 1;
            let stored = self.store.sharing(&secret, &handshakes, among, limit);
            let is_planned = |id: &EndpointId| planned_users.iter().any(|user| user.id == *id);
            stored.await?.into_iter().find(|id| !is_planned(id))
        };
        Ok(other.map(|other| ControlError::SecretSignsChallenges {
            endpoint: definition.id.clone(),
            secret,
            other,
        }))
    }
}

fn signs(handshake: &str) -> bool {
    Challenge::named(handshake).is_some_and(Challenge::signs)
}
