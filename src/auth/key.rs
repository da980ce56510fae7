//! Keys, prepared: what a delivery needs is computed once, when the secret is loaded.

use std::sync::Arc;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::public_key::PublicKey;
use super::template::Around;
use super::{Algorithm, Fingerprint, KeyKind};

/// A key in the state in which it is used.
///
/// A MAC's key has its first blocks hashed already; a token is kept as its SHA-256. The secret
/// itself is not in here, cannot be printed, and what is in here is zeroed when it is dropped.
pub struct Key {
    prepared: Prepared,
    /// What the same secret is for senders that read it in another way; it counts as much.
    other: Option<Prepared>,
}

impl Key {
    /// Prepares `secret` for `algorithm`.
    ///
    /// A secret that [`proves_nothing`] gives no key: it must never admit.
    pub fn prepare(algorithm: Algorithm, secret: &[u8]) -> Result<Self, UnusableSecret> {
        Ok(Self {
            prepared: Prepared::new(algorithm, secret)?,
            other: None,
        })
    }

    /// Prepares a secret that stands for `secret` to some senders and for `other` to others.
    pub(super) fn prepare_either(
        algorithm: Algorithm,
        secret: &[u8],
        other: &[u8],
    ) -> Result<Self, UnusableSecret> {
        Ok(Self {
            prepared: Prepared::new(algorithm, secret)?,
            other: Some(Prepared::new(algorithm, other)?),
        })
    }

    /// Begins a MAC; `None` if this key makes none.
    pub fn begin(&self) -> Option<Code> {
        self.prepared.begin()
    }

    /// Whether one of `signatures` proves the message, and its fingerprint; `None` for a token.
    ///
    /// The fingerprint is the same whichever way of reading the secret made the signature.
    pub(super) fn compare<'s>(
        &self,
        around: &Around,
        body: &[u8],
        signatures: impl Iterator<Item = &'s [u8]> + Clone,
    ) -> Option<(bool, Fingerprint)> {
        let compared = self.prepared.compare(around, body, signatures.clone());
        let (matches, fingerprint) = compared?;
        let matches = matches || self.compares_otherwise(around, body, signatures);
        Some((matches, fingerprint))
    }

    /// Whether one of `signatures` proves the message if the secret is read in the other way, if it has one.
    pub(super) fn compares_otherwise<'s>(
        &self,
        around: &Around,
        body: &[u8],
        signatures: impl Iterator<Item = &'s [u8]>,
    ) -> bool {
        let other = self.other.as_ref();
        let compared = other.and_then(|other| other.compare(around, body, signatures));
        compared.is_some_and(|(matches, _)| matches)
    }

    /// Whether all `digests` are the SHA-256 of this token, in a time that does not depend on
    /// where they differ. False without any, and for a key that is no token.
    pub(super) fn matches_tokens(&self, digests: &[[u8; 32]]) -> bool {
        let Prepared::Token(expected) = &self.prepared else {
            return false;
        };
        let all = digests.iter().fold(Choice::from(1), |all, digest| {
            all & digest.ct_eq(&**expected)
        });
        !digests.is_empty() && bool::from(all)
    }
}

/// Whether anybody could sign for `secret`: it is empty, or of zero bytes only, which HMAC takes for the
/// same, because it fills a short key up with them (RFC 2104 §2).
pub fn proves_nothing(secret: &[u8]) -> bool {
    secret.iter().all(|byte| *byte == 0)
}

/// A secret that makes no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableSecret {
    /// There is nothing in it.
    #[error("an empty secret proves nothing")]
    Empty,

    /// It was bound as a key of another kind, or nothing says what it was bound as.
    #[error(
        "it was bound as {}, and is needed as {}",
        bound_as.map_or("nothing that is known", KeyKind::noun),
        needed.noun()
    )]
    OtherKind {
        /// What it was bound as.
        bound_as: Option<KeyKind>,
        /// What the scheme needs.
        needed: KeyKind,
    },

    /// It is a public key, and the scheme's keys are secret.
    #[error("this is a public key: it cannot be the shared secret of a signature or a token")]
    PublicKey,

    /// It is not written down as the scheme expects.
    #[error("the secret is not in the encoding that the scheme expects")]
    Undecodable,
}

