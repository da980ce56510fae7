//! The settings of the gate, and the limits that follow from them for one request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;

use super::receive::BodyRules;
use super::replay::ReplayTimes;
use super::{Reason, Refusal, Request};
use crate::auth::{MAX_PARSED_BODY_BYTES, Scheme};
use crate::directory::{Auth, Endpoint};
use crate::payload::{MultipartLimits, boundary_of};

/// The settings of a [`Gate`](super::Gate).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GateSettings {
    /// The scheme and host of public URLs.
    pub public_url: Box<str>,
    /// The largest body, in bytes.
    pub max_body_bytes: u64,
    /// The largest `multipart/*` body under a signed mode, without its raw MIME fields.
    pub max_multipart_bytes: u64,
    /// The largest raw MIME field.
    pub max_raw_mime_bytes: u64,
    /// The fields of a `multipart/form-data` body that hold a raw MIME message.
    pub raw_mime_fields: Arc<[Box<str>]>,
    /// The limits of parts and their headers.
    pub multipart: MultipartLimits,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Whether endpoints with the mode `none` admit deliveries.
    pub allow_unauthenticated: bool,
    /// How long an accepted delivery is remembered whose signature has no window.
    pub remember: Duration,
    /// How long a claim in the ledger lasts that nobody settles.
    pub claim_timeout: Duration,
    /// The upstreams by name, each with the time from the verdict to the end of its answer.
    pub upstreams: Arc<BTreeMap<Box<str>, Duration>>,
}

impl GateSettings {
    /// How long the upstream of `endpoint` may take, or the refusal if the configuration has no such upstream.
    ///
    /// An endpoint may be older than the configuration; `portcullis check` reports the mistake.
    pub(super) fn total_timeout(&self, endpoint: &Endpoint) -> Result<Duration, Refusal> {
        let total = self.upstreams.get(&endpoint.upstream).copied();
        total.ok_or_else(|| {
            let cause = format!("the configuration has no upstream `{}`", endpoint.upstream);
            Refusal::with_cause(Reason::UpstreamUnreachable, cause)
        })
    }

    /// The limit of the body of `request`, in bytes.
    pub fn limit_bytes(&self, endpoint: &Endpoint, request: &Request<'_>) -> u64 {
        let own = &endpoint.limits;
        let mut limit_bytes = own.max_body_bytes.unwrap_or(self.max_body_bytes);
        let Auth::Proof(proof) = &endpoint.auth else {
            return limit_bytes;
        };
        if proof.scheme.covers_body() && request.is_multipart() {
            let multipart = own.max_multipart_bytes.unwrap_or(self.max_multipart_bytes);
            // With raw MIME fields, the scan of the body applies the limit to everything outside them.
            let may_be_raw = !self.raw_mime_fields(endpoint).is_empty();
            if !(may_be_raw && boundary_of(request.headers).is_some()) {
                limit_bytes = limit_bytes.min(multipart);
            }
        }
        // A body that is parsed before it is proven has a lower limit.
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

    /// How long the ledger remembers a delivery to `endpoint`.
    pub(super) fn replay_times(&self, endpoint: &Endpoint, now: Timestamp) -> ReplayTimes {
        let wait = endpoint.concurrency.map(|rule| rule.wait);
        ReplayTimes {
            now,
            remember: endpoint.replay.remember.unwrap_or(self.remember),
            body_timeout: endpoint.limits.body_timeout.unwrap_or(self.body_timeout),
            // A delivery holds its claim while it waits for its turn.
            lease: self.claim_timeout + wait.unwrap_or_default(),
        }
    }

    /// The fields that hold a raw MIME message.
    pub(super) fn raw_mime_fields<'s>(&'s self, endpoint: &'s Endpoint) -> &'s Arc<[Box<str>]> {
        let own = endpoint.raw_mime_fields.as_ref();
        own.unwrap_or(&self.raw_mime_fields)
    }

    /// The URL that is configured at the provider, if the endpoint's scheme signs it.
    ///
    /// The query is the one that was sent: providers sign the parameters that they add.
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

/// Checks that the endpoint takes requests of this method, and that its scheme can prove them.
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

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use super::*;
    use crate::auth::{Mode, Preset};

    #[test]
    fn a_method_is_allowed_if_the_endpoint_takes_it_and_the_signature_covers_it() {
        let twilio = || Some(Preset::named("twilio").unwrap().scheme.clone());
        let github = || Some(Preset::named("github").unwrap().scheme.clone());
        let token = || Mode::Secret.plain_scheme(None).unwrap();
        let (not_signed, not_allowed) = (Reason::MethodNotSigned, Reason::MethodNotAllowed);
        let cases: [(&str, Option<Scheme>, &[Method], Result<(), Reason>); 11] = [
            ("POST", github(), &[Method::POST], Ok(())),
            ("GET", github(), &[Method::POST], Err(not_signed)),
            // The endpoint cannot allow what its sender does not sign.
            (
                "GET",
                github(),
                &[Method::GET, Method::POST],
                Err(not_signed),
            ),
            ("POST", github(), &[Method::PUT], Err(not_allowed)),
            ("GET", twilio(), &[Method::GET, Method::POST], Ok(())),
            ("GET", twilio(), &[Method::POST], Err(not_allowed)),
            ("PUT", twilio(), &[Method::PUT], Err(not_signed)),
            // A token proves every method.
            ("GET", token(), &[Method::GET], Ok(())),
            ("PURGE", token(), &[Method::POST], Err(not_allowed)),
            ("GET", None, &[Method::GET], Ok(())),
            ("GET", None, &[], Err(not_allowed)),
        ];
        for (method, scheme, methods, expected) in cases {
            let parsed: Method = method.parse().unwrap();
            let found = judge_method(&parsed, scheme.as_ref(), methods);
            assert_eq!(found, expected, "{method} {methods:?}");
        }
    }
}
