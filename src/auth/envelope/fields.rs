//! Structured fields (RFC 9651), as far as signatures need them.

use std::convert::Infallible;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use sfv::visitor::{DictionaryVisitor, EntryVisitor};
use sfv::{BareItem, Dictionary, KeyRef, ListEntry, Parser};

use super::DigestAlgorithm;
use crate::auth::ProofError;

pub(super) static SIGNATURE: HeaderName = HeaderName::from_static("signature");
pub(super) static SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
pub(super) static CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The values of a field as one, the way they are signed (RFC 9421 §2.1); `None` without any.
pub(super) fn combined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut values = headers.get_all(name).iter();
    let mut combined = values.next()?.as_bytes().trim_ascii().to_vec();
    for value in values {
        combined.extend_from_slice(b", ");
        combined.extend_from_slice(value.as_bytes().trim_ascii());
    }
    Some(combined)
}

/// The dictionary in a field. The standard lets the last of several equal keys count; here they are
/// refused, because nobody can know which one the next reader takes.
///
/// Whatever is longer than any sender's, or has more pieces, is not even parsed.
pub(super) fn dictionary(text: &[u8]) -> Result<Dictionary, ProofError> {
    let pieces = text.iter().filter(|byte| b" ;,(".contains(byte)).count();
    if text.len() > MAX_FIELD_LEN || pieces > MAX_PIECES {
        return Err(ProofError::SignatureMalformed);
    }
    let parsed = Parser::new(text).parse_dictionary_with_visitor(Unique::default());
    parsed.map_err(|_| ProofError::SignatureMalformed)
}

/// The bytes of a member. The parser takes every spelling; only the canonical one counts
/// (RFC 4648 §3.5), so that a signature has no other.
pub(super) fn bytes<'d>(dictionary: &'d Dictionary, text: &[u8], key: &str) -> Option<&'d [u8]> {
    let ListEntry::Item(item) = dictionary.get(key)? else {
        return None;
    };
    let bytes = item.bare_item.as_byte_sequence()?;
    let canonical = format!("{key}=:{}:", STANDARD.encode(bytes));
    memchr::memmem::find(text, canonical.as_bytes()).map(|_| bytes)
}

/// What a `Content-Digest` (RFC 9530 §2) says, as far as its algorithms are known here.
pub(super) fn content_digests(
    headers: &HeaderMap,
) -> Result<Vec<(DigestAlgorithm, Vec<u8>)>, ProofError> {
    let text = combined(headers, &CONTENT_DIGEST).ok_or(ProofError::SignatureMalformed)?;
    let dictionary = dictionary(&text)?;
    let mut digests = Vec::new();
    for (name, algorithm, len) in [
        ("sha-256", DigestAlgorithm::Sha256, 32),
        ("sha-512", DigestAlgorithm::Sha512, 64),
    ] {
        if !dictionary.contains_key(name) {
            continue;
        }
        let digest = bytes(&dictionary, &text, name).filter(|bytes| bytes.len() == len);
        digests.push((
            algorithm,
            digest.ok_or(ProofError::SignatureMalformed)?.to_vec(),
        ));
    }
    // Insecure algorithms alone prove nothing (RFC 9530 §6.6).
    if digests.is_empty() {
        return Err(ProofError::SignatureMalformed);
    }
    Ok(digests)
}

/// The text of a parameter.
pub(super) fn text(item: &BareItem) -> Option<&str> {
    item.as_string().map(sfv::StringRef::as_str)
}

#[derive(Default)]
struct Unique(Dictionary);

impl<'de> DictionaryVisitor<'de> for Unique {
    type Out = Dictionary;
    type Error = DuplicateKeyError;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, DuplicateKeyError> {
        if self.0.contains_key(key) || self.0.len() == MAX_MEMBERS {
            return Err(DuplicateKeyError);
        }
        DictionaryVisitor::entry(&mut self.0, key).map_err(|never: Infallible| match never {})
    }

    fn finish(self) -> Result<Dictionary, DuplicateKeyError> {
        Ok(self.0)
    }
}

#[derive(Debug)]
struct DuplicateKeyError;

impl fmt::Display for DuplicateKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key stands twice, or too many do")
    }
}

impl std::error::Error for DuplicateKeyError {}

/// More signatures, or digests, than anybody sends.
const MAX_MEMBERS: usize = 8;
/// The input of several signatures, or several of RSA, with room.
const MAX_FIELD_LEN: usize = 8 * 1024;
/// Components and parameters of several signatures, with room.
const MAX_PIECES: usize = 256;
