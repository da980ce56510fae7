//! Prepared keys: the work that every verification needs is done once, when a secret is loaded.

use std::sync::Arc;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::public_key::PublicKey;
use super::template::SignedFrame;
use super::{Algorithm, Fingerprint, KeyKind};

/// A key, ready for use.
///
/// A MAC key has hashed its first block already; a token is kept as its SHA-256. The key does not contain the text of
/// the secret, cannot be printed, and zeroes its memory when it is dropped.
pub struct Key {
    material: KeyMaterial,
    /// A second reading of the same secret, which some senders use; it is equally valid.
    alternative: Option<KeyMaterial>,
}

impl Key {
    /// Prepares `secret` for `algorithm`.
    ///
    /// Fails for a secret that [`is_trivial_secret`], so that it can never admit a delivery.
    pub fn prepare(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SecretError> {
        Ok(Self {
            material: KeyMaterial::new(algorithm, secret)?,
            alternative: None,
        })
    }

    /// Prepares a secret that some senders read as `secret` and others as `alternative`.
    pub(super) fn prepare_either(
        algorithm: Algorithm,
        secret: &[u8],
        alternative: &[u8],
    ) -> Result<Self, SecretError> {
        Ok(Self {
            material: KeyMaterial::new(algorithm, secret)?,
            alternative: Some(KeyMaterial::new(algorithm, alternative)?),
        })
    }

    /// Starts a MAC; `None` for public keys and tokens.
    pub fn begin(&self) -> Option<MacState> {
        self.material.begin()
    }

    /// Whether one of `signatures` proves the message, and the fingerprint of the message; `None` for a token.
    ///
    /// The fingerprint is the same for both readings of the secret.
    pub(super) fn compare<'s>(
        &self,
        frame: &SignedFrame,
        body: &[u8],
        signatures: impl Iterator<Item = &'s [u8]> + Clone,
    ) -> Option<(bool, Fingerprint)> {
        let compared = self.material.compare(frame, body, signatures.clone());
        let (matches, fingerprint) = compared?;
        let matches = matches || self.matches_alternative(frame, body, signatures);
        Some((matches, fingerprint))
    }

    /// Whether one of `signatures` proves the message under the second reading of the secret.
    pub(super) fn matches_alternative<'s>(
        &self,
        frame: &SignedFrame,
        body: &[u8],
        signatures: impl Iterator<Item = &'s [u8]>,
    ) -> bool {
        let alternative = self.alternative.as_ref();
        let compared = alternative.and_then(|key| key.compare(frame, body, signatures));
        compared.is_some_and(|(matches, _)| matches)
    }

    /// Whether every digest is the SHA-256 of this token, compared in constant time.
    ///
    /// `false` for an empty list and for a key that is not a token.
    pub(super) fn matches_tokens(&self, digests: &[[u8; 32]]) -> bool {
        let KeyMaterial::Token(expected) = &self.material else {
            return false;
        };
        let all = digests.iter().fold(Choice::from(1), |all, digest| {
            all & digest.ct_eq(&**expected)
        });
        !digests.is_empty() && bool::from(all)
    }
}

/// Whether anybody could sign with `secret`: it is empty or has only zero bytes.
///
/// HMAC pads a short key with zero bytes (RFC 2104 §2), so zero bytes are the same key as an empty one.
pub fn is_trivial_secret(secret: &[u8]) -> bool {
    secret.iter().all(|byte| *byte == 0)
}

/// Why a secret makes no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It is empty, or has only zero bytes.
    #[error("an empty secret proves nothing")]
    Empty,

    /// It was bound as another kind of key, or its kind is not recorded.
    #[error(
        "it was bound as {}; the scheme needs {}",
        bound_as.map_or("an unknown kind of key", KeyKind::noun),
        needed.noun()
    )]
    OtherKind {
        /// The kind that the store recorded; `None` if it recorded none.
        bound_as: Option<KeyKind>,
        /// The kind that the scheme needs.
        needed: KeyKind,
    },

    /// It is a private key. No scheme needs one: public keys and shared secrets verify deliveries.
    #[error(
        "this is a private key, which only its owner may have: a secret of the provider is needed"
    )]
    PrivateKey,

    /// It is a public key, but the scheme needs a secret.
    #[error("this is a public key: a shared secret or a token is needed")]
    PublicKey,

    /// It does not decode, or is not a key of the algorithm.
    #[error("the secret is not in the encoding that the scheme expects")]
    Undecodable,
}

/// The prepared form of a secret, by algorithm.
enum KeyMaterial {
    HmacSha1(Box<Hmac<Sha1>>),
    HmacSha256(Box<Hmac<Sha256>>),
    HmacSha512(Box<Hmac<Sha512>>),
    Public(PublicKey),
    Sha256(Box<Sha256>),
    Token(Zeroizing<[u8; 32]>),
}

