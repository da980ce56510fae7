//! From a header's value to the proofs that it offers.

use std::borrow::Cow;

use super::scheme::{SignatureRule, Tagged};
use super::{Head, Place, ProofError, Reading};

/// The signatures that a head offers, decoded, all of the algorithm's length.
pub(super) struct Signatures {
    width: usize,
    bytes: Vec<u8>,
}

impl Signatures {
    /// Reads what every rule finds.
    ///
    /// A value that is there but in another form is malformed only if no rule found a good one, and a
    /// part that cannot be decoded is passed over. More than a handful are nobody's honest delivery.
    pub(super) fn read(
        rules: &[SignatureRule],
        width: usize,
        head: &Head<'_>,
    ) -> Result<Self, ProofError> {
        let mut found = Self {
            width,
            bytes: Vec::new(),
        };
        let (mut present, mut ambiguous, mut offered) = (false, false, 0_usize);
        for rule in rules {
            rule.from.read_each(head, |reading| {
                let value = match reading {
                    Reading::Absent => return,
                    Reading::Ambiguous => {
                        ambiguous = true;
                        return;
                    }
                    Reading::Value(value) => value,
                };
                present = true;
                for part in rule.parts(&value) {
                    offered += 1;
                    if offered > MAX_CANDIDATES {
                        return;
                    }
                    if let Some(text) = rule.untag(part) {
                        rule.encoding.decode(text, width, &mut found.bytes);
                    }
                }
            });
        }
        match (found.bytes.is_empty(), present) {
            _ if ambiguous || offered > MAX_CANDIDATES => Err(ProofError::SignatureMalformed),
            (false, _) => Ok(found),
            (true, true) => Err(ProofError::SignatureMalformed),
            (true, false) => Err(ProofError::SignatureMissing),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.width)
    }
}

/// What stands under `tag` in the values of the signatures. It has to be there exactly once.
pub(super) fn tagged<'a>(
    rules: &[SignatureRule],
    tag: &str,
    head: &Head<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    let mut found = None;
    for rule in rules {
        let mut twice = false;
        rule.from.read_each(head, |reading| {
            let Reading::Value(value) = reading else {
                return;
            };
            for part in rule.parts(&value) {
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

/// The tokens that a head offers, with the places where they were.
pub(super) struct Tokens<'a> {
    pub(super) found: Vec<(&'a Place, Cow<'a, [u8]>)>,
}

impl<'a> Tokens<'a> {
    /// Reads what every rule finds. An empty token is none.
    pub(super) fn read(rules: &'a [SignatureRule], head: &Head<'a>) -> Result<Self, ProofError> {
        let mut found = Vec::new();
        for rule in rules {
            match rule.from.found(head) {
                None | Some((_, Reading::Absent)) => {}
                Some((_, Reading::Ambiguous)) => return Err(ProofError::TokenMismatch),
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
        value
            .split(move |byte| Some(*byte) == split)
            .map(move |part| {
                if split.is_some() {
                    part.trim_ascii()
                } else {
                    part
                }
            })
    }

    /// What stands after the tag; `None` if the value does not begin with it.
    fn untag<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        match &self.tagged {
            None => Some(value),
            Some(Tagged { tag, .. }) => self.after(tag, value),
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

/// More than any provider sends, however many of its keys are in use.
const MAX_CANDIDATES: usize = 64;
