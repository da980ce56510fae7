//! How the text of a secret becomes a key: prefixes, encodings, and checks against keys of the wrong kind.

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use sha1::{Digest, Sha1};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::key_text::{KeyHalf, from_pem, is_pem};
use super::{Algorithm, Key, KeyKind, SecretError, is_trivial_secret};

/// The algorithm of a key and the text form of its secret.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyForm {
    /// The algorithm that uses the key.
    pub algorithm: Algorithm,
    /// An optional prefix of the text that is not part of the key.
    pub strip: Option<Box<str>>,
    /// Alternatives to `strip`; the first prefix that matches is removed.
    pub strip_else: Vec<Box<str>>,
    /// The text encoding of the key.
    pub encoding: KeyEncoding,
}

impl KeyForm {
    /// The text of the secret is the key.
    pub const fn plain(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            strip: None,
            strip_else: Vec::new(),
            encoding: KeyEncoding::Utf8,
        }
    }

    /// Prepares a stored secret that was bound as `bound_as`. Fails if the algorithm needs another kind.
    ///
    /// With a public key as the shared secret, everybody could sign. A token is sent in deliveries, so it is not secret enough
    /// for signatures.
    pub fn prepare_bound(
        &self,
        bound_as: Option<KeyKind>,
        secret: &[u8],
    ) -> Result<Key, SecretError> {
        let needed = self.algorithm.key_kind();
        if bound_as != Some(needed) {
            return Err(SecretError::OtherKind { bound_as, needed });
        }
        self.prepare(secret)
    }

    /// The text without its prefix.
    pub fn stripped<'t>(&self, secret: &'t [u8]) -> &'t [u8] {
        let mut prefixes = self.strip.iter().chain(&self.strip_else);
        let stripped = prefixes.find_map(|prefix| secret.strip_prefix(prefix.as_bytes()));
        stripped.unwrap_or(secret)
    }

    /// The length of the key in bytes; `None` if the text does not decode.
    pub fn key_len(&self, secret: &[u8]) -> Option<usize> {
        let text = self.stripped(secret);
        let decoded = match self.encoding {
            KeyEncoding::Base64 => KEY_BASE64.decode(text).ok()?,
            KeyEncoding::Hex => hex::decode(text).ok()?,
            KeyEncoding::Base64OrUtf8
            | KeyEncoding::Nfkd
            | KeyEncoding::Sha1
            | KeyEncoding::Utf8 => return Some(text.len()),
        };
        Some(Zeroizing::new(decoded).len())
    }

    /// Prepares `secret` without a check of the kind that it was bound as.
    pub fn prepare(&self, secret: &[u8]) -> Result<Key, SecretError> {
        // White space around a public key comes from its file. Around a shared secret it may be part of the secret.
        let secret = if self.algorithm.is_public_key() {
            secret.trim_ascii()
        } else {
            secret
        };
        let text = self.stripped(secret);
        // Checked before decoding, because everybody knows the SHA-1 of an empty text.
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        // Everybody may know a public key: as a MAC key it would let everybody sign.
        let is_stripped = text.len() < secret.len();
        let without_prefix = || is_stripped.then(|| KeyHalf::find(text)).flatten();
        match KeyHalf::find(secret).or_else(without_prefix) {
            Some(KeyHalf::Private) => return Err(SecretError::PrivateKey),
            Some(KeyHalf::Public) if !self.algorithm.is_public_key() => {
                return Err(SecretError::PublicKey);
            }
            Some(KeyHalf::Public) | None => {}
        }
        // A script with an unset variable produces a pair without a password.
        if self.algorithm == Algorithm::Basic && !is_pair(text) {
            return Err(SecretError::Empty);
        }
        let decoded = match self.encoding {
            // Operators often have a PEM file, even if the provider documents another encoding.
            _ if self.algorithm.is_public_key() && is_pem(text) => from_pem(text),
            // A public key is never plain text: without a declared encoding it is hexadecimal or base64.
            KeyEncoding::Utf8 if self.algorithm.is_public_key() => {
                let plain = Key::prepare(self.algorithm, text);
                let decoded = [hex::decode(text).ok(), KEY_BASE64.decode(text).ok()];
                let mut keys = decoded.into_iter().flatten();
                let found = keys.find_map(|bytes| Key::prepare(self.algorithm, &bytes).ok());
                return found.map_or(plain, Ok);
            }
            KeyEncoding::Utf8 => return Key::prepare(self.algorithm, text),
            KeyEncoding::Base64 => KEY_BASE64.decode(text).ok(),
            KeyEncoding::Base64OrUtf8 => return self.prepare_either(secret, text),
            KeyEncoding::Hex => hex::decode(text).ok(),
            KeyEncoding::Nfkd => std::str::from_utf8(text)
                .ok()
                .map(|text| text.nfkd().collect::<String>().into_bytes()),
            KeyEncoding::Sha1 => Some(Sha1::digest(text).to_vec()),
        };
        let decoded = Zeroizing::new(decoded.ok_or(SecretError::Undecodable)?);
        Key::prepare(self.algorithm, &decoded)
    }

    /// Prepares the decoded key and the plain text as alternatives.
    ///
    /// The text does not reveal which one the provider uses: letters and digits are valid base64. Accepting both is
    /// safe, because both keys require knowledge of the text.
    fn prepare_either(&self, secret: &[u8], text: &[u8]) -> Result<Key, SecretError> {
        let decoded = Zeroizing::new(KEY_BASE64.decode(text).unwrap_or_default());
        let has_prefix = text.len() < secret.len();
        if has_prefix
            && STANDARD_WEBHOOKS_LEN.contains(&decoded.len())
            && !is_trivial_secret(&decoded)
        {
            Key::prepare_either(self.algorithm, &decoded, secret)
        } else {
            Key::prepare(self.algorithm, secret)
        }
    }
}

