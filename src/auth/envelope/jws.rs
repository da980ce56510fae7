//! A JSON Web Signature in its compact form (RFC 7515 §7.1), with claims about the delivery (RFC 7519).
//!
//! The scheme determines the algorithm, and the endpoint the key. A token whose header names another algorithm is
//! rejected. Keys that a header contains or refers to (`jwk`, `jku`, `x5c`, `x5u`) are never used.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::compact::{algorithm_names, check_header, decode, find_token, split};
use super::{DigestAlgorithm, EnvelopeSignature, QueryHash, Terms, query_body, signed_claims};
use crate::auth::candidates::Signatures;
use crate::auth::key::Key;
use crate::auth::signed::fill;
use crate::auth::signing::{Message, SigningError};
use crate::auth::template::SignedFrame;
use crate::auth::view::View;
use crate::auth::{
    Covers, Defect, Encoding, Head, PartialRequest, Place, ProofError, Scheme, Template,
    TimestampSource,
};

/// The claims that a token must have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jws {
    /// The claim with the digest of the body. Without one, the token covers the body only if it is the body.
    pub body: Option<BodyClaim>,
    /// Claims that must have the value of a template.
    pub claims: Vec<(Box<str>, Template)>,
    /// Claims that must be present.
    pub present: Vec<Box<str>>,
    /// The claim with the hash of the method and the URL.
    pub query_hash: Option<QueryHash>,
    /// The tolerance for the sender's clock in `exp` and `nbf`.
    pub leeway: SignedDuration,
}

/// A claim with the SHA-256 of the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BodyClaim {
    /// The name of the claim.
    pub name: Box<str>,
    /// The text encoding of the digest.
    pub encoding: Encoding,
    /// Whether a `GET` has the digest of its query, written as a JSON object (Vonage).
    pub query_as_body: bool,
}

impl BodyClaim {
    /// The claimed digest; `None` if the claim is absent or not a digest.
    fn digest(&self, claims: &Claims<'_>) -> Option<Vec<u8>> {
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
        let token = find_token(scheme, received)?;
        let (head, payload, signature) = split(&token).ok_or(ProofError::SignatureMalformed)?;
        check_header(&decode(head)?, scheme.algorithm())?;
        let lengths = scheme.algorithm().signature_len();
        let signature = decode(signature)?;
        if !lengths.is_some_and(|lengths| lengths.contains(&signature.len())) {
            return Err(ProofError::SignatureMalformed);
        }
        let terms = self.terms(scheme, received, &decode(payload)?)?;
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
        let at = match time_claim(scheme) {
            Some(name) => Some(claims.time(name)?.ok_or(ProofError::SignatureMalformed)?),
            None => None,
        };
        let mut digests = Vec::new();
        let mut query_differs = false;
        if let Some(body) = &self.body {
            let mut digest = body.digest(&claims).ok_or(ProofError::SignatureMalformed)?;
            if body.query_as_body && *received.head.method == Method::GET {
                query_differs = !query_body::has_digest(received.head.query, &digest);
                // The digest covers the query only, so a body next to it would be unsigned: it must be empty.
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
            claims_match: self.claims_match(scheme, received, &claims)?,
        })
    }

    /// Whether the claims are about this endpoint and this request.
    fn claims_match(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
        claims: &Claims<'_>,
    ) -> Result<bool, ProofError> {
        for (name, expected) in &self.claims {
            if !claims.has_text(name, &filled(expected, scheme, received)?) {
                return Ok(false);
            }
        }
        let Some(rule) = &self.query_hash else {
            return Ok(true);
        };
        let expected = expected_hash(rule, scheme, received)?;
        Ok(expected.is_some_and(|hash| claims.has_text(&rule.claim, hash.as_bytes())))
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
        let is_claim = |from: &TimestampSource| matches!(from, TimestampSource::Tag(_));
        if algorithm_names(scheme.algorithm()).is_empty() {
            Some(
                "a JWS is signed with `hmac-sha256`, `hmac-sha512`, `ecdsa-p256-sha256-fixed`, \
                 `ed25519` or `rsa-pkcs1-sha256`",
            )
        } else if scheme
            .timestamp
            .as_ref()
            .is_some_and(|rule| !is_claim(&rule.from))
        {
            Some("the time of a JWS is one of its claims, such as `signature:iat`")
        } else {
            None
        }
    }

