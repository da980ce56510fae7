//! From a header's value to the proofs that it offers.

use std::borrow::Cow;

use super::algorithm::MAX_PARTS;
use super::rule::{SignatureRule, Tagged};
use super::view::View;
use super::{Algorithm, Place, ProofError, Reading};

/// The signatures that a request offers, decoded, all of a length that the algorithm can make.
pub(super) struct Signatures {
    /// Each one behind its length: one allocation for all of them.
    bytes: Vec<u8>,
}

impl Signatures {
    /// Reads what every rule finds.
    ///
    /// A value that is there but in another form is malformed only if no rule found a good one, and a
    /// part that cannot be decoded is passed over. More than a handful are nobody's honest delivery.
    pub(super) fn read(
        rules: &[SignatureRule],
        algorithm: Algorithm,
        received: &View<'_>,
    ) -> Result<Self, ProofError> {
        let Some(lengths) = algorithm.signature_len() else {
            return Err(ProofError::SignatureMalformed);
        };
        let most = algorithm.max_candidates();
        let mut bytes = Vec::new();
        let (mut present, mut ambiguous, mut offered) = (false, false, 0_usize);
        let mut decoded = 0_usize;
        for rule in rules {
            rule.from.read_each(received, |reading| {
                let value = match reading {
                    Reading::Absent => return,
                    Reading::Ambiguous | Reading::Unreadable => {
                        ambiguous = true;
                        return;
                    }
                    Reading::Value(value) => value,
                };
                present = true;
                let older_tag = rule.older_tag_of(&value);
                for part in rule.parts(&value) {
                    offered += 1;
                    if offered > MAX_PARTS || decoded > most {
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
        match (bytes.is_empty(), present) {
            _ if ambiguous || offered > MAX_PARTS || decoded > most => {
                Err(ProofError::SignatureMalformed)
            }
            (false, _) => Ok(Self { bytes }),
            (true, true) => Err(ProofError::SignatureMalformed),
            (true, false) => Err(ProofError::SignatureMissing),
        }
    }

    /// One that was decoded elsewhere.
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

/// Appends what `decode` appends, behind its length; nothing if it gives `false`.
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

/// What stands under `tag` in the values of the signatures. It has to be there exactly once.
pub(super) fn tagged<'a>(
    rules: &[SignatureRule],
    tag: &str,
    received: &View<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    let mut found = None;
    for rule in rules {
        let mut twice = false;
        rule.from.read_each(received, |reading| {
            let Reading::Value(value) = reading else {
                return;
            };
            for part in rule.parts(&value).take(MAX_PARTS) {
                if let Some(text) = rule.after(tag, part) {
                    twice |= found.replace(text.to_vec()).is_some();
                }
            }
        });
        if twice {
            return Err(ProofError::SignatureMalformed);
        }
    }
    found.map(Cow::Owned).ok_or(ProofError::SignatureMalformed)
}

/// The first part of the one value of the signatures.
pub(super) fn first<'a>(
    rules: &[SignatureRule],
    received: &View<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    let found = rules
        .first()
        .map(|rule| (rule, rule.from.read_in(received)));
    let Some((rule, Reading::Value(value))) = found else {
        return Err(ProofError::SignatureMalformed);
    };
    let part = rule.parts(&value).next().unwrap_or_default();
    Ok(Cow::Owned(part.to_vec()))
}

/// The tokens that a head offers, with the places where they were.
pub(super) struct Tokens<'a> {
    pub(super) found: Vec<(&'a Place, Cow<'a, [u8]>)>,
}

impl<'a> Tokens<'a> {
    /// Reads what every rule finds. An empty token is none.
    pub(super) fn read(
        rules: &'a [SignatureRule],
        received: &View<'a>,
    ) -> Result<Self, ProofError> {
        let mut found = Vec::new();
        for rule in rules {
            match rule.from.found(received) {
                None | Some((_, Reading::Absent)) => {}
                Some((_, Reading::Ambiguous | Reading::Unreadable)) => {
                    return Err(ProofError::TokenMismatch);
                }
                Some((place, Reading::Value(value))) => {
                    let token = match &value {
                        Cow::Borrowed(value) => rule.untag(value).map(Cow::Borrowed),
                        Cow::Owned(value) => rule.untag(value).map(|text| Cow::Owned(text.into())),
                    };
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

impl SignatureRule {
    /// The proofs that one value holds.
    fn parts<'v>(&self, value: &'v [u8]) -> impl Iterator<Item = &'v [u8]> {
        let split = self.split;
        let mut rest = Some(value);
        std::iter::from_fn(move || {
            let text = rest.take()?;
            let Some(split) = split else {
                return Some(text);
            };
            let end = memchr::memchr(split, text).unwrap_or(text.len());
            let (part, after) = text.split_at_checked(end)?;
            rest = after.get(1..);
            Some(part.trim_ascii())
        })
    }

    /// The word of the older version, if it counts: no proof of the newer version stands in `value`.
    fn older_tag_of(&self, value: &[u8]) -> Option<&str> {
        let older = self.older_tag.as_deref()?;
        let newer = self.parts(value).any(|part| self.untag(part).is_some());
        (!newer).then_some(older)
    }

    /// What stands after the tag; `None` if the value does not begin with it.
    pub(super) fn untag<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        match &self.tagged {
            None => Some(value),
            Some(Tagged { tag: Some(tag), .. }) => self.after(tag, value),
            Some(Tagged {
                tag: None,
                separator,
            }) => {
                let mut utf8 = [0; 4];
                let separator = separator.encode_utf8(&mut utf8).as_bytes();
                let at = memchr::memmem::find(value, separator)?;
                value.get(at + separator.len()..)
            }
        }
    }

    /// What stands after `tag` and the separator.
    fn after<'v>(&self, tag: &str, value: &'v [u8]) -> Option<&'v [u8]> {
        let mut separator_utf8 = [0; 4];
        let separator = self.tagged.as_ref()?.separator;
        let separator = separator.encode_utf8(&mut separator_utf8).as_bytes();
        let (word, rest) = value.split_at_checked(tag.len())?;
        let rest = rest.strip_prefix(separator)?;
        // The name of an HTTP authentication scheme is case-insensitive, and any number of spaces
        // may follow it (RFC 9110 §11.1, §11.4); every other tag is exact.
        if self.from.is_authorization() {
            word.eq_ignore_ascii_case(tag.as_bytes())
                .then(|| rest.trim_ascii_start())
        } else {
            (word == tag.as_bytes()).then_some(rest)
        }
    }
}