/// Whether `text` is `user:password` with a password (RFC 7617 §2).
fn is_pair(text: &[u8]) -> bool {
    let colon = text.iter().position(|byte| *byte == b':');
    colon.is_some_and(|at| at + 1 < text.len())
}

/// The text encoding of a key.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyEncoding {
    /// Base64 (RFC 4648 §4), with or without padding.
    Base64,
    /// Base64 after one of the prefixes, or the whole text: both keys are accepted (Polar).
    Base64OrUtf8,
    /// Hexadecimal (RFC 4648 §8), in either case.
    Hex,
    /// The text in Unicode normalisation form KD (`EasyPost`).
    Nfkd,
    /// The key is the SHA-1 of the text (Braintree).
    Sha1,
    /// The bytes of the text are the key.
    #[default]
    Utf8,
}

impl KeyEncoding {
    /// Every encoding, sorted by name.
    pub const ALL: [Self; 6] = [
        Self::Base64,
        Self::Base64OrUtf8,
        Self::Hex,
        Self::Nfkd,
        Self::Sha1,
        Self::Utf8,
    ];

    /// The name in declarations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base64OrUtf8 => "base64-or-utf8",
            Self::Hex => "hex",
            Self::Nfkd => "nfkd",
            Self::Sha1 => "sha1",
            Self::Utf8 => "utf8",
        }
    }

    /// The encoding called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// The key lengths of Standard Webhooks ("Signature scheme"): 192 to 512 bits.
const STANDARD_WEBHOOKS_LEN: std::ops::RangeInclusive<usize> = 24..=64;
/// The prefixes of Standard Webhooks keys, shared and public, with and without the signature version.
pub(super) const KEY_PREFIXES: [&str; 4] = ["whsec_", "v1,whsec_", "whpk_", "v1a,whpk_"];
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
pub(super) const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
pub(super) const KEY_BASE64_URL: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