    /// Makes the token that the verification accepts, at its place in the request.
    pub(super) fn prove(
        &self,
        scheme: &Scheme,
        key: &Key,
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, SigningError> {
        let rule = scheme.signatures.first().ok_or(SigningError::InBody)?;
        let place = rule.from.preferred().filter(|place| !place.is_in_body());
        let place = place.ok_or(SigningError::InBody)?;
        let mut code = key.begin().ok_or(SigningError::PrivateKey)?;
        let received = PartialRequest {
            head: Head {
                method: message.method,
                headers: &HeaderMap::new(),
                query: None,
                url: message.url,
            },
            body: Some(message.body),
        };
        let mut claims = serde_json::Map::new();
        let now = message.at.as_second();
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + LIFETIME_SECONDS).into());
        for (name, expected) in &self.claims {
            let text = filled(expected, scheme, &received)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            claims.insert(name.to_string(), text.into());
        }
        if let Some(body) = &self.body {
            let query = message.url.and_then(|url| url.split_once('?'));
            let query = query.map_or("", |(_, query)| query);
            let digested = match query_body::json(query) {
                Some(json) if body.query_as_body && *message.method == Method::GET => {
                    Cow::Owned(json)
                }
                _ => Cow::Borrowed(message.body),
            };
            let digest = body.encoding.encode(&Sha256::digest(&digested));
            claims.insert(body.name.to_string(), digest.into());
        }
        if let Some(rule) = &self.query_hash {
            let hash = expected_hash(rule, scheme, &received)?;
            claims.insert(rule.claim.to_string(), hash.into());
        }
        let name = algorithm_names(scheme.algorithm()).first();
        let header = serde_json::json!({ "alg": name, "typ": "JWT" });
        let mut payload = serde_json::Value::Object(claims);
        scheme.put_account_claim(&mut payload);
        let encode = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encode(header), encode(payload));
        code.update(signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&*code.sign()));
        Ok(vec![(place.clone(), rule.tag(&token))])
    }

    /// The required claim that is missing or malformed, for `explain`.
    pub(in crate::auth) fn find_malformed_claim(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Option<Defect> {
        let json = signed_claims(scheme, received)?;
        let claims = Claims::read(&json)?;
        let time = time_claim(scheme);
        let body = self.body.as_ref();
        let names = self.present.iter().map(|name| &**name);
        let mut required = names.chain(time).chain(body.map(|body| &*body.name));
        if let Some(missing) = required.find(|name| !claims.has(name)) {
            return Some(Defect::Claim {
                name: missing.to_owned(),
                is_missing: true,
            });
        }
        let mut times = time.into_iter().chain(["nbf", "exp"]);
        if let Some(name) = times.find(|name| claims.time(name).is_err()) {
            return Some(Defect::ClaimNotTime(name.to_owned()));
        }
        let body = body?;
        body.digest(&claims).is_none().then(|| Defect::Claim {
            name: body.name.to_string(),
            is_missing: false,
        })
    }

    /// The claim that is about another endpoint or another request, for `explain`.
    pub(in crate::auth) fn find_mismatched_claim(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Option<Defect> {
        let json = signed_claims(scheme, received)?;
        let claims = Claims::read(&json)?;
        let mut expected = self.claims.iter().filter_map(|(name, text)| {
            let text = filled(text, scheme, received).ok()?;
            Some((name, text))
        });
        let mismatch = expected.find(|(name, text)| !claims.has_text(name, text));
        let name = mismatch.map(|(name, _)| name).or_else(|| {
            let rule = self.query_hash.as_ref()?;
            let hash = expected_hash(rule, scheme, received).ok()??;
            (!claims.has_text(&rule.claim, hash.as_bytes())).then_some(&rule.claim)
        })?;
        Some(Defect::Claim {
            name: name.to_string(),
            is_missing: !claims.has(name),
        })
    }
}

/// The claim with the time of the signature, if the scheme has a timestamp.
fn time_claim(scheme: &Scheme) -> Option<&str> {
    match &scheme.timestamp.as_ref()?.from {
        TimestampSource::Tag(name) => Some(name),
        TimestampSource::First | TimestampSource::Source(_) => None,
    }
}

/// The hash that a request must claim; `None` if its URL is unknown or not below the base.
fn expected_hash(
    rule: &QueryHash,
    scheme: &Scheme,
    received: &PartialRequest<'_>,
) -> Result<Option<String>, ProofError> {
    let base = filled(&rule.base, scheme, received)?;
    let base = String::from_utf8_lossy(&base);
    let head = received.head;
    Ok(head
        .url
        .and_then(|url| QueryHash::hash(head.method, url, &base)))
}

fn filled(
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
/// The lifetime of a token that [`Jws::prove`] makes.
const LIFETIME_SECONDS: i64 = 300;
