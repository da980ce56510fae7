//! Provider challenges: requests by which a provider checks a URL before it delivers. The gate answers them itself.
//!
//! Some providers have the gate sign a challenge with the key of their deliveries. So a body that could be such a
//! challenge proves no delivery, at whichever endpoint uses the same version of the secret, and also later.

use http::Method;
use jiff::Timestamp;

use super::{Reason, Refusal, Request};
use crate::audit::Actor;
use crate::auth::{Head, ProofError, Verified};
use crate::challenge::{
    Challenge, ChallengeAnswer, ChallengeStep, MAX_BODY_BYTES, ReceivedChallenge,
};
use crate::directory::{Auth, ChallengeConfig, Endpoint};
use crate::outbound::Outbound;
use crate::secrets::{
    ExpectationWindow, KeyAddress, KeyCache, KeyError, Secret, SignedChallenges, VaultError,
};

/// Answers the challenges of an endpoint whose provider sends them.
pub(super) struct ChallengeResponder<'a> {
    pub(super) challenge: &'a ChallengeConfig,
    pub(super) endpoint: &'a Endpoint,
    pub(super) head: Head<'a>,
    pub(super) keys: &'a KeyCache,
    pub(super) outbound: &'a Outbound,
    pub(super) now: Timestamp,
}

/// The answer to a challenge that the head alone makes: that of the endpoint's provider, or the `HEAD` request with
/// which some providers probe a URL.
pub(super) async fn answer_to_head(
    endpoint: &Endpoint,
    request: &Request<'_>,
    responder: Option<&ChallengeResponder<'_>>,
) -> Result<Option<ChallengeAnswer>, Refusal> {
    if let Some(responder) = responder
        && let Some(answer) = responder.answer_head().await?
    {
        return Ok(Some(answer));
    }
    let is_probed = matches!(&endpoint.auth, Auth::Proof(proof) if proof.probed);
    let is_probe = is_probed && *request.method == Method::HEAD;
    Ok(is_probe.then(ChallengeAnswer::empty))
}

/// Refuses a proven delivery whose signature could be one that the gate made for a challenge.
pub(super) fn refuse_possible_challenge(
    endpoint: &Endpoint,
    challenges: Option<&SignedChallenges>,
    verified: &Verified,
    body: &[u8],
) -> Result<(), Refusal> {
    let own = endpoint.challenge.as_ref().map(|it| it.handshake);
    let could_be_own = own.is_some_and(|challenge| challenge.may_sign(body));
    let was_signed_earlier = || {
        let version = verified.version()?;
        let names = challenges?.of(version);
        Some(Challenge::may_have_signed(
            names,
            endpoint.auth.scheme()?,
            body,
        ))
    };
    if could_be_own || was_signed_earlier() == Some(true) {
        return Err(Refusal {
            cause: Some("the body could be a challenge that the gate has signed".to_owned()),
            ..ProofError::SignatureMismatch.into()
        });
    }
    Ok(())
}