enum Prepared {
    HmacSha1(Box<Hmac<Sha1>>),
    HmacSha256(Box<Hmac<Sha256>>),
    HmacSha512(Box<Hmac<Sha512>>),
    Public(PublicKey),
    Sha256(Box<Sha256>),
    Token(Zeroizing<[u8; 32]>),
}

impl Prepared {
    fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, UnusableSecret> {
        if proves_nothing(secret) {
            return Err(UnusableSecret::Empty);
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

    fn begin(&self) -> Option<Code> {
        match self {
            Self::HmacSha1(key) => Some(Code::HmacSha1((**key).clone())),
            Self::HmacSha256(key) => Some(Code::HmacSha256((**key).clone())),
            Self::HmacSha512(key) => Some(Code::HmacSha512(key.clone())),
            Self::Sha256(key) => Some(Code::Sha256((**key).clone())),
            Self::Public(_) | Self::Token(_) => None,
        }
    }

    fn compare<'s>(
        &self,
        around: &Around,
        body: &[u8],
        signatures: impl Iterator<Item = &'s [u8]>,
    ) -> Option<(bool, Fingerprint)> {
        if let Self::Public(key) = self {
            let message = around.message(body);
            let verifies = key.verifies(&message, signatures);
            // Of the message: an ECDSA signature can be respelt by anybody who has one.
            return Some((verifies, Fingerprint::of(&message)));
        }
        let mut code = self.begin()?;
        code.update(&around.before_body);
        if let Some(after) = &around.after_body {
            code.update(body);
            code.update(after);
        }
        Some(code.compare(signatures))
    }
}

/// A message authentication code in the making.
pub enum Code {
    #[doc(hidden)]
    HmacSha1(Hmac<Sha1>),
    #[doc(hidden)]
    HmacSha256(Hmac<Sha256>),
    #[doc(hidden)]
    HmacSha512(Box<Hmac<Sha512>>),
    #[doc(hidden)]
    Sha256(Sha256),
}

impl Code {
    /// Takes the next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::HmacSha1(mac) => mac.update(bytes),
            Self::HmacSha256(mac) => mac.update(bytes),
            Self::HmacSha512(mac) => mac.update(bytes),
            Self::Sha256(digest) => Digest::update(digest, bytes),
        }
    }

    /// The code of everything that was taken.
    ///
    /// It is a valid signature: whoever asks for it signs.
    pub fn sign(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::HmacSha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::HmacSha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::HmacSha512(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
        })
    }

    /// Whether one of `candidates` is the code, and its fingerprint. Every candidate is compared, in
    /// constant time.
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

/// The keys that are valid at one time: the current one and, after a rotation with an overlap, the
/// one before it.
pub struct KeyRing {
    /// The key that new deliveries are expected to use.
    pub current: NumberedKey,
    /// The key before it, and when it stops to count.
    pub previous: Option<(NumberedKey, Timestamp)>,
}

impl KeyRing {
    /// Whether one of the keys that are valid `now` is this token. It takes as long for every token of
    /// a length.
    pub fn has_token(&self, token: &[u8], now: Timestamp) -> bool {
        let digest = [Sha256::digest(token).into()];
        let previous = self.previous_at(now);
        let keys = [Some(&self.current), previous].into_iter().flatten();
        keys.fold(false, |any, key| any | key.key.matches_tokens(&digest))
    }

    /// The key of that version, if it is one of these; the current one for any other.
    pub fn of_version(&self, version: Option<u32>) -> &NumberedKey {
        match &self.previous {
            Some((previous, _)) if Some(previous.version) == version => previous,
            _ => &self.current,
        }
    }

    /// The previous key, if it still counts at `now`.
    pub(super) fn previous_at(&self, now: Timestamp) -> Option<&NumberedKey> {
        self.previous
            .as_ref()
            .filter(|(_, until)| now < *until)
            .map(|(key, _)| key)
    }
}

/// A key and the version of the secret that it was made from.
pub struct NumberedKey {
    /// The key. Shared, because bodies in flight are hashed with it.
    pub key: Arc<Key>,
    /// The number of the version, from 1.
    pub version: u32,
}

fn hmac_key<M: KeyInit>(secret: &[u8]) -> M {
    // An HMAC key may have any length (RFC 2104 §2), so this cannot fail.
    M::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

fn any_equal<'c>(code: &[u8], candidates: impl Iterator<Item = &'c [u8]>) -> bool {
    candidates
        .fold(Choice::from(0), |any, candidate| {
            any | candidate.ct_eq(code)
        })
        .into()
}
