//! Reads the candidate proofs of a delivery: decoded signatures, tagged values and tokens.

use std::borrow::Cow;

use super::algorithm::MAX_PARTS;
use super::rule::SignatureRule;
use super::view::View;
use super::{Algorithm, Place, PlaceValue, ProofError};

/// The decoded signatures of a request. Each has a length that the algorithm can produce.
pub(super) struct Signatures {
    /// Each signature after its length, so that all of them take one allocation.
    bytes: Vec<u8>,
}

impl Signatures {
    /// Reads the signatures at the places of all rules.
    ///
    /// A part that does not decode is skipped. The request is malformed if a value is present but no part decodes, or
    /// if there are more parts or signatures than any provider sends.
    pub(super) fn read(
        rules: &[SignatureRule],
        algorithm: Algorithm,
        received: &View<'_>,
    ) -> Result<Self, ProofError> {
        let Some(lengths) = algorithm.signature_len() else {
            return Err(ProofError::SignatureMalformed);
        };
        let max_decoded = algorithm.max_candidates();
        let mut bytes = Vec::new();
        let (mut is_present, mut is_ambiguous, mut part_count) = (false, false, 0_usize);
        let mut decoded = 0_usize;
        for rule in rules {
            rule.from.read_each(received, |reading| {
                let value = match reading {
                    PlaceValue::Absent => return,
                    PlaceValue::Ambiguous | PlaceValue::Unreadable => {
                        is_ambiguous = true;
                        return;
                    }
                    PlaceValue::Value(value) => value,
                };
                is_present = true;
                let older_tag = rule.older_tag_of(&value);
                for part in rule.parts(&value) {
                    part_count += 1;
                    if part_count > MAX_PARTS || decoded > max_decoded {
                        return;
                    }
                    let text = match older_tag {
                        None => rule.untag(part),
                        Some(tag) => rule.after(tag, part),
                    };
                    if let Some(text) = text {
                        let before = bytes.len();
                        push(&mut bytes, |into| {
                            rule.encoding.decode(text, &lengths, into)
                        });
                        decoded += usize::from(bytes.len() > before);
                    }
                }
            });
        }
        match (bytes.is_empty(), is_present) {
            _ if is_ambiguous || part_count > MAX_PARTS || decoded > max_decoded => {
                Err(ProofError::SignatureMalformed)
            }
            (false, _) => Ok(Self { bytes }),
            (true, true) => Err(ProofError::SignatureMalformed),
            (true, false) => Err(ProofError::SignatureMissing),
        }
    }

    /// A signature that an envelope already decoded.
    pub(super) fn one(signature: &[u8]) -> Self {
        let mut bytes = Vec::new();
        push(&mut bytes, |into| {
            into.extend_from_slice(signature);
            true
        });
        Self { bytes }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first_chunk()?;
            let (signature, after) = after.split_at_checked(u16::from_ne_bytes(*len).into())?;
            rest = after;
            Some(signature)
        })
    }
}

/// Appends a length and the bytes that `decode` appends; nothing if `decode` returns `false`.
fn push(bytes: &mut Vec<u8>, decode: impl FnOnce(&mut Vec<u8>) -> bool) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 2]);
    let decoded = decode(bytes);
    let len = u16::try_from(bytes.len() - start - 2);
    match (decoded, len, bytes.get_mut(start..start + 2)) {
        (true, Ok(len), Some(prefix)) => prefix.copy_from_slice(&len.to_ne_bytes()),
        _ => bytes.truncate(start),
    }
}

/// The text after `tag` in the signature values, which must contain the tag exactly once.
pub(super) fn tagged_text<'a>(
    rules: &[SignatureRule],
    tag: &str,
    received: &View<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    let mut found = None;
    for rule in rules {
        let mut is_repeated = false;
        rule.from.read_each(received, |reading| {
            let PlaceValue::Value(value) = reading else {
                return;
            };
            for part in rule.parts(&value).take(MAX_PARTS) {
                if let Some(text) = rule.after(tag, part) {
                    is_repeated |= found.replace(text.to_vec()).is_some();
                }
            }
        });
        if is_repeated {
            return Err(ProofError::SignatureMalformed);
        }
    }
    found.map(Cow::Owned).ok_or(ProofError::SignatureMalformed)
}

/// The first part of the signature value, where some senders put the timestamp.
pub(super) fn first_part<'a>(
    rules: &[SignatureRule],
    received: &View<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    let found = rules
        .first()
        .map(|rule| (rule, rule.from.read_in(received)));
    let Some((rule, PlaceValue::Value(value))) = found else {
        return Err(ProofError::SignatureMalformed);
    };
    let part = rule.parts(&value).next().unwrap_or_default();
    Ok(Cow::Owned(part.to_vec()))
}

/// The tokens of a request, each with its place.
pub(super) struct Tokens<'a> {
    pub(super) found: Vec<(&'a Place, Cow<'a, [u8]>)>,
}

impl<'a> Tokens<'a> {
    /// Reads the tokens at the places of all rules. An empty token counts as absent.
    pub(super) fn read(
        rules: &'a [SignatureRule],
        received: &View<'a>,
    ) -> Result<Self, ProofError> {
        let mut found = Vec::new();
        for rule in rules {
            match rule.from.find(received) {
                None | Some((_, PlaceValue::Absent)) => {}
                Some((_, PlaceValue::Ambiguous | PlaceValue::Unreadable)) => {
                    return Err(ProofError::TokenMismatch);
                }
                Some((place, PlaceValue::Value(value))) => {
                    let token = rule.untag_value(value);
                    found.extend(token.filter(|t| !t.is_empty()).map(|t| (place, t)));
                }
            }
        }
        if found.is_empty() {
            return Err(ProofError::TokenMissing);
        }
        Ok(Self { found })
    }
}