impl ChallengeResponder<'_> {
    /// Whether a body of this length could be a challenge that nobody signs.
    pub(super) fn may_be_in_body(&self, announced_len: Option<u64>) -> bool {
        announced_len.is_none_or(|len| len <= MAX_BODY_BYTES)
            && self.challenge.handshake.may_carry_challenge(&self.head)
    }

    async fn answer_head(&self) -> Result<Option<ChallengeAnswer>, Refusal> {
        match self.challenge.handshake.challenge_in_head(&self.head) {
            Some(question) => self.answer(&question, None).await,
            None => Ok(None),
        }
    }

    /// The answer to the challenge in an unproven body; `None` if there is none.
    pub(super) async fn answer_unproven(
        &self,
        body: &[u8],
    ) -> Result<Option<ChallengeAnswer>, Refusal> {
        let challenge = self.challenge.handshake;
        let Some(question) = challenge.challenge_in_body(&self.head, body) else {
            return Ok(None);
        };
        match question.need() {
            ChallengeStep::Nothing => Ok(question.answer(None)),
            ChallengeStep::Binding(value) => self.bind(value, &question).await,
            ChallengeStep::Key | ChallengeStep::VerifyToken(_) | ChallengeStep::Visit(_) => {
                Ok(None)
            }
        }
    }

    /// The answer to the challenge in a proven body; `None` if it is a delivery for the backend.
    pub(super) async fn answer_proven(
        &self,
        verified: &Verified,
        body: &[u8],
    ) -> Result<Option<ChallengeAnswer>, Refusal> {
        match self
            .challenge
            .handshake
            .challenge_when_proven(&self.head, body)
        {
            Some(question) => self.answer(&question, verified.version()).await,
            None => Ok(None),
        }
    }

    /// The answer. If it needs a key, that of `version` makes it, or the current one.
    async fn answer(
        &self,
        question: &ReceivedChallenge<'_>,
        version: Option<u32>,
    ) -> Result<Option<ChallengeAnswer>, Refusal> {
        match question.need() {
            ChallengeStep::Nothing => Ok(question.answer(None)),
            ChallengeStep::Key => {
                let Some(address) = self.key_address() else {
                    return Ok(None);
                };
                let keys = self.keys.keys(address).await?;
                Ok(question.answer(Some(&keys.of_version(version).key)))
            }
            ChallengeStep::VerifyToken(token) => {
                let Some(address) = &self.challenge.verify_token else {
                    return Ok(None);
                };
                let keys = self.keys.keys(address).await?;
                if keys.has_token(token, self.now) {
                    Ok(question.answer(None))
                } else {
                    Err(Refusal {
                        cause: Some(format!("not the verify token {}", address.secret)),
                        ..ProofError::TokenMismatch.into()
                    })
                }
            }
            ChallengeStep::Binding(value) => self.bind(value, question).await,
            ChallengeStep::Visit(url) => {
                self.outbound.confirm(url).await?;
                Ok(question.answer(None))
            }
        }
    }

    /// Stores the secret that the provider sends, if the endpoint has none and its operator has opened a window.
    async fn bind(
        &self,
        value: &[u8],
        question: &ReceivedChallenge<'_>,
    ) -> Result<Option<ChallengeAnswer>, Refusal> {
        let Some(address) = self.key_address() else {
            return Ok(None);
        };
        let (secret, name) = (&address.secret, self.challenge.handshake.name);
        match self.keys.keys(address).await {
            Err(KeyError::Unbound) => {}
            // It goes on as any delivery: whoever has the secret can sign.
            Ok(_) | Err(KeyError::Unusable(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let unexpected = |why: &str| Refusal {
            cause: Some(format!("a challenge of {name}, but {why}")),
            ..Reason::SecretUnbound.into()
        };
        let until = self.challenge.expected_until;
        let Some(until) = until.filter(|until| self.now < *until) else {
            let command = format!("portcullis endpoint expect-handshake {}", self.endpoint.id);
            return Err(unexpected(&format!(
                "none is expected now; expect one with: {command}"
            )));
        };
        let window = ExpectationWindow {
            endpoint: self.endpoint.id.to_string(),
            until,
        };
        let actor = Actor::Provider {
            name: name.to_owned(),
            endpoint: self.endpoint.id.to_string(),
        };
        let value = Secret::new(value.to_vec());
        match self.keys.bind(secret, &value, &window, &actor).await {
            Ok(_) => Ok(question.answer(None)),
            Err(
                VaultError::Bound(_)
                | VaultError::Changed(_)
                | VaultError::Empty
                | VaultError::Unbound(_),
            ) => Err(unexpected(
                "another one was first, or its window has closed",
            )),
            Err(VaultError::Died(cause)) => {
                Err(Refusal::with_cause(Reason::SecretsUnavailable, cause))
            }
            Err(VaultError::Service(error)) => Err(KeyError::Service(error).into()),
            Err(VaultError::Store(error)) => Err(KeyError::Store(error).into()),
        }
    }

    fn key_address(&self) -> Option<&KeyAddress> {
        match &self.endpoint.auth {
            Auth::Proof(proof) => proof.key.as_ref(),
            Auth::Missing | Auth::Unauthenticated => None,
        }
    }
}
