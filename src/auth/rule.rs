//! The place of a proof in a request, and its form there: separators, tag and text encoding.

use std::borrow::Cow;
use std::fmt;

use http::HeaderName;

use super::algorithm::MAX_PARTS;
use super::{Encoding, Place, Source};

/// A place where a sender may put its proof, and the form of the proof there.
///
/// The value is split into parts at `split`, and each part once at `separator`. A part counts if the text before the
/// separator equals `tag`. So `sha256=…` has the separator `=` and the tag `sha256`; `Bearer …` has a space and
/// `Bearer`. `v1=…,v1=…` is split at the comma.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureRule {
    /// Where the value is read.
    pub from: Source,
    /// The character between complete signatures, each with its own timestamp.
    pub groups: Option<u8>,
    /// The character between the proofs in one value; white space around a proof is ignored.
    pub split: Option<u8>,
    /// The tag before the proof; `None` if the whole value is the proof.
    pub tagged: Option<ProofTag>,
    /// The tag of an older signature version. A proof with it counts only if the value has no proof with the tag of
    /// `tagged`.
    pub older_tag: Option<Box<str>>,
    /// The text encoding of a signature.
    pub encoding: Encoding,
}

impl SignatureRule {
    /// A placeholder for an HTTP message signature (RFC 9421), which has its own parser. It only names the header.
    pub(super) fn of_message() -> Self {
        Self {
            from: Place::Header(HeaderName::from_static("signature")).into(),
            groups: None,
            split: None,
            tagged: None,
            older_tag: None,
            encoding: Encoding::Base64,
        }
    }

    /// The proofs in one value.
    pub(super) fn parts<'v>(&self, value: &'v [u8]) -> impl Iterator<Item = &'v [u8]> {
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

    /// The older tag, if it counts for `value`: no part has the newer tag.
    pub(super) fn older_tag_of(&self, value: &[u8]) -> Option<&str> {
        let older = self.older_tag.as_deref()?;
        // A value with more parts is rejected.
        let mut parts = self.parts(value).take(MAX_PARTS + 1);
        let has_newer = parts.any(|part| self.untag(part).is_some());
        (!has_newer).then_some(older)
    }

    /// The text after the tag; `None` if `value` does not begin with it.
    pub(super) fn untag<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        match &self.tagged {
            None => Some(value),
            Some(ProofTag { tag: Some(tag), .. }) => self.after(tag, value),
            Some(ProofTag {
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

    /// [`untag`](Self::untag), without a copy of a borrowed value.
    pub(super) fn untag_value<'v>(&self, value: Cow<'v, [u8]>) -> Option<Cow<'v, [u8]>> {
        match value {
            Cow::Borrowed(value) => self.untag(value).map(Cow::Borrowed),
            Cow::Owned(value) => self.untag(&value).map(|text| Cow::Owned(text.to_vec())),
        }
    }

    /// The text after `tag` and the separator.
    pub(super) fn after<'v>(&self, tag: &str, value: &'v [u8]) -> Option<&'v [u8]> {
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

    /// `proof` with the tag of the rule before it, as a sender writes it.
    pub(super) fn tag(&self, proof: &str) -> String {
        match &self.tagged {
            None => proof.to_owned(),
            Some(tagged) => format!("{tagged}{proof}"),
        }
    }

    /// The characters that a sender writes after a tag and between parts.
    pub(super) fn separators(&self) -> (char, char) {
        let separator = self.tagged.as_ref().map_or('=', |tagged| tagged.separator);
        (separator, self.split.map_or(',', char::from))
    }
}

/// The tag before a proof, such as `sha256=` or `Bearer `.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProofTag {
    /// The character after the tag.
    pub separator: char,
    /// The tag; `None` accepts any text before the separator.
    pub tag: Option<Box<str>>,
}

impl fmt::Display for ProofTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = self.tag.as_deref().unwrap_or_default();
        write!(f, "{tag}{}", self.separator)
    }
}
