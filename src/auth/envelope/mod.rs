//! Envelopes: proofs that state what they cover, such as signed tokens (JWS) and HTTP message signatures.
//!
//! For other proofs the scheme defines the signed message. Here the sender lists what it signs, together with terms: an
//! expiry and a digest of the body. The terms count only after the signature is verified.

mod body_digest;
mod claims;
mod compact;
mod components;
mod fields;
mod jws;
mod message_signature;
mod query_body;
mod query_hash;
mod terms;

use jiff::Timestamp;

use self::body_digest::BodyDigests;
pub(super) use self::body_digest::DigestAlgorithm;
pub use self::jws::{BodyClaim, Jws};
pub use self::message_signature::MessageSignature;
pub use self::query_hash::QueryHash;
pub(super) use self::terms::Terms;
use super::candidates::Signatures;
use super::key::{Key, KeyRing};
use super::signing::{Message, SigningError};
use super::template::SignedFrame;
use super::{Covers, PartialRequest, Place, ProofError, Scheme, Signature, Template};

/// The requirements for an envelope, by its kind.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Envelope {
    /// A JSON Web Signature (RFC 7515) in its compact form.
    Jws(Jws),
    /// An HTTP message signature (RFC 9421).
    Message(MessageSignature),
}

impl Envelope {
    /// Every signature of the request, with its message and its terms.
    pub(super) fn read(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Result<Vec<EnvelopeSignature>, ProofError> {
        match self {
            Self::Jws(jws) => Ok(vec![jws.read(scheme, received)?]),
            Self::Message(message) => message.read(scheme, received),
        }
    }

    /// How much of a delivery the proof covers.
    pub(super) fn covers(&self, scheme: &Scheme) -> Covers {
        match self {
            Self::Jws(jws) => jws.covers(scheme),
            Self::Message(message) => message.covers(),
        }
    }

    /// Whether the proof is a token with claims.
    pub(super) const fn is_token(&self) -> bool {
        matches!(self, Self::Jws(_))
    }

    /// Whether the proof must state its expiry.
    pub(super) fn expires(&self) -> bool {
        match self {
            Self::Jws(jws) => jws.present.iter().any(|claim| **claim == *"exp"),
            Self::Message(_) => false,
        }
    }

    /// Whether the proof is valid for one URL only.
    pub(super) fn binds_url(&self) -> bool {
        match self {
            Self::Jws(jws) => jws.claims.iter().any(|(_, text)| text.has_whole_url()),
            Self::Message(message) => message.binds_url(),
        }
    }

    /// Whether the verification needs the public URL.
    pub(super) fn covers_url(&self) -> bool {
        match self {
            Self::Jws(jws) => jws.query_hash.is_some() || jws.templates().any(Template::has_url),
            // The sender chooses the components, and may choose the URL.
            Self::Message(_) => true,
        }
    }

    /// The names of the settings that the endpoint must supply.
    pub(super) fn settings(&self) -> impl Iterator<Item = &str> {
        let jws = match self {
            Self::Jws(jws) => Some(jws),
            Self::Message(_) => None,
        };
        let templates = jws.into_iter().flat_map(Jws::templates);
        templates.flat_map(Template::settings)
    }

    /// Fills in the settings of the endpoint. The error is the name of the first missing one.
    pub(super) fn set(
        &mut self,
        setting: impl Fn(&str) -> Option<Box<[u8]>>,
    ) -> Result<(), Box<str>> {
        match self {
            Self::Jws(jws) => jws
                .templates_mut()
                .try_for_each(|template| template.set(&setting)),
            Self::Message(_) => Ok(()),
        }
    }

    /// The first contradiction to the rest of the scheme.
    pub(super) fn inconsistency(&self, scheme: &Scheme) -> Option<&'static str> {
        match self {
            Self::Jws(_) => Jws::inconsistency(scheme),
            Self::Message(_) => MessageSignature::inconsistency(scheme),
        }
    }

    /// The values that a sender adds to its request, each with its place.
    pub(super) fn prove(
        &self,
        scheme: &Scheme,
        key: &Key,
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, SigningError> {
        match self {
            Self::Jws(jws) => jws.prove(scheme, key, message),
            Self::Message(rule) => rule.prove(scheme, key, message),
        }
    }
}

/// The candidate signatures of one message, with the message and its terms.
pub(super) struct EnvelopeSignature {
    pub(super) signatures: Signatures,
    pub(super) message: SignedFrame,
    pub(super) terms: Terms,
}

impl EnvelopeSignature {
    /// The proof of the message, if a key that is valid at `now` made one of the signatures.
    fn verify(&self, keys: &KeyRing, now: Timestamp, body: &[u8]) -> Option<Signature> {
        let compare = |key: &Key| key.compare(&self.message, body, self.signatures.iter());
        let (is_current, by_current) = compare(&keys.current.key)?;
        if is_current {
            return Some(Signature::by_current_key(by_current));
        }
        let (is_previous, by_previous) = compare(&keys.previous_at(now)?.key)?;
        is_previous.then(|| Signature::by_previous_key(by_current, by_previous))
    }
}

/// The envelopes of a request while the body arrives.
pub(super) struct EnvelopeVerification {
    envelopes: Vec<EnvelopeSignature>,
    digests: BodyDigests,
}

impl EnvelopeVerification {
    pub(super) fn begin(envelopes: Vec<EnvelopeSignature>) -> Self {
        let signed = envelopes.iter().flat_map(|it| &it.terms.digests);
        Self {
            digests: BodyDigests::begin(signed.map(|(algorithm, _)| *algorithm)),
            envelopes,
        }
    }

    /// Hashes the next bytes of the body.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.digests.update(bytes);
    }

    /// The first signature that a valid key made and whose terms hold.
    ///
    /// The terms are checked after the signature, so that a sender without a key learns nothing about them.
    pub(super) fn finish(
        mut self,
        scheme: &Scheme,
        body: &[u8],
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Signature, ProofError> {
        self.digests.finish();
        let mut last_error = ProofError::SignatureMismatch;
        let mut first: Option<Signature> = None;
        for envelope in &self.envelopes {
            let Some(mut signature) = envelope.verify(keys, now, body) else {
                continue;
            };
            if let Err(error) = envelope.terms.judge(scheme, &self.digests, now) {
                last_error = error;
                continue;
            }
            signature.valid_until = envelope.terms.valid_until(scheme);
            match &mut first {
                None => first = Some(signature),
                Some(first) => first.add(&signature),
            }
        }
        first.ok_or(last_error)
    }
}

/// The claims of the only token in the request, as unproven JSON.
pub(super) fn signed_claims(scheme: &Scheme, received: &PartialRequest<'_>) -> Option<Vec<u8>> {
    let token = compact::find_token(scheme, received).ok()?;
    let (_, claims, _) = compact::split(&token)?;
    compact::decode(claims).ok()
}
