//! HTTP message signatures (RFC 9421), which cover the body through the field `Content-Digest` (RFC 9530).
//!
//! The sender lists the components of the request that it signs, and the scheme requires some of them. The endpoint
//! determines the key and the algorithm: `keyid` is ignored, and `alg` must not name another algorithm.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use sfv::{Dictionary, FieldType, InnerList, Item, ListEntry};
use sha2::{Digest, Sha256};

use super::components::Components;
use super::fields::{
    CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT, bytes, combined, dictionary, text,
};
use super::{EnvelopeSignature, Terms};
use crate::auth::candidates::Signatures;
use crate::auth::key::Key;
use crate::auth::signing::{Message, SigningError};
use crate::auth::template::SignedFrame;
use crate::auth::{
    Algorithm, Covers, Defect, Head, PartialRequest, Place, ProofError, Scheme, Signature,
    TimestampSource, TimestampUnit,
};

/// The requirements for a message signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageSignature {
    /// The names of components that it must cover, without parameters.
    pub components: Vec<Box<str>>,
    /// Whether it must cover the URL. If a sender signs for all its customers with one key, only the URL binds a delivery
    /// to one of them.
    pub covers_target: bool,
    /// The required label; `None` accepts any label. Labels are not signed.
    pub label: Option<Box<str>>,
    /// The required tag of the application (RFC 9421 §2.3). Tags are signed.
    pub tag: Option<Box<str>>,
}

impl MessageSignature {
    /// Every signature that meets the requirements. Proxies add signatures of their own, so others are ignored if at least
    /// one meets them.
    pub(super) fn read(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Result<Vec<EnvelopeSignature>, ProofError> {
        let head = &received.head;
        let field = |name| combined(head.headers, name);
        let (inputs, values) = match (field(&SIGNATURE_INPUT), field(&SIGNATURE)) {
            (None, None) => return Err(ProofError::SignatureMissing),
            (Some(inputs), Some(values)) => (inputs, values),
            _ => return Err(ProofError::SignatureMalformed),
        };
        let signatures = dictionary(&values)?;
        let inputs = dictionary(&inputs)?;
        let lists = inputs.values().filter_map(|entry| match entry {
            ListEntry::InnerList(input) => Some(input.items.len()),
            ListEntry::Item(_) => None,
        });
        if lists.sum::<usize>() > MAX_COMPONENTS {
            return Err(ProofError::SignatureMalformed);
        }
        let components = Components::of(head);
        let mut last_error = ProofError::SignatureMalformed;
        let mut accepted = Vec::new();
        for (label, entry) in &inputs {
            let label = label.as_str();
            let (ListEntry::InnerList(input), true) =
                (entry, self.label.as_deref().is_none_or(|it| it == label))
            else {
                continue;
            };
            let signature = bytes(&signatures, &values, label);
            match self.read_one(scheme, &components, input, signature) {
                // Every signature is verified, so their number is limited. No genuine delivery has more.
                Ok(_) if accepted.len() > Signature::MOST_BESIDE => return Err(last_error),
                Ok(signature) => accepted.push(signature),
                Err(error) => last_error = error,
            }
        }
        if accepted.is_empty() {
            return Err(last_error);
        }
        Ok(accepted)
    }

    fn read_one(
        &self,
        scheme: &Scheme,
        components: &Components<'_>,
        input: &InnerList,
        signature: Option<&[u8]>,
    ) -> Result<EnvelopeSignature, ProofError> {
        let malformed = ProofError::SignatureMalformed;
        let lengths = scheme.algorithm().signature_len();
        let signature = signature
            .filter(|bytes| lengths.is_some_and(|lengths| lengths.contains(&bytes.len())))
            .ok_or(malformed)?;
        let covered = |name: &str| is_covered(input, name);
        let tag = input.params.get("tag").and_then(text);
        if !self.components.iter().all(|name| covered(name))
            || self.covers_target && !names_target(covered)
            || self.tag.is_some() && tag != self.tag.as_deref()
        {
            return Err(malformed);
        }
        let algorithm = input.params.get("alg").map(text);
        if algorithm.is_some_and(|name| name != Self::algorithm_name(scheme.algorithm())) {
            return Err(ProofError::HeaderUnexpected);
        }
        let digests = if covered(CONTENT_DIGEST.as_str()) {
            components.digests()?
        } else {
            Vec::new()
        };
        let created = time(input, "created")?;
        if scheme.timestamp.is_some() && created.is_none() {
            return Err(malformed);
        }
        Ok(EnvelopeSignature {
            signatures: Signatures::one(signature),
            message: SignedFrame {
                before_body: signature_base(input, components)?,
                after_body: None,
            },
            terms: Terms {
                at: created,
                expires: time(input, "expires")?,
                digests,
                claims_match: true,
                ..Terms::default()
            },
        })
    }

    pub(super) fn binds_url(&self) -> bool {
        let is_required = |name: &str| self.components.iter().any(|known| **known == *name);
        self.covers_target || names_target(is_required)
    }

    pub(super) fn covers(&self) -> Covers {
        let mut components = self.components.iter();
        if components.any(|name| **name == *CONTENT_DIGEST.as_str()) {
            Covers::Body
        } else {
            Covers::Head
        }
    }

    pub(super) fn inconsistency(scheme: &Scheme) -> Option<&'static str> {
        let created = TimestampSource::Tag("created".into());
        let time = scheme.timestamp.as_ref().map(|rule| &rule.from);
        if Self::algorithm_name(scheme.algorithm()).is_none() {
            Some(
                "an HTTP message signature is made with `hmac-sha256`, `ecdsa-p256-sha256-fixed`, \
                 `ed25519` or `rsa-pkcs1-sha256`",
            )
        } else if time.is_some_and(|from| *from != created) {
            Some("the time of an HTTP message signature is `signature:created`")
        } else {
            None
        }
    }

