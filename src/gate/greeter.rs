//! Handshakes of an endpoint: what a provider asks before it delivers, answered here and not passed on.

use http::Method;
use jiff::Timestamp;

use super::{Reason, Refusal, Request};
use crate::audit::Actor;
use crate::auth::{Head, ProofError, Verified};
use crate::directory::{Auth, Endpoint, Greeting};
use crate::handshake::{Answer, Asked, MAX_BODY_BYTES, Need};
use crate::outbound::Outbound;
use crate::secrets::{KeyAddress, KeyCache, KeyError, Secret, VaultError, Window};

/// Answers for an endpoint that has a handshake.
pub(super) struct Greeter<'a> {
    pub(super) greeting: &'a Greeting,
    pub(super) endpoint: &'a Endpoint,
    pub(super) head: Head<'a>,
    pub(super) keys: &'a KeyCache,
    pub(super) outbound: &'a Outbound,
    pub(super) now: Timestamp,
}

/// The answer to what the head alone asks, if it does: of the endpoint's handshake, or with the `HEAD` with which
/// its sender looks for the URL.
pub(super) async fn answer_to_head(
    endpoint: &Endpoint,
    request: &Request<'_>,
    greeter: Option<&Greeter<'_>>,
) -> Result<Option<Answer>, Refusal> {
    if let Some(greeter) = greeter
        && let Some(answer) = greeter.by_head().await?
    {
        return Ok(Some(answer));
    }
    let is_probed = matches!(&endpoint.auth, Auth::Proof(proof) if proof.probed);
    let is_probe = is_probed && *request.method == Method::HEAD;
    Ok(is_probe.then(Answer::empty))
}

impl Greeter<'_> {
    /// The answer to what the head alone asks, if it does.
    async fn by_head(&self) -> Result<Option<Answer>, Refusal> {
        match self.greeting.handshake.asked_by_head(&self.head) {
            Some(asked) => self.answer(&asked, None).await,
            None => Ok(None),
        }
    }

    /// Whether a body of such a length could ask something though nothing proves it.
    pub(super) fn may_ask_by_body(&self, announced_len: Option<u64>) -> bool {
        announced_len.is_none_or(|len| len <= MAX_BODY_BYTES)
            && self.greeting.handshake.may_ask_by_body(&self.head)
    }

    /// The answer to what an unproven body asks.
    pub(super) async fn by_body(&self, body: &[u8]) -> Result<Option<Answer>, Refusal> {
        let Some(asked) = self.greeting.handshake.asked_by_body(&self.head, body) else {
            return Ok(None);
        };
        match asked.need() {
            Need::Nothing => Ok(asked.answer(None)),
            Need::Binding(value) => self.bind(value, &asked).await,
            Need::Key | Need::VerifyToken(_) | Need::Visit(_) => Ok(None),
        }
    }

    /// The answer to what a proven delivery asks; `None` if it is one for the backend.
    pub(super) async fn when_proven(
        &self,
        verified: &Verified,
        body: &[u8],
    ) -> Result<Option<Answer>, Refusal> {
        match self.greeting.handshake.asked_when_proven(&self.head, body) {
            Some(asked) => self.answer(&asked, verified.version()).await,
            None => Ok(None),
        }
    }

    /// The answer, made with the key of `version` if it needs one, or with the current one.
    async fn answer(
        &self,
        asked: &Asked<'_>,
        version: Option<u32>,
    ) -> Result<Option<Answer>, Refusal> {
        match asked.need() {
            Need::Nothing => Ok(asked.answer(None)),
            Need::Key => {
                let Some(address) = self.address() else {
                    return Ok(None);
                };
                let keys = self.keys.keys(address).await?;
                Ok(asked.answer(Some(&keys.of_version(version).key)))
            }
            Need::VerifyToken(token) => {
                let Some(address) = &self.greeting.verify_token else {
                    return Ok(None);
                };
                let keys = self.keys.keys(address).await?;
                if keys.has_token(token, self.now) {
                    Ok(asked.answer(None))
                } else {
                    Err(Refusal {
                        cause: Some(format!("not the verify token {}", address.secret)),
                        ..ProofError::TokenMismatch.into()
                    })
                }
            }
            Need::Binding(value) => self.bind(value, asked).await,
            Need::Visit(url) => {
                self.outbound.confirm(url).await?;
                Ok(asked.answer(None))
            }
        }
    }

    /// Takes the provider's secret over, if the endpoint has none and its operator is expecting it.
    async fn bind(&self, value: &[u8], asked: &Asked<'_>) -> Result<Option<Answer>, Refusal> {
        let Some(address) = self.address() else {
            return Ok(None);
        };
        let (secret, name) = (&address.secret, self.greeting.handshake.name);
        match self.keys.keys(address).await {
            Err(KeyError::Unbound) => {}
            // It goes on as any delivery: whoever has the secret can sign.
            Ok(_) | Err(KeyError::Unusable(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let unexpected = |why: &str| Refusal {
            cause: Some(format!("a handshake of {name}, but {why}")),
            ..Reason::SecretUnbound.into()
        };
        let until = self.greeting.expected_until;
        let Some(until) = until.filter(|until| self.now < *until) else {
            let command = format!("portcullis endpoint expect-handshake {}", self.endpoint.id);
            return Err(unexpected(&format!("none is expected now: `{command}`")));
        };
        let window = Window {
            endpoint: self.endpoint.id.to_string(),
            until,
        };
        let actor = Actor {
            name: name.to_owned(),
            origin: format!("handshake@{}", self.endpoint.id),
        };
        let value = Secret::new(value.to_vec());
        match self.keys.bind(secret, &value, &window, &actor).await {
            Ok(_) => Ok(asked.answer(None)),
            Err(VaultError::Bound(_) | VaultError::Empty | VaultError::Unbound(_)) => Err(
                unexpected("another one was first, or the window was closed"),
            ),
            Err(VaultError::Died(cause)) => {
                Err(Refusal::with_cause(Reason::SecretsUnavailable, cause))
            }
            Err(VaultError::Service(error)) => Err(KeyError::Service(error).into()),
            Err(VaultError::Store(error)) => Err(KeyError::Store(error).into()),
        }
    }

    /// Where the endpoint's own key is.
    fn address(&self) -> Option<&KeyAddress> {
        match &self.endpoint.auth {
            Auth::Proof(proof) => proof.key.as_ref(),
            Auth::Missing | Auth::Unauthenticated => None,
        }
    }
}
