//! From a header's value to the proofs that it offers.

use std::borrow::Cow;

use super::scheme::{SignatureRule, Tagged};
use super::source::Reading;
use super::{Head, ProofError};

/// The signatures that a head offers, decoded, all of the algorithm's length.
pub(super) struct Signatures {
    width: usize,
    bytes: Vec<u8>,
}

impl Signatures {
    /// Reads what every rule finds.
    ///
    /// A value that is there but in another form is malformed only if no rule found a good one.
    pub(super) fn read(
        rules: &[SignatureRule],
        width: usize,
        head: &Head<'_>,
    ) -> Result<Self, ProofError> {
        let mut found = Self {
            width,
            bytes: Vec::new(),
        };
        let mut present = false;
        for rule in rules {
            match rule.from.read(head) {
                Reading::Absent => continue,
                Reading::Ambiguous => return Err(ProofError::SignatureMalformed),
                Reading::Value(value) => {
                    if let Some(text) = rule.untag(&value) {
                        rule.encoding.decode(text, width, &mut found.bytes);
                    }
                }
            }
            present = true;
        }
        match (found.bytes.is_empty(), present) {
            (false, _) => Ok(found),
            (true, true) => Err(ProofError::SignatureMalformed),
            (true, false) => Err(ProofError::SignatureMissing),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.width)
    }
}

/// The tokens that a head offers, with the rules that found them.
pub(super) struct Tokens<'a> {
    pub(super) found: Vec<(&'a SignatureRule, Cow<'a, [u8]>)>,
}

impl<'a> Tokens<'a> {
    /// Reads what every rule finds. An empty token is none.
    pub(super) fn read(rules: &'a [SignatureRule], head: &Head<'a>) -> Result<Self, ProofError> {
        let mut found = Vec::new();
        for rule in rules {
            match rule.from.read(head) {
                Reading::Absent => {}
                Reading::Ambiguous => return Err(ProofError::TokenMismatch),
                Reading::Value(value) => {
                    let token = match &value {
                        Cow::Borrowed(value) => rule.untag(value).map(Cow::Borrowed),
                        Cow::Owned(value) => rule.untag(value).map(|text| Cow::Owned(text.into())),
                    };
                    found.extend(token.filter(|t| !t.is_empty()).map(|t| (rule, t)));
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
    /// What stands after the tag; `None` if the value does not begin with it.
    fn untag<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        let Some(Tagged { separator, tag }) = &self.tagged else {
            return Some(value);
        };
        let mut separator_utf8 = [0; 4];
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