    /// Makes the header fields that the verification accepts.
    pub(super) fn prove(
        &self,
        scheme: &Scheme,
        key: &Key,
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, SigningError> {
        let mut code = key.begin().ok_or(SigningError::PrivateKey)?;
        let target = (self.covers_target && !self.components.iter().any(|it| **it == *TARGET))
            .then_some(TARGET);
        let components = self.components.iter().map(|it| &**it);
        let names: Vec<String> = target
            .into_iter()
            .chain(components)
            .map(|it| format!("\"{it}\""))
            .collect();
        let label = self.label.as_deref().unwrap_or("sig1");
        let created = message.at.as_second();
        let mut input = format!("{label}=({});created={created}", names.join(" "));
        if let Some(name) = Self::algorithm_name(scheme.algorithm()) {
            input.push_str(&format!(";alg=\"{name}\""));
        }
        if let Some(tag) = &self.tag {
            input.push_str(&format!(";tag=\"{tag}\""));
        }
        let digest = STANDARD.encode(Sha256::digest(message.body));
        let digest = format!("sha-256=:{digest}:");
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&digest) {
            headers.insert(&CONTENT_DIGEST, value);
        }
        let head = Head {
            method: message.method,
            headers: &headers,
            query: None,
            url: message.url,
        };
        let inputs = dictionary(input.as_bytes())?;
        let parsed = only_input(&inputs).ok_or(ProofError::SignatureMalformed)?;
        code.update(&signature_base(parsed, &Components::of(&head))?);
        let signature = format!("{label}=:{}:", STANDARD.encode(&*code.sign()));
        Ok([
            (&CONTENT_DIGEST, digest),
            (&SIGNATURE_INPUT, input),
            (&SIGNATURE, signature),
        ]
        .map(|(name, value)| (Place::Header(name.clone()), value))
        .into())
    }