impl KeyMaterial {
    fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SecretError> {
        if is_trivial_secret(secret) {
            return Err(SecretError::Empty);
        }
        Ok(match algorithm {
            Algorithm::HmacSha1 => Self::HmacSha1(Box::new(hmac_key(secret))),
            Algorithm::HmacSha256 => Self::HmacSha256(Box::new(hmac_key(secret))),
            Algorithm::HmacSha512 => Self::HmacSha512(Box::new(hmac_key(secret))),
            Algorithm::Sha256 => Self::Sha256(Box::new(Sha256::new_with_prefix(secret))),
            Algorithm::EcdsaP256
            | Algorithm::EcdsaP256Fixed
            | Algorithm::Ed25519
            | Algorithm::RsaSha1
            | Algorithm::RsaSha256 => Self::Public(PublicKey::read(algorithm, secret)?),
            Algorithm::Basic | Algorithm::Token => {
                Self::Token(Zeroizing::new(Sha256::digest(secret).into()))
            }
        })
    }

    fn begin(&self) -> Option<MacState> {
        match self {
            Self::HmacSha1(key) => Some(MacState::HmacSha1((**key).clone())),
            Self::HmacSha256(key) => Some(MacState::HmacSha256((**key).clone())),
            Self::HmacSha512(key) => Some(MacState::HmacSha512(key.clone())),
            Self::Sha256(key) => Some(MacState::Sha256((**key).clone())),
            Self::Public(_) | Self::Token(_) => None,
        }
    }

    fn compare<'s>(
        &self,
        frame: &SignedFrame,
        body: &[u8],
        signatures: impl Iterator<Item = &'s [u8]>,
    ) -> Option<(bool, Fingerprint)> {
        if let Self::Public(key) = self {
            let message = frame.message(body);
            let verifies = key.verifies(&message, signatures);
            // The fingerprint is that of the message: anybody can respell an ECDSA signature.
            return Some((verifies, Fingerprint::of(&message)));
        }
        let mut code = self.begin()?;
        code.update(&frame.before_body);
        if let Some(after) = &frame.after_body {
            code.update(body);
            code.update(after);
        }
        Some(code.compare(signatures))
    }
}

/// A message authentication code (MAC) in progress.
pub enum MacState {
    #[doc(hidden)]
    HmacSha1(Hmac<Sha1>),
    #[doc(hidden)]
    HmacSha256(Hmac<Sha256>),
    #[doc(hidden)]
    HmacSha512(Box<Hmac<Sha512>>),
    #[doc(hidden)]
    Sha256(Sha256),
}

impl MacState {
    /// Hashes the next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::HmacSha1(mac) => mac.update(bytes),
            Self::HmacSha256(mac) => mac.update(bytes),
            Self::HmacSha512(mac) => mac.update(bytes),
            Self::Sha256(digest) => Digest::update(digest, bytes),
        }
    }

    /// The MAC of all bytes so far. It is a valid signature, so keep it secret.
    pub fn sign(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::HmacSha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::HmacSha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::HmacSha512(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
        })
    }

    /// Whether one of `candidates` equals the MAC, and the fingerprint of the MAC.
    ///
    /// Every candidate is compared, in constant time.
    pub(super) fn compare<'c>(
        self,
        candidates: impl Iterator<Item = &'c [u8]>,
    ) -> (bool, Fingerprint) {
        let judge = |code: &[u8]| (any_equal(code, candidates), Fingerprint::of(code));
        match self {
            Self::HmacSha1(mac) => judge(&mac.finalize().into_bytes()),
            Self::HmacSha256(mac) => judge(&mac.finalize().into_bytes()),
            Self::HmacSha512(mac) => judge(&mac.finalize().into_bytes()),
            Self::Sha256(digest) => judge(&digest.finalize()),
        }
    }
}

/// The valid keys of a secret: the current one and, during a rotation overlap, the previous one.
pub struct KeyRing {
    /// The newest key, which is always valid.
    pub current: NumberedKey,
    /// The previous key and the time when its overlap ends.
    pub previous: Option<(NumberedKey, Timestamp)>,
}

impl KeyRing {
    /// Whether `token` is one of the keys that are valid at `now`.
    ///
    /// The time it takes depends only on the length of `token`.
    pub fn has_token(&self, token: &[u8], now: Timestamp) -> bool {
        let digest = [Sha256::digest(token).into()];
        let previous = self.previous_at(now);
        let keys = [Some(&self.current), previous].into_iter().flatten();
        keys.fold(false, |any, key| any | key.key.matches_tokens(&digest))
    }

    /// The key of `version`; the current key if the ring does not have that version.
    pub fn of_version(&self, version: Option<u32>) -> &NumberedKey {
        match &self.previous {
            Some((previous, _)) if Some(previous.version) == version => previous,
            _ => &self.current,
        }
    }

    /// The previous key, if its overlap has not ended at `now`.
    pub(super) fn previous_at(&self, now: Timestamp) -> Option<&NumberedKey> {
        self.previous
            .as_ref()
            .filter(|(_, until)| now < *until)
            .map(|(key, _)| key)
    }
}

/// A key with the version number of its secret.
pub struct NumberedKey {
    /// The key, shared with the verifications in flight.
    pub key: Arc<Key>,
    /// The version number, starting at 1.
    pub version: u32,
}

fn hmac_key<M: KeyInit>(secret: &[u8]) -> M {
    // An HMAC key may have any length (RFC 2104 §2), so this cannot fail.
    M::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC accepts keys of any length"))
}

fn any_equal<'c>(code: &[u8], candidates: impl Iterator<Item = &'c [u8]>) -> bool {
    candidates
        .fold(Choice::from(0), |any, candidate| {
            any | candidate.ct_eq(code)
        })
        .into()
}
