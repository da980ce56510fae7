//! How the text of a secret becomes a key.

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use sha1::{Digest, Sha1};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::public_key::PublicKey;
use super::{Algorithm, Key, KeyKind, UnusableSecret};

/// What a key is prepared for, and from which form of the secret.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyForm {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What stands before the key in the text, if it is there.
    pub strip: Option<Box<str>>,
    /// How the key is written down.
    pub encoding: KeyEncoding,
}

impl KeyForm {
    /// The text itself, for an algorithm.
    pub const fn plain(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            strip: None,
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

    /// Prepares `secret`.
    pub fn prepare(&self, secret: &[u8]) -> Result<Key, UnusableSecret> {
        let prefix = self.strip.as_deref().unwrap_or_default().as_bytes();
        let text = secret.strip_prefix(prefix).unwrap_or(secret);
        // What is empty has no encoding: its SHA-1 would be a key that everybody knows.
        if text.is_empty() {
            return Err(UnusableSecret::Empty);
        }
        // Everybody has a public key: as the key of a MAC it would let everybody in.
        if !self.algorithm.is_public_key() && PublicKey::looks_like_one(text) {
            return Err(UnusableSecret::PublicKey);
        }
        // What comes before or after the colon may be missing from a script's variables.
        if self.algorithm == Algorithm::Basic && !is_pair(text) {
            return Err(UnusableSecret::Empty);
        }
        let decoded = match self.encoding {
            // Public keys are passed on in PEM files, whatever the provider's page shows.
            _ if self.algorithm.is_public_key() && text.starts_with(PublicKey::PEM) => {
                PublicKey::from_pem(text)
            }
            KeyEncoding::Utf8 => return Key::prepare(self.algorithm, text),
            KeyEncoding::Base64 => KEY_BASE64.decode(text).ok(),
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
    pub const ALL: [Self; 5] = [Self::Base64, Self::Hex, Self::Nfkd, Self::Sha1, Self::Utf8];

    /// The name in the scheme language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
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

const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
