//! HTTP Message Signatures (RFC 9421), with the digest of the body as a field (RFC 9530).
//!
//! The sender says which components of the request it signs; the scheme says which ones it has to. The
//! key and the algorithm are the endpoint's: `keyid` is not looked at, and `alg` must not say otherwise.

use std::collections::HashSet;

use jiff::Timestamp;
use sfv::{Dictionary, FieldType, InnerList, ListEntry};

use super::components::Components;
use super::fields::{
    CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT, bytes, combined, dictionary, text,
};
use super::{EnvelopeSignature, Terms};
use crate::auth::candidates::Signatures;
use crate::auth::template::SignedFrame;
use crate::auth::{
    Algorithm, Covers, PartialRequest, ProofError, Scheme, Signature, TimestampSource,
};

/// What a message signature has to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageSignature {
    /// Components that have to be covered, by their names without parameters.
    pub components: Vec<Box<str>>,
    /// Whether it has to cover the URL that it was sent to: a sender that signs for all of its customers
    /// with one key binds a delivery to one of them by nothing else.
    pub covers_target: bool,
    /// The label, if only one will do. Labels are not signed.
    pub label: Option<Box<str>>,
    /// The tag, if the application has one (RFC 9421 §2.3); it is signed.
    pub tag: Option<Box<str>>,
}

impl MessageSignature {
    /// Every signature that fits the scheme. One that does not is passed over if another one does:
    /// proxies add their own.
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
        let mut unfit = ProofError::SignatureMalformed;
        let mut fit = Vec::new();
        for (label, entry) in &inputs {
            let label = label.as_str();
            let (ListEntry::InnerList(input), true) =
                (entry, self.label.as_deref().is_none_or(|it| it == label))
            else {
                continue;
            };
            let signature = bytes(&signatures, &values, label);
            match self.sealed(scheme, &components, input, signature) {
                // More are nobody's honest delivery, and every one is verified.
                Ok(_) if fit.len() > Signature::MOST_BESIDE => return Err(unfit),
                Ok(sealed) => fit.push(sealed),
                Err(error) => unfit = error,
            }
        }
        if fit.is_empty() {
            return Err(unfit);
        }
        Ok(fit)
    }

    fn sealed(
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
        if algorithm.is_some_and(|name| name != Self::algorithm(scheme.algorithm())) {
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
                before_body: base(input, components)?,
                after_body: None,
            },
            terms: Terms {
                at: created,
                expires: time(input, "expires")?,
                digests,
                agrees: true,
                ..Terms::default()
            },
        })
    }

    pub(super) fn binds_url(&self) -> bool {
        let names = |name: &str| self.components.iter().any(|known| **known == *name);
        self.covers_target || names_target(names)
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
        let times = scheme.timestamp.iter();
        if Self::algorithm(scheme.algorithm()).is_none() {
            Some(
                "an HTTP message signature is made with `hmac-sha256`, `ecdsa-p256-sha256-fixed`, \
                 `ed25519` or `rsa-pkcs1-sha256`",
            )
        } else if times.into_iter().any(|rule| rule.from != created) {
            Some("the time of an HTTP message signature is `signature:created`")
        } else {
            None
        }
    }

    /// The name in the registry (RFC 9421 §6.2.2).
    pub(super) const fn algorithm(algorithm: Algorithm) -> Option<&'static str> {
        match algorithm {
            Algorithm::EcdsaP256Fixed => Some("ecdsa-p256-sha256"),
            Algorithm::Ed25519 => Some("ed25519"),
            Algorithm::HmacSha256 => Some("hmac-sha256"),
            Algorithm::RsaSha256 => Some("rsa-v1_5-sha256"),
            _ => None,
        }
    }
}

/// Whether a signature covers the component of that name.
pub(super) fn is_covered(input: &InnerList, name: &str) -> bool {
    let mut items = input.items.iter();
    items.any(|item| item.params.is_empty() && text(&item.bare_item) == Some(name))
}

/// Whether the components name one URL. The host alone does not: all endpoints of a portal share it.
pub(super) fn names_target(covered: impl Fn(&str) -> bool) -> bool {
    let path = covered("@path") || covered("@request-target");
    covered("@target-uri") || (covered("@authority") && path)
}

/// The signature base (RFC 9421 §2.5).
pub(super) fn base(input: &InnerList, components: &Components<'_>) -> Result<Vec<u8>, ProofError> {
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

pub(super) fn time(input: &InnerList, name: &str) -> Result<Option<Timestamp>, ProofError> {
    let Some(item) = input.params.get(name) else {
        return Ok(None);
    };
    let seconds = item.as_integer().map(i64::from).filter(|time| *time >= 0);
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(Some).ok_or(ProofError::SignatureMalformed)
}

/// The one signature of a dictionary that was made here.
pub(super) fn only_input(inputs: &Dictionary) -> Option<&InnerList> {
    match inputs.values().next()? {
        ListEntry::InnerList(input) => Some(input),
        ListEntry::Item(_) => None,
    }
}

/// More than anybody signs, in all signatures of a request together.
const MAX_COMPONENTS: usize = 32;
/// Longer than anything that is signed so.
const MAX_BASE_LEN: usize = 16 * 1024;
