//! What a delivery's head claims: read before the body, proven by nothing yet.

use std::borrow::Cow;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::candidates::{Signatures, Tokens, tagged};
use super::template::{Around, Token};
use super::{Head, Place, ProofError, Reading, Scheme, Source, TimestampSource};

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
        let offer = match scheme.algorithm().digest_len() {
            Some(width) => {
                let signatures = Signatures::read(&scheme.signatures, width, head)?;
                Offer::Signatures(signatures, Signed::read(scheme, head)?)
            }
            None => Offer::tokens(&Tokens::read(&scheme.signatures, head)?),
        };
        Ok(Self { offer })
    }

    /// The text at `source`, if it is there once and fit to be passed on in a header.
    ///
    /// Ids and event names that providers send beside the signature are read with this. Nothing
    /// proves them unless the scheme signs them.
    pub fn hint<'a>(source: &Source, head: &Head<'a>) -> Option<Cow<'a, str>> {
        let Reading::Value(value) = source.read(head) else {
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

/// What a signature is said to cover beside the body.
pub(super) struct Signed {
    pub(super) around: Around,
    /// When, if the scheme has a time.
    pub(super) at: Option<Timestamp>,
}

impl Signed {
    fn read(scheme: &Scheme, head: &Head<'_>) -> Result<Self, ProofError> {
        let time = match &scheme.timestamp {
            None => None,
            Some(rule) => {
                let text = match &rule.from {
                    TimestampSource::Source(source) => value_of(source, head)?,
                    TimestampSource::Tag(tag) => tagged(&scheme.signatures, tag, head)?,
                };
                let at = rule.read(&text).ok_or(ProofError::SignatureMalformed)?;
                Some((text, at))
            }
        };
        let around = scheme.signed.fill(|token| match token {
            Token::Source(source) => value_of(source, head),
            // The text as it was sent: that is what was signed.
            Token::Timestamp => {
                let text = time.as_ref().map(|(text, _)| text.clone());
                text.ok_or(ProofError::SignatureMissing)
            }
        })?;
        Ok(Self {
            around,
            at: time.map(|(_, at)| at),
        })
    }
}

fn value_of<'a>(source: &Source, head: &Head<'a>) -> Result<Cow<'a, [u8]>, ProofError> {
    match source.read(head) {
        Reading::Absent => Err(ProofError::SignatureMissing),
        Reading::Ambiguous => Err(ProofError::SignatureMalformed),
        Reading::Value(value) => Ok(value),
    }
}

/// What the head offers as proof.
pub(super) enum Offer {
    Signatures(Signatures, Signed),
    Tokens {
        /// The SHA-256 of each token: of equal length, so that comparing them tells nothing about
        /// the length of the real one.
        digests: Vec<[u8; 32]>,
        places: Vec<Place>,
    },
}

impl Offer {
    fn tokens(tokens: &Tokens<'_>) -> Self {
        Self::Tokens {
            digests: tokens
                .found
                .iter()
                .map(|(_, token)| Sha256::digest(token).into())
                .collect(),
            places: tokens
                .found
                .iter()
                .map(|(place, _)| (*place).clone())
                .collect(),
        }
    }
}

const MAX_HINT_LEN: usize = 256;
