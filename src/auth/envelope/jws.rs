//! A JSON Web Signature in its compact form (RFC 7515 §7.1), with claims about the delivery (RFC 7519).
//!
//! The algorithm is the scheme's and the key the endpoint's: a header that names another algorithm is
//! refused, and keys that it carries or points to (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.

use http::Method;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::compact::{check_header, decoded, names, parts, token};
use super::{DigestAlgorithm, EnvelopeSignature, QueryHash, Terms, query_body, query_hash};
use crate::auth::candidates::Signatures;
use crate::auth::signed::fill;
use crate::auth::template::SignedFrame;
use crate::auth::view::View;
use crate::auth::{
    Covers, Encoding, PartialRequest, ProofError, Scheme, Template, TimestampSource,
};

/// What a token has to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jws {
    /// The claim that is the digest of the body; without one the body is covered only if it is the
    /// token.
    pub body: Option<BodyClaim>,
    /// Claims that have to have one value.
    pub claims: Vec<(Box<str>, Template)>,
    /// Claims that have to be there.
    pub present: Vec<Box<str>>,
    /// The claim that is a hash of method and URL.
    pub query_hash: Option<QueryHash>,
    /// How far the sender's clock may be off in `exp` and `nbf`.
    pub leeway: SignedDuration,
}

/// A claim that is the SHA-256 of the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BodyClaim {
    /// Its name.
    pub name: Box<str>,
    /// How it is written down.
    pub encoding: Encoding,
    /// Whether the digest of a `GET` is that of its query, written as a JSON object (Vonage).
    pub query_as_body: bool,
}

impl BodyClaim {
    /// The digest that is claimed, if it is one.
    pub(super) fn digest(&self, claims: &Claims<'_>) -> Option<Vec<u8>> {
        let text = claims.text(&self.name).unwrap_or_default();
        let mut digest = Vec::new();
        let is_digest = self
            .encoding
            .decode(text.as_bytes(), &SHA256_LEN, &mut digest);
        is_digest.then_some(digest)
    }
}

impl Jws {
    pub(super) fn read(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Result<EnvelopeSignature, ProofError> {
        let token = token(scheme, received)?;
        let (head, payload, signature) = parts(&token).ok_or(ProofError::SignatureMalformed)?;
        check_header(&decoded(head)?, scheme.algorithm())?;
        let lengths = scheme.algorithm().signature_len();
        let signature = decoded(signature)?;
        if !lengths.is_some_and(|lengths| lengths.contains(&signature.len())) {
            return Err(ProofError::SignatureMalformed);
        }
        let terms = self.terms(scheme, received, &decoded(payload)?)?;
        let signed = head.len() + 1 + payload.len();
        Ok(EnvelopeSignature {
            signatures: Signatures::one(&signature),
            message: SignedFrame {
                before_body: token.get(..signed).unwrap_or_default().to_vec(),
                after_body: None,
            },
            terms,
        })
    }

    fn terms(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
        payload: &[u8],
    ) -> Result<Terms, ProofError> {
        let claims = Claims::read(payload).ok_or(ProofError::SignatureMalformed)?;
        if !self.present.iter().all(|name| claims.has(name)) {
            return Err(ProofError::SignatureMalformed);
        }
        let at = match scheme.timestamp.as_ref().map(|rule| &rule.from) {
            Some(TimestampSource::Tag(name)) => {
                Some(claims.time(name)?.ok_or(ProofError::SignatureMalformed)?)
            }
            _ => None,
        };
        let mut digests = Vec::new();
        let mut query_differs = false;
        if let Some(body) = &self.body {
            let mut digest = body.digest(&claims).ok_or(ProofError::SignatureMalformed)?;
            if body.query_as_body && *received.head.method == Method::GET {
                query_differs = !query_body::has_digest(received.head.query, &digest);
                // Whatever came as a body beside the query is not what was signed.
                digest = Sha256::digest(b"").to_vec();
            }
            digests.push((DigestAlgorithm::Sha256, digest));
        }
        Ok(Terms {
            at,
            not_before: claims.time("nbf")?,
            expires: claims.time("exp")?,
            leeway: self.leeway,
            digests,
            query_differs,
            agrees: self.agrees(scheme, received, &claims)?,
        })
    }

    /// Whether the claims are about this endpoint and this request.
    fn agrees(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
        claims: &Claims<'_>,
    ) -> Result<bool, ProofError> {
        for (name, expected) in &self.claims {
            if !claims.says(name, &filled(expected, scheme, received)?) {
                return Ok(false);
            }
        }
        let Some(rule) = &self.query_hash else {
            return Ok(true);
        };
        let expected = hash_of(rule, scheme, received)?;
        Ok(expected.is_some_and(|hash| claims.says(&rule.claim, hash.as_bytes())))
    }

    pub(super) fn covers(&self, scheme: &Scheme) -> Covers {
        let mut rules = scheme.signatures.iter();
        if self.body.is_some() || rules.all(|rule| rule.from.is_whole_body()) {
            Covers::Body
        } else {
            Covers::Head
        }
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let base = self.query_hash.iter().map(|rule| &rule.base);
        self.claims.iter().map(|(_, text)| text).chain(base)
    }

    pub(super) fn templates_mut(&mut self) -> impl Iterator<Item = &mut Template> {
        let base = self.query_hash.iter_mut().map(|rule| &mut rule.base);
        self.claims.iter_mut().map(|(_, text)| text).chain(base)
    }

    pub(super) fn inconsistency(scheme: &Scheme) -> Option<&'static str> {
        let times = scheme.timestamp.iter();
        if names(scheme.algorithm()).is_empty() {
            Some(
                "a JWS is signed with `hmac-sha256`, `hmac-sha512`, `ecdsa-p256-sha256-fixed`, \
                 `ed25519` or `rsa-pkcs1-sha256`",
            )
        } else if times
            .into_iter()
            .any(|rule| !matches!(rule.from, TimestampSource::Tag(_)))
        {
            Some("the time of a JWS is one of its claims, such as `signature:iat`")
        } else {
            None
        }
    }
}

/// The hash that a request has to claim.
pub(super) fn hash_of(
    rule: &QueryHash,
    scheme: &Scheme,
    received: &PartialRequest<'_>,
) -> Result<Option<String>, ProofError> {
    let base = filled(&rule.base, scheme, received)?;
    let base = String::from_utf8_lossy(&base);
    let head = received.head;
    Ok(head
        .url
        .and_then(|url| query_hash::hash(head.method, url, &base)))
}

pub(super) fn filled(
    template: &Template,
    scheme: &Scheme,
    received: &PartialRequest<'_>,
) -> Result<Vec<u8>, ProofError> {
    let url = received.head.url;
    let url = url.and_then(|url| scheme.url.spellings(url).into_iter().next());
    let view = View::of(scheme, *received);
    Ok(fill(template, url.as_deref(), None, &view)?.before_body)
}

const SHA256_LEN: std::ops::RangeInclusive<usize> = 32..=32;
