//! Structured fields (RFC 9651), to the extent that message signatures use them.

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

/// All values of a header as one value, as they are signed (RFC 9421 §2.1); `None` if the header is absent.
pub(super) fn combined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut values = headers.get_all(name).iter();
    let mut combined = values.next()?.as_bytes().trim_ascii().to_vec();
    for value in values {
        combined.extend_from_slice(b", ");
        combined.extend_from_slice(value.as_bytes().trim_ascii());
    }
    Some(combined)
}

/// Parses a dictionary.
///
/// RFC 9651 lets the last of several equal keys count. Here a repeated key is an error, because another parser may take
/// another one. A field that is too long or has too many pieces is rejected before it is parsed.
pub(super) fn dictionary(text: &[u8]) -> Result<Dictionary, ProofError> {
    let pieces = text.iter().filter(|byte| b" ;,(".contains(byte)).count();
    if text.len() > MAX_FIELD_LEN || pieces > MAX_PIECES {
        return Err(ProofError::SignatureMalformed);
    }
    let parsed = Parser::new(text).parse_dictionary_with_visitor(UniqueKeysVisitor::default());
    parsed.map_err(|_| ProofError::SignatureMalformed)
}

/// The bytes of the member `key`.
///
/// The parser accepts every base64 spelling. Only the canonical one counts (RFC 4648 §3.5), so that a signature has one
/// spelling.
pub(super) fn bytes<'d>(dictionary: &'d Dictionary, text: &[u8], key: &str) -> Option<&'d [u8]> {
    let ListEntry::Item(item) = dictionary.get(key)? else {
        return None;
    };
    let bytes = item.bare_item.as_byte_sequence()?;
    let canonical = format!("{key}=:{}:", STANDARD.encode(bytes));
    memchr::memmem::find(text, canonical.as_bytes()).map(|_| bytes)
}

/// The digests in `Content-Digest` (RFC 9530 §2) with a supported algorithm.
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

/// The value of a parameter, if it is a string.
pub(super) fn text(item: &BareItem) -> Option<&str> {
    item.as_string().map(sfv::StringRef::as_str)
}

/// Builds a dictionary and rejects a repeated key.
#[derive(Default)]
struct UniqueKeysVisitor(Dictionary);

impl<'de> DictionaryVisitor<'de> for UniqueKeysVisitor {
    type Out = Dictionary;
    type Error = DictionaryKeyError;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, DictionaryKeyError> {
        if self.0.contains_key(key) || self.0.len() == MAX_MEMBERS {
            return Err(DictionaryKeyError);
        }
        DictionaryVisitor::entry(&mut self.0, key).map_err(|never: Infallible| match never {})
    }

    fn finish(self) -> Result<Dictionary, DictionaryKeyError> {
        Ok(self.0)
    }
}

#[derive(Debug)]
struct DictionaryKeyError;

impl fmt::Display for DictionaryKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is repeated, or there are too many keys")
    }
}

impl std::error::Error for DictionaryKeyError {}

/// Senders send fewer signatures and fewer digests.
const MAX_MEMBERS: usize = 8;
/// In bytes. It leaves room for several signatures of RSA, or for the input of several signatures.
const MAX_FIELD_LEN: usize = 8 * 1024;
/// It leaves room for the components and parameters of several signatures.
const MAX_PIECES: usize = 256;
