//! The provider challenge of an endpoint: its verify token, and the window in which it may set the secret.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::EndpointPlan;
use crate::audit::Action;
use crate::challenge::Challenge;
use crate::control::{Control, ControlError};
use crate::directory::{Definition, EndpointId, OperatorChange};
use crate::secrets::SecretRef;

/// The plan that opens the window in which a challenge may set the secret of an endpoint.
#[derive(Debug)]
pub struct ExpectedChallenge {
    /// The plan for the endpoint.
    pub plan: EndpointPlan,
    /// The challenge.
    pub challenge: &'static Challenge,
    /// The end of the window.
    pub until: Timestamp,
}

/// The state of an endpoint's challenge.
#[derive(Default, Serialize)]
pub struct ChallengeStatus {
    /// The address of the verify token, if the provider sends one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_token: Option<SecretRef>,
    /// Whether the verify token is bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_token_bound: Option<bool>,
    /// The time at which a challenge set the current secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_from_handshake_at: Option<Timestamp>,
    /// The end of the window in which a challenge may set the secret.
    #[serde(skip)]
    pub expected_until: Option<Timestamp>,
}

impl Control {
    /// Plans that the challenge of an endpoint may set its secret for the time `window`.
    ///
    /// A bound secret is never replaced.
    pub async fn expected_challenge(
        &self,
        id: &EndpointId,
        window: SignedDuration,
    ) -> Result<ExpectedChallenge, ControlError> {
        let definition = self.endpoint(id).await?;
        let challenge = definition.handshake.as_deref().and_then(Challenge::named);
        let (challenge, secret) = match (challenge, definition.secret()) {
            (Some(challenge), Some(secret)) if challenge.binds_secret() => (challenge, secret),
            _ => return Err(ControlError::ChallengeWithoutSecret(id.clone())),
        };
        if self.is_bound(&secret).await? {
            return Err(ControlError::ChallengeSecretBound {
                endpoint: id.clone(),
                secret,
            });
        }
        let until = self.clock.now().checked_add(window);
        let until = until.unwrap_or(Timestamp::MAX);
        let operation = OperatorChange::ExpectChallenge(until);
        Ok(ExpectedChallenge {
            plan: EndpointPlan::of_operation(id.clone(), operation),
            challenge,
            until,
        })
    }

    /// The state of an endpoint's challenge.
    pub async fn challenge_status(
        &self,
        definition: &Definition,
    ) -> Result<ChallengeStatus, ControlError> {
        let verify_token = definition.verify_token();
        let verify_token_bound = match &verify_token {
            None => None,
            Some(token) => Some(self.is_bound(token).await?),
        };
        let challenge = definition.handshake.as_deref().and_then(Challenge::named);
        let secret = definition
            .secret()
            .filter(|_| challenge.is_some_and(Challenge::binds_secret));
        let secret_from_handshake_at = match secret {
            None => None,
            Some(secret) => self.set_by_challenge_at(&secret).await?,
        };
        let now = self.clock.now();
        Ok(ChallengeStatus {
            verify_token,
            verify_token_bound,
            secret_from_handshake_at,
            expected_until: definition.handshake_expected_until.filter(|at| now < *at),
        })
    }

    /// The time at which a challenge set the current version of a secret; `None` if an operator set it.
    async fn set_by_challenge_at(
        &self,
        secret: &SecretRef,
    ) -> Result<Option<Timestamp>, ControlError> {
        let versions = self.store.versions(secret).await?;
        let Some(current) = versions.iter().find(|version| version.ends_at.is_none()) else {
            return Ok(None);
        };
        let detail = format!("version {}", current.version);
        let subject = secret.to_string();
        let line = self.store.last(Action::SecretBound, &subject).await?;
        let line = line.filter(|line| line.detail == detail);
        Ok(line.map(|line| line.at))
    }
}
