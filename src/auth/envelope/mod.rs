//! Proofs that say themselves what they cover: a signed token, an HTTP message signature.
//!
//! Elsewhere a signature stands beside what it covers, and the scheme says what that is. Here the sender
//! writes down what it signs, with terms: until when it holds, which digest the body has. The
//! signature is judged first; what it says counts only then.

mod body_digest;
mod claims;
mod compact;
mod components;
mod defect;
mod fields;
mod jws;
mod jws_signing;
mod message_signature;
mod message_signing;
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

/// How a proof is wrapped.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Envelope {
    /// A JSON Web Signature (RFC 7515) in its compact form.
    Jws(Jws),
    /// An HTTP message signature (RFC 9421).
    Message(MessageSignature),
}

impl Envelope {
    /// Every signature that is offered, with what it is said to cover.
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

    /// How much of a delivery it proves.
    pub(super) fn covers(&self, scheme: &Scheme) -> Covers {
        match self {
            Self::Jws(jws) => jws.covers(scheme),
            Self::Message(message) => message.covers(),
        }
    }

    /// Whether it is a token with claims.
    pub(super) const fn is_token(&self) -> bool {
        matches!(self, Self::Jws(_))
    }

    /// Whether it has to say until when it holds.
    pub(super) fn expires(&self) -> bool {
        match self {
            Self::Jws(jws) => jws.present.iter().any(|claim| **claim == *"exp"),
            Self::Message(_) => false,
        }
    }

    /// Whether it holds for one URL only.
    pub(super) fn binds_url(&self) -> bool {
        match self {
            Self::Jws(jws) => jws.claims.iter().any(|(_, text)| text.has_whole_url()),
            Self::Message(message) => message.binds_url(),
        }
    }

    /// Whether it cannot be verified without the public URL.
    pub(super) fn covers_url(&self) -> bool {
        match self {
            Self::Jws(jws) => jws.query_hash.is_some() || jws.templates().any(Template::has_url),
            // The sender chooses what it covers.
            Self::Message(_) => true,
        }
    }

    /// What the endpoint has to say about itself.
    pub(super) fn settings(&self) -> impl Iterator<Item = &str> {
        let jws = match self {
            Self::Jws(jws) => Some(jws),
            Self::Message(_) => None,
        };
        let templates = jws.into_iter().flat_map(Jws::templates);
        templates.flat_map(Template::settings)
    }

    /// Puts in what the endpoint says.
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

    /// What does not fit together with the rest of the scheme, if anything.
    pub(super) fn inconsistency(&self, scheme: &Scheme) -> Option<&'static str> {
        match self {
            Self::Jws(_) => Jws::inconsistency(scheme),
            Self::Message(_) => MessageSignature::inconsistency(scheme),
        }
    }

    /// What a sender adds to its request.
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

/// Signatures with the message that they are made over, and its terms.
pub(super) struct EnvelopeSignature {
    pub(super) signatures: Signatures,
    pub(super) message: SignedFrame,
    pub(super) terms: Terms,
}

/// What was offered, while the body arrives.
pub(super) struct EnvelopeVerification {
    sealed: Vec<EnvelopeSignature>,
    digests: BodyDigests,
}

impl EnvelopeVerification {
    pub(super) fn begin(sealed: Vec<EnvelopeSignature>) -> Self {
        let wanted = sealed.iter().flat_map(|one| &one.terms.digests);
        Self {
            digests: BodyDigests::begin(wanted.map(|(algorithm, _)| *algorithm)),
            sealed,
        }
    }

    /// Takes the next bytes of the body.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.digests.update(bytes);
    }

    /// The first of the signatures that a key has made and whose terms hold.
    ///
    /// Who has made none is told nothing about terms.
    pub(super) fn open(
        mut self,
        scheme: &Scheme,
        body: &[u8],
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Signature, ProofError> {
        self.digests.finish();
        let mut refused = ProofError::SignatureMismatch;
        let mut first: Option<Signature> = None;
        for sealed in &self.sealed {
            let Some(mut made) = made_by(keys, now, sealed, body) else {
                continue;
            };
            if let Err(error) = sealed.terms.judge(scheme, &self.digests, now) {
                refused = error;
                continue;
            }
            made.valid_until = sealed.terms.valid_until(scheme);
            match &mut first {
                None => first = Some(made),
                Some(first) => first.also(&made),
            }
        }
        first.ok_or(refused)
    }
}

/// The claims of the one token that is sent, as JSON. Nothing is proven by that.
pub(super) fn signed_claims(scheme: &Scheme, received: &PartialRequest<'_>) -> Option<Vec<u8>> {
    let token = compact::token(scheme, received).ok()?;
    let (_, claims, _) = compact::parts(&token)?;
    compact::decoded(claims).ok()
}

/// The signature, if a key that counts has made it.
fn made_by(
    keys: &KeyRing,
    now: Timestamp,
    sealed: &EnvelopeSignature,
    body: &[u8],
) -> Option<Signature> {
    let compare = |key: &Key| {
        let signatures = sealed.signatures.iter();
        key.compare(&sealed.message, body, signatures)
    };
    let (is_current, by_current) = compare(&keys.current.key)?;
    if is_current {
        return Some(Signature::by_current_key(by_current));
    }
    let (is_previous, by_previous) = compare(&keys.previous_at(now)?.key)?;
    is_previous.then(|| Signature::by_previous_key(by_current, by_previous))
}
