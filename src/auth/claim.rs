//! The claim in a delivery's head: signatures or tokens, read before the body and still unproven.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::candidates::{Signatures, Tokens};
use super::envelope::{Envelope, EnvelopeSignature};
use super::place::into_text;
use super::signed::SignedMessages;
use super::view::View;
use super::{
    Algorithm, Encoding, Head, PartialRequest, Place, PlaceValue, ProofError, Scheme,
    SignatureRule, Source, groups,
};

/// The unproven claim of a head.
///
/// A head without a usable proof is rejected here, before the gate fetches a key or reads the body.
pub struct Claim {
    pub(super) offer: Offer,
}

impl Claim {
    /// Reads the claim at the places that `scheme` names.
    pub fn read(scheme: &Scheme, head: &Head<'_>) -> Result<Self, ProofError> {
        scheme.check_required(head)?;
        if overlong_proof(scheme, head).is_some() {
            return Err(ProofError::SignatureMalformed);
        }
        let received = PartialRequest::from(*head);
        let view = View::of(scheme, received);
        let (signs, waits) = (scheme.covers_body(), scheme.waits_for_body());
        let offer = if !signs && waits {
            Offer::InBody
        } else if !signs {
            Offer::Tokens(OfferedTokens::read(scheme, &view)?)
        } else if let (Some(envelope), false) = (&scheme.envelope, waits) {
            Offer::Envelopes(Envelope::read(envelope, scheme, &received)?)
        } else if let Some(groups) = groups::read(scheme, head) {
            Offer::Envelopes(groups?)
        } else if waits {
            let in_head = |rule: &SignatureRule| !rule.from.is_in_body();
            if scheme.signatures.iter().all(in_head) {
                // `finish` reads the signatures again. A head without one is rejected before its body.
                Signatures::read(&scheme.signatures, scheme.algorithm(), &view)?;
            }
            Offer::InBody
        } else {
            Offer::Signatures(SignedMessages::with_signatures(scheme, &view)?)
        };
        Ok(Self { offer })
    }

    /// Whether the head has a signature at a place that `scheme` names, valid or not.
    pub fn is_signed(scheme: &Scheme, head: &Head<'_>) -> bool {
        let received = PartialRequest::from(*head);
        let mut rules = scheme.signatures.iter();
        scheme.covers_body()
            && rules.any(|rule| {
                !rule.from.is_in_body() && rule.from.read(&received) != PlaceValue::Absent
            })
    }

    /// The time of signing according to the sender; unproven.
    pub fn signed_at(&self) -> Option<Timestamp> {
        match &self.offer {
            Offer::Signatures((_, signed)) => signed.at,
            Offer::Envelopes(envelopes) => envelopes.first()?.terms.at,
            Offer::InBody | Offer::Tokens(_) => None,
        }
    }

    /// The text at `source`, if there is exactly one value and it is safe in a header.
    ///
    /// Delivery ids are read with this. They are unproven unless the scheme signs them.
    pub fn hint<'a>(source: &Source, received: &PartialRequest<'a>) -> Option<Cow<'a, str>> {
        let PlaceValue::Value(value) = source.read(received) else {
            return None;
        };
        let text = into_text(value)?;
        let is_safe = !text.is_empty()
            && text.len() <= MAX_HINT_LEN
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_safe.then_some(text)
    }
}

/// The proof that a head offers.
pub(super) enum Offer {
    /// The proof, or a signed value, is in the body.
    InBody,
    /// Signatures, each with its own message and terms.
    Envelopes(Vec<EnvelopeSignature>),
    /// Signatures that share their messages.
    Signatures((Signatures, SignedMessages)),
    /// Tokens that are compared with the secret.
    Tokens(OfferedTokens),
}

/// The tokens of a head and their places.
pub(super) struct OfferedTokens {
    /// The SHA-256 of each token: digests have one length, so comparing them does not reveal the length of the secret.
    pub(super) digests: Vec<[u8; 32]>,
    pub(super) places: Vec<Place>,
}

impl OfferedTokens {
    pub(super) fn read<'a>(scheme: &'a Scheme, received: &View<'a>) -> Result<Self, ProofError> {
        let tokens = Tokens::read(&scheme.signatures, received)?;
        if tokens
            .found
            .iter()
            .any(|(_, token)| token.len() > MAX_TOKEN_LEN)
        {
            return Err(ProofError::TokenMismatch);
        }
        let digest = |(_, token): &(&Place, Cow<'_, [u8]>)| match scheme.algorithm() {
            Algorithm::Basic => {
                let pair = Encoding::Base64.decode_any(token);
                pair.map(|pair| Sha256::digest(&*pair).into())
            }
            _ => Some(Sha256::digest(token).into()),
        };
        let digests = tokens.found.iter().map(digest).collect::<Option<_>>();
        Ok(Self {
            digests: digests.ok_or(ProofError::TokenMismatch)?,
            places: tokens
                .found
                .iter()
                .map(|(place, _)| (*place).clone())
                .collect(),
        })
    }
}

/// The first signature header that is too long to parse. Parsing unproven input costs more than receiving it.
pub(super) fn overlong_proof<'s>(scheme: &'s Scheme, head: &Head<'_>) -> Option<&'s HeaderName> {
    if !scheme.covers_body() {
        return None;
    }
    let places = scheme.signatures.iter().flat_map(|rule| rule.from.places());
    let mut names = places.filter_map(|place| match place {
        Place::Header(name) => Some(name),
        Place::Body | Place::Form(_) | Place::Json(_) | Place::Query(_) => None,
    });
    names.find(|name| {
        let values = head.headers.get_all(*name).iter();
        values.map(HeaderValue::len).sum::<usize>() > MAX_PROOF_LEN
    })
}

const MAX_HINT_LEN: usize = 256;
/// The longest signature headers of the presets (JWS, RFC 9421) stay below this.
const MAX_PROOF_LEN: usize = 8 * 1024;
/// Longer tokens are rejected before they are hashed.
const MAX_TOKEN_LEN: usize = 8 * 1024;
