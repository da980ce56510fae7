//! What a delivery's head claims: read before the body, proven by nothing yet.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::candidates::{Signatures, Tokens};
use super::envelope::{Envelope, Sealed};
use super::signed::Signed;
use super::view::View;
use super::{
    Algorithm, Encoding, Head, Place, ProofError, Reading, Received, Scheme, SignatureRule, Source,
    groups,
};

/// The unproven claim of a head.
///
/// A head without a usable proof gives an error here, before a key is fetched or a byte of the body
/// is read.
pub struct Claim {
    pub(super) offer: Offer,
}

impl Claim {
    /// Reads the claim that `scheme` looks for.
    pub fn read(scheme: &Scheme, head: &Head<'_>) -> Result<Self, ProofError> {
        scheme.check_required(head)?;
        if overlong_proof(scheme, head).is_some() {
            return Err(ProofError::SignatureMalformed);
        }
        let received = Received::from(*head);
        let view = View::of(scheme, received);
        let (signs, waits) = (scheme.covers_body(), scheme.waits_for_body());
        let offer = if !signs && waits {
            Offer::InBody
        } else if !signs {
            Offer::Tokens(OfferedTokens::read(scheme, &view)?)
        } else if let (Some(envelope), false) = (&scheme.envelope, waits) {
            Offer::Sealed(Envelope::read(envelope, scheme, &received)?)
        } else if let Some(groups) = groups::read(scheme, head) {
            Offer::Sealed(groups?)
        } else if waits {
            let in_head = |rule: &SignatureRule| !rule.from.is_in_body();
            if scheme.signatures.iter().all(in_head) {
                // It is read again with the body; who sends none need not send the body.
                Signatures::read(&scheme.signatures, scheme.algorithm(), &view)?;
            }
            Offer::InBody
        } else {
            Offer::Signatures(Signed::claimed(scheme, &view)?)
        };
        Ok(Self { offer })
    }

    /// Whether a signature that `scheme` looks for stands in the head, whatever it is worth.
    pub fn is_signed(scheme: &Scheme, head: &Head<'_>) -> bool {
        let received = Received::from(*head);
        let mut rules = scheme.signatures.iter();
        scheme.covers_body()
            && rules
                .any(|rule| !rule.from.is_in_body() && rule.from.read(&received) != Reading::Absent)
    }

    /// The text at `source`, if it is there once and fit to be passed on in a header.
    ///
    /// Ids that providers send beside the signature are read with this. Nothing proves them unless the
    /// scheme signs them.
    pub fn hint<'a>(source: &Source, received: &Received<'a>) -> Option<Cow<'a, str>> {
        let Reading::Value(value) = source.read(received) else {
            return None;
        };
        let text = match value {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
        };
        let fit = !text.is_empty()
            && text.len() <= MAX_HINT_LEN
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        fit.then_some(text)
    }
}

/// What the head offers as proof.
pub(super) enum Offer {
    /// It is in the body, or needs it.
    InBody,
    /// Each with what it says it is made over.
    Sealed(Vec<Sealed>),
    Signatures((Signatures, Signed)),
    Tokens(OfferedTokens),
}

/// Tokens, and where they were.
pub(super) struct OfferedTokens {
    /// The SHA-256 of each token: of equal length, so that comparing them tells nothing about
    /// the length of the real one.
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

/// The header of a signature that is longer than any: nothing is proven yet, and parsing it costs more than its bytes.
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
/// Longer than the signature headers of the presets: signed tokens and message signatures are the longest of them.
const MAX_PROOF_LEN: usize = 8 * 1024;
/// Longer than any token that a header is meant for; what is longer is not even hashed.
const MAX_TOKEN_LEN: usize = 8 * 1024;
