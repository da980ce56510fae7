//! What the gate goes by, and what follows from it for a request before anything is proven.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;

use super::receive::BodyRules;
use super::replay::Times;
use super::{Reason, Request};
use crate::auth::{MAX_PARSED_BODY_BYTES, Scheme};
use crate::contract::{MultipartLimits, boundary_of};
use crate::directory::{Auth, Endpoint};

/// What a [`Gate`](super::Gate) goes by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GateSettings {
    /// What public URLs begin with: a scheme and a host.
    pub public_url: Box<str>,
    /// The largest body.
    pub max_body_bytes: u64,
    /// The largest `multipart/*` body under a signed mode, without its raw MIME fields.
    pub max_multipart_bytes: u64,
    /// The largest raw MIME field.
    pub max_raw_mime_bytes: u64,
    /// The fields of a `multipart/form-data` body that hold a raw MIME message.
    pub raw_mime_fields: Arc<[Box<str>]>,
    /// How much of parts there may be.
    pub multipart: MultipartLimits,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Whether endpoints may ask for no proof.
    pub allow_unauthenticated: bool,
    /// How long an accepted delivery is remembered, unless its signature has a window.
    pub remember: Duration,
    /// How long a claim in the ledger lasts that nobody settles.
    pub claim_timeout: Duration,
}

impl GateSettings {
    /// How large the body of `request` may be.
    pub fn limit_bytes(&self, endpoint: &Endpoint, request: &Request<'_>) -> u64 {
        let own = &endpoint.limits;
        let mut limit_bytes = own.max_body_bytes.unwrap_or(self.max_body_bytes);
        let Auth::Proof(proof) = &endpoint.auth else {
            return limit_bytes;
        };
        if proof.scheme.covers_body() && request.is_multipart() {
            let multipart = own.max_multipart_bytes.unwrap_or(self.max_multipart_bytes);
            // What is no raw MIME field is told from it as the body comes.
            let may_be_raw = !self.raw_mime_fields(endpoint).is_empty();
            if !(may_be_raw && boundary_of(request.headers).is_some()) {
                limit_bytes = limit_bytes.min(multipart);
            }
        }
        // What has to be taken apart before it is proven is bounded more closely.
        if proof.scheme.waits_for_body() {
            limit_bytes = limit_bytes.min(MAX_PARSED_BODY_BYTES as u64);
        }
        limit_bytes
    }

    pub(super) fn body_rules(&self, endpoint: &Endpoint, request: &Request<'_>) -> BodyRules {
        let own = endpoint.limits.body_timeout;
        BodyRules {
            limit_bytes: self.limit_bytes(endpoint, request),
            timeout: own.unwrap_or(self.body_timeout),
        }
    }

    /// How long things of a delivery to `endpoint` are remembered.
    pub(super) fn times(&self, endpoint: &Endpoint, now: Timestamp) -> Times {
        let wait = endpoint.concurrency.map(|rule| rule.wait);
        Times {
            now,
            remember: endpoint.replay.remember.unwrap_or(self.remember),
            body_timeout: endpoint.limits.body_timeout.unwrap_or(self.body_timeout),
            // A delivery that waits for its turn has its claim all the while.
            lease: self.claim_timeout + wait.unwrap_or_default(),
        }
    }

    /// The fields that hold a raw MIME message.
    pub(super) fn raw_mime_fields<'s>(&'s self, endpoint: &'s Endpoint) -> &'s Arc<[Box<str>]> {
        let own = endpoint.raw_mime_fields.as_ref();
        own.unwrap_or(&self.raw_mime_fields)
    }

    /// The URL that the sender was told to deliver to, if the endpoint's scheme covers it.
    ///
    /// Behind its path stands the query as it was sent: providers sign the parameters that they add.
    pub fn public_url(&self, endpoint: &Endpoint, request: &Request<'_>) -> Option<String> {
        let Auth::Proof(proof) = &endpoint.auth else {
            return None;
        };
        if !proof.scheme.covers_url() {
            return None;
        }
        let mut url = match &proof.public_url {
            Some(url) => url.to_string(),
            None => format!("{}{}", self.public_url, request.path),
        };
        if let Some(query) = request.query {
            url.push('?');
            url.push_str(query);
        }
        Some(url)
    }
}

/// Whether a request of this method can be proven and is taken.
pub fn judge_method(
    method: &Method,
    scheme: Option<&Scheme>,
    methods: &[Method],
) -> Result<(), Reason> {
    let signed = scheme.filter(|scheme| scheme.covers_body());
    if signed.is_some_and(|scheme| !scheme.methods().contains(method)) {
        return Err(Reason::MethodNotSigned);
    }
    if !methods.contains(method) {
        return Err(Reason::MethodNotAllowed);
    }
    Ok(())
}
