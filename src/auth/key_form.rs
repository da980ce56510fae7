//! How the text of a secret becomes a key.

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use sha1::{Digest, Sha1};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::public_key::PublicKey;
use super::{Algorithm, Key, KeyKind, UnusableSecret, proves_nothing};

/// What a key is prepared for, and from which form of the secret.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyForm {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What may stand before the key in the text, and is left out.
    pub strip: Option<Box<str>>,
    /// What may stand there in its place; the first of all these that does is left out.
    pub strip_else: Vec<Box<str>>,
    /// How the key is written down.
    pub encoding: KeyEncoding,
}

impl KeyForm {
    /// The text itself, for an algorithm.
    pub const fn plain(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            strip: None,
            strip_else: Vec::new(),
            encoding: KeyEncoding::Utf8,
        }
    }

    /// Prepares a stored secret that was bound as a key of the kind `bound_as`.
    ///
    /// A value is never a key of another kind: a public key as the secret of a signature would let everybody
    /// sign, and a token was sent in the open.
    pub fn prepare_bound(
        &self,
        bound_as: Option<KeyKind>,
        secret: &[u8],
    ) -> Result<Key, UnusableSecret> {
        let needed = self.algorithm.key_kind();
        if bound_as != Some(needed) {
            return Err(UnusableSecret::OtherKind { bound_as, needed });
        }
        self.prepare(secret)
    }

    /// The text without what stands before the key.
    pub fn stripped<'t>(&self, secret: &'t [u8]) -> &'t [u8] {
        let mut prefixes = self.strip.iter().chain(&self.strip_else);
        let stripped = prefixes.find_map(|prefix| secret.strip_prefix(prefix.as_bytes()));
        stripped.unwrap_or(secret)
    }

    /// How many bytes the key in `secret` has; `None` where it is not written as the scheme expects.
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

    /// Prepares `secret`.
    pub fn prepare(&self, secret: &[u8]) -> Result<Key, UnusableSecret> {
        // White space around a public key is the end of a file; around a shared secret it may belong to it.
        let secret = if self.algorithm.is_public_key() {
            secret.trim_ascii()
        } else {
            secret
        };
        let text = self.stripped(secret);
        // What is empty has no encoding: its SHA-1 would be a key that everybody knows.
        if text.is_empty() {
            return Err(UnusableSecret::Empty);
        }
        // Everybody has a public key: as the key of a MAC it would let everybody in.
        let is_public = PublicKey::looks_like_one(secret) || PublicKey::looks_like_one(text);
        if !self.algorithm.is_public_key() && is_public {
            return Err(UnusableSecret::PublicKey);
        }
        // What comes before or after the colon may be missing from a script's variables.
        if self.algorithm == Algorithm::Basic && !is_pair(text) {
            return Err(UnusableSecret::Empty);
        }
        let decoded = match self.encoding {
            // Public keys are passed on in PEM files, whatever the provider's page shows.
            _ if self.algorithm.is_public_key() && PublicKey::is_pem(text) => {
                PublicKey::from_pem(text)
            }
            // No text is a public key by itself: whoever says nothing of its encoding has one of these two.
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
        let decoded = Zeroizing::new(decoded.ok_or(UnusableSecret::Undecodable)?);
        Key::prepare(self.algorithm, &decoded)
    }
}

impl KeyForm {
    /// Which way a text was meant cannot be told from it: a token of letters and digits is base 64, too. So both
    /// ways count, and whoever does not know the text knows neither key.
    fn prepare_either(&self, secret: &[u8], text: &[u8]) -> Result<Key, UnusableSecret> {
        let decoded = Zeroizing::new(KEY_BASE64.decode(text).unwrap_or_default());
        let has_prefix = text.len() < secret.len();
        if has_prefix && STANDARD_WEBHOOKS_LEN.contains(&decoded.len()) && !proves_nothing(&decoded)
        {
            Key::prepare_either(self.algorithm, &decoded, secret)
        } else {
            Key::prepare(self.algorithm, secret)
        }
    }
}

/// Whether it is a user and a password (RFC 7617 §2).
fn is_pair(text: &[u8]) -> bool {
    let colon = text.iter().position(|byte| *byte == b':');
    colon.is_some_and(|at| at + 1 < text.len())
}

/// How a key is written down.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyEncoding {
    /// Base 64 (RFC 4648 §4), with or without padding.
    Base64,
    /// Base 64 behind one of the prefixes, or the whole text as it is: both count (Polar).
    Base64OrUtf8,
    /// Base 16 (RFC 4648 §8), in either case.
    Hex,
    /// The text in Unicode's normalisation form KD (`EasyPost`).
    Nfkd,
    /// The key is the SHA-1 of the text (Braintree).
    Sha1,
    /// As it is.
    #[default]
    Utf8,
}

impl KeyEncoding {
    /// Every encoding.
    pub const ALL: [Self; 6] = [
        Self::Base64,
        Self::Base64OrUtf8,
        Self::Hex,
        Self::Nfkd,
        Self::Sha1,
        Self::Utf8,
    ];

    /// The name in the scheme language.
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

    /// The encoding of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// How long a key may be (Standard Webhooks, "Signature scheme"): 192 to 512 bits.
const STANDARD_WEBHOOKS_LEN: std::ops::RangeInclusive<usize> = 24..=64;
/// What stands before the keys of Standard Webhooks: secret ones, public ones, and with the version of the signature.
pub(super) const KEY_PREFIXES: [&str; 4] = ["whsec_", "v1,whsec_", "whpk_", "v1a,whpk_"];
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
pub(super) const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
pub(super) const KEY_BASE64_URL: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
