//! The decision itself, from top to bottom.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::receive::{BodyRules, receive};
use super::{Admitted, Body, BodySource, Budget, Reason, Refusal, Request};
use crate::auth::{Begun, Claim, Scheme, Verification};
use crate::clock::{Clock, Stopwatch};
use crate::directory::{Auth, Directory, Endpoint, Found, Proof};
use crate::secrets::KeyCache;

/// Judges deliveries.
pub struct Gate {
    settings: GateSettings,
    directory: Arc<Directory>,
    keys: Arc<KeyCache>,
    budget: Arc<Budget>,
    clock: Arc<dyn Clock>,
}

impl Gate {
    /// A gate over a directory and its keys.
    pub fn new(
        settings: GateSettings,
        directory: Arc<Directory>,
        keys: Arc<KeyCache>,
        budget: Arc<Budget>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            settings,
            directory,
            keys,
            budget,
            clock,
        }
    }

    /// Judges one delivery.
    pub async fn judge(&self, request: &Request<'_>, body: &mut impl BodySource) -> Judgement {
        let mut notes = Notes {
            found: None,
            timings: Timings::default(),
            body_received: body.announced_len() == Some(0),
            body_bytes: None,
            refused_body: None,
        };
        let verdict = self.admit(request, body, &mut notes).await;
        Judgement {
            found: notes.found,
            timings: notes.timings,
            body_received: notes.body_received,
            body_bytes: notes.body_bytes,
            refused_body: notes.refused_body,
            verdict,
        }
    }

    /// The straight line. Nothing here reads the notes.
    async fn admit(
        &self,
        request: &Request<'_>,
        body: &mut impl BodySource,
        notes: &mut Notes,
    ) -> Result<Admitted, Refusal> {
        let found = self.directory.find(request.path).await?;
        let endpoint = Arc::clone(&notes.found.insert(found).endpoint);
        let claim = self.claim(&endpoint, request)?;
        let rules = self.rules(&endpoint, request);
        if let Some(announced) = body.announced_len().filter(|len| *len > rules.limit_bytes) {
            return Err(Refusal {
                cause: Some(format!("{announced} bytes were announced")),
                ..Refusal::too_large(rules.limit_bytes)
            });
        }
        let mut begun = self.begin(claim).await?;

        let receiving = Stopwatch::start();
        let streaming = match &mut begun {
            Begun::Proven(_) => None,
            Begun::Streaming(verification) => Some(verification),
        };
        let body = receive(body, rules, &self.budget, streaming).await?;
        notes.body_received = true;
        notes.body_bytes = Some(body.len() as u64);
        notes.timings.receive = Some(receiving.elapsed());

        let verifying = Stopwatch::start();
        let verified = match begun {
            Begun::Proven(verified) => Ok(verified),
            Begun::Streaming(verification) => verification.finish(body.bytes()),
        };
        notes.timings.verify = Some(verifying.elapsed());
        match verified {
            Ok(verified) => Ok(Admitted::new(endpoint, verified, body)),
            Err(error) => {
                notes.refused_body = endpoint.capture.map(|_| body);
                Err(error.into())
            }
        }
    }

    /// What the head claims, if the endpoint takes such a request at all.
    fn claim<'e>(
        &self,
        endpoint: &'e Arc<Endpoint>,
        request: &Request<'_>,
    ) -> Result<Option<(&'e Proof, Claim)>, Refusal> {
        let proof = match &endpoint.auth {
            Auth::Missing => return Err(Reason::AuthMissing.into()),
            Auth::Unauthenticated if !self.settings.allow_unauthenticated => {
                return Err(Reason::AuthMissing.into());
            }
            Auth::Unauthenticated => None,
            Auth::Proof(proof) => Some(proof),
        };
        let scheme = proof.map(|proof| &*proof.scheme);
        judge_method(request.method, scheme, &endpoint.methods).map_err(|reason| Refusal {
            allow: (reason == Reason::MethodNotAllowed).then(|| Arc::clone(endpoint)),
            ..reason.into()
        })?;
        proof
            .map(|proof| Ok((proof, Claim::read(&proof.scheme, &request.head())?)))
            .transpose()
    }

    fn rules(&self, endpoint: &Endpoint, request: &Request<'_>) -> BodyRules {
        let own = endpoint.limits.body_timeout;
        BodyRules {
            limit_bytes: self.settings.limit_bytes(endpoint, request),
            timeout: own.unwrap_or(self.settings.body_timeout),
        }
    }

    /// The claim meets the keys. A token is settled here, before the body.
    async fn begin(&self, claim: Option<(&Proof, Claim)>) -> Result<Begun, Refusal> {
        let Some((proof, claim)) = claim else {
            return Ok(Verification::dangerous_waive());
        };
        let keys = self.keys.keys(&proof.key).await?;
        let now = self.clock.now();
        Ok(Verification::begin(&proof.scheme, claim, keys, now)?)
    }
}

/// What a [`Gate`] goes by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GateSettings {
    /// The largest body.
    pub max_body_bytes: u64,
    /// The largest `multipart/*` body under a signed mode.
    pub max_multipart_bytes: u64,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Whether endpoints may ask for no proof.
    pub allow_unauthenticated: bool,
}

impl GateSettings {
    /// How large the body of `request` may be.
    pub fn limit_bytes(&self, endpoint: &Endpoint, request: &Request<'_>) -> u64 {
        let own = &endpoint.limits;
        let limit_bytes = own.max_body_bytes.unwrap_or(self.max_body_bytes);
        let signed = matches!(&endpoint.auth, Auth::Proof(proof) if proof.scheme.covers_body());
        if signed && request.is_multipart() {
            let multipart = own.max_multipart_bytes.unwrap_or(self.max_multipart_bytes);
            return limit_bytes.min(multipart);
        }
        limit_bytes
    }
}

/// Whether a request of this method can be proven and is taken.
pub fn judge_method(
    method: &Method,
    scheme: Option<&Scheme>,
    methods: &[Method],
) -> Result<(), Reason> {
    if scheme.is_some_and(Scheme::covers_body) && method != Method::POST {
        return Err(Reason::MethodNotSigned);
    }
    if !methods.contains(method) {
        return Err(Reason::MethodNotAllowed);
    }
    Ok(())
}

/// A verdict, and what was learnt on the way to it.
#[derive(Debug)]
pub struct Judgement {
    /// The endpoint, if one was found.
    pub found: Option<Found>,
    /// How long the parts took.
    pub timings: Timings,
    /// Whether the body was read to its end, so that another request may follow it.
    pub body_received: bool,
    /// The length of the body, if it was received.
    pub body_bytes: Option<u64>,
    /// The body of a refused delivery whose endpoint keeps those.
    pub refused_body: Option<Body>,
    /// The verdict.
    pub verdict: Result<Admitted, Refusal>,
}

impl Judgement {
    /// The judgement on a request that is refused whatever it leads to.
    pub fn refused(reason: Reason) -> Self {
        Self {
            found: None,
            timings: Timings::default(),
            body_received: false,
            body_bytes: None,
            refused_body: None,
            verdict: Err(reason.into()),
        }
    }
}

/// What is written down on the way to a verdict.
struct Notes {
    found: Option<Found>,
    timings: Timings,
    body_received: bool,
    body_bytes: Option<u64>,
    refused_body: Option<Body>,
}

/// How long the parts of a judgement took; `None` for a part that was not reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timings {
    /// From the end of the head to the last byte of the body.
    pub receive: Option<Duration>,
    /// From the last byte to the verdict.
    pub verify: Option<Duration>,
}