    /// The first requirement that the first candidate signature does not meet, for `explain`.
    pub(in crate::auth) fn find_malformed(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Option<Defect> {
        let headers = received.head.headers;
        let missing = [&SIGNATURE_INPUT, &SIGNATURE];
        let missing = missing
            .into_iter()
            .find(|name| !headers.contains_key(*name));
        if let Some(name) = missing {
            return Some(Defect::Missing(format!("header:{name}")));
        }
        let inputs = dictionary(&combined(headers, &SIGNATURE_INPUT)?).ok()?;
        let input = inputs.iter().find_map(|(label, entry)| match entry {
            ListEntry::InnerList(input) => {
                let is_candidate = self.label.as_deref().is_none_or(|it| it == label.as_str());
                is_candidate.then_some(input)
            }
            ListEntry::Item(_) => None,
        })?;
        let covered = |name: &str| is_covered(input, name);
        if let Some(name) = self.components.iter().find(|name| !covered(name)) {
            return Some(Defect::Component(name.to_string()));
        }
        if self.covers_target && !names_target(covered) {
            return Some(Defect::Component(TARGET.to_owned()));
        }
        let tag = input.params.get("tag").and_then(text);
        if let Some(expected) = self.tag.as_deref().filter(|it| tag != Some(it)) {
            return Some(Defect::TagUnexpected(expected.to_owned()));
        }
        if scheme.timestamp.is_some() && !input.params.contains_key("created") {
            return Some(Defect::Component("created".to_owned()));
        }
        let has_digest = !covered(CONTENT_DIGEST.as_str()) || headers.contains_key(&CONTENT_DIGEST);
        if !has_digest {
            return Some(Defect::Missing(format!("header:{CONTENT_DIGEST}")));
        }
        let times = ["created", "expires"].into_iter();
        let mut malformed = times.filter(|name| time(input, name).is_err());
        if let Some(value) = malformed.find_map(|name| input.params.get(name)) {
            return Some(Defect::Timestamp {
                text: Item::new(value.clone()).serialize(),
                expected: TimestampUnit::Seconds,
            });
        }
        let components = Components::of(&received.head);
        let mut items = input.items.iter();
        let missing = items.find(|item| components.value(item).is_err())?;
        Some(Defect::Missing(missing.serialize()))
    }

    /// The name of an algorithm in the registry (RFC 9421 §6.2.2).
    const fn algorithm_name(algorithm: Algorithm) -> Option<&'static str> {
        match algorithm {
            Algorithm::EcdsaP256Fixed => Some("ecdsa-p256-sha256"),
            Algorithm::Ed25519 => Some("ed25519"),
            Algorithm::HmacSha256 => Some("hmac-sha256"),
            Algorithm::RsaSha256 => Some("rsa-v1_5-sha256"),
            _ => None,
        }
    }
}

/// Whether a signature covers the component called `name`.
fn is_covered(input: &InnerList, name: &str) -> bool {
    let mut items = input.items.iter();
    items.any(|item| item.params.is_empty() && text(&item.bare_item) == Some(name))
}

/// Whether the components determine the URL. The host alone does not, because all endpoints of a portal share it.
fn names_target(covered: impl Fn(&str) -> bool) -> bool {
    let path = covered("@path") || covered("@request-target");
    covered("@target-uri") || (covered("@authority") && path)
}

/// The signature base (RFC 9421 §2.5): the text that is signed.
fn signature_base(input: &InnerList, components: &Components<'_>) -> Result<Vec<u8>, ProofError> {
    let mut seen = HashSet::new();
    let mut base = Vec::new();
    for item in &input.items {
        let name = item.serialize();
        let value = components.value(item)?;
        base.extend_from_slice(name.as_bytes());
        base.extend_from_slice(b": ");
        base.extend_from_slice(&value);
        base.push(b'\n');
        if base.len() > MAX_BASE_LEN || !seen.insert(name) {
            return Err(ProofError::SignatureMalformed);
        }
    }
    let parameters = vec![ListEntry::InnerList(input.clone())].serialize();
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(parameters.unwrap_or_default().as_bytes());
    Ok(base)
}

fn time(input: &InnerList, name: &str) -> Result<Option<Timestamp>, ProofError> {
    let Some(item) = input.params.get(name) else {
        return Ok(None);
    };
    let seconds = item.as_integer().map(i64::from).filter(|time| *time >= 0);
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(Some).ok_or(ProofError::SignatureMalformed)
}

/// The only signature input that [`MessageSignature::prove`] wrote.
fn only_input(inputs: &Dictionary) -> Option<&InnerList> {
    match inputs.values().next()? {
        ListEntry::InnerList(input) => Some(input),
        ListEntry::Item(_) => None,
    }
}

/// The limit for all signatures of a request together. Providers sign fewer components.
const MAX_COMPONENTS: usize = 32;
/// The signature bases of providers are shorter.
const MAX_BASE_LEN: usize = 16 * 1024;
const TARGET: &str = "@target-uri";
