//! The algorithms, and what is particular to each.

use std::ops::RangeInclusive;

/// What makes the proof.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// `user:password` of HTTP Basic authentication (RFC 7617), compared in constant time.
    Basic,
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5), the signature in DER.
    EcdsaP256,
    /// The same, the signature as two integers of a fixed length (RFC 7518 §3.4).
    EcdsaP256Fixed,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// HMAC with SHA-1 (RFC 2104): legacy senders only.
    HmacSha1,
    /// HMAC with SHA-256 (RFC 2104, FIPS 180-4).
    HmacSha256,
    /// HMAC with SHA-512 (RFC 2104, FIPS 180-4).
    HmacSha512,
    /// RSA with PKCS #1 v1.5 padding and SHA-1 (RFC 8017 §8.2), 2048 bits and more: legacy senders only.
    RsaSha1,
    /// RSA with PKCS #1 v1.5 padding and SHA-256 (RFC 8017 §8.2), 2048 bits and more.
    RsaSha256,
    /// SHA-256 over the secret and what follows it: legacy senders only.
    Sha256,
    /// The secret itself, compared in constant time.
    Token,
}

impl Algorithm {
    /// Every algorithm, in the order of the names.
    pub const ALL: [Self; 11] = [
        Self::Basic,
        Self::EcdsaP256,
        Self::EcdsaP256Fixed,
        Self::Ed25519,
        Self::HmacSha1,
        Self::HmacSha256,
        Self::HmacSha512,
        Self::RsaSha1,
        Self::RsaSha256,
        Self::Sha256,
        Self::Token,
    ];

    /// The name in the scheme language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::EcdsaP256 => "ecdsa-p256-sha256",
            Self::EcdsaP256Fixed => "ecdsa-p256-sha256-fixed",
            Self::Ed25519 => "ed25519",
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
            Self::RsaSha1 => "rsa-pkcs1-sha1",
            Self::RsaSha256 => "rsa-pkcs1-sha256",
            Self::Sha256 => "sha256",
            Self::Token => "token",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// How long a signature can be, in bytes; `None` where there is no signature.
    pub fn signature_len(self) -> Option<RangeInclusive<usize>> {
        match self {
            Self::Basic | Self::Token => None,
            Self::HmacSha1 => Some(20..=20),
            Self::HmacSha256 | Self::Sha256 => Some(32..=32),
            Self::HmacSha512 | Self::EcdsaP256Fixed | Self::Ed25519 => Some(64..=64),
            // Two integers of at most 33 bytes, with their headers and that of the sequence.
            Self::EcdsaP256 => Some(8..=72),
            Self::RsaSha1 | Self::RsaSha256 => Some(256..=1024),
        }
    }

    /// Whether it verifies with a public key, so that nobody who can verify can sign.
    pub const fn is_public_key(self) -> bool {
        matches!(
            self,
            Self::EcdsaP256
                | Self::EcdsaP256Fixed
                | Self::Ed25519
                | Self::RsaSha1
                | Self::RsaSha256
        )
    }

    /// How many signatures one delivery may offer.
    ///
    /// As many as providers send while they change a key. A MAC is computed once for all of them, but
    /// each signature by a private key costs a pass over the body.
    pub(super) const fn max_candidates(self) -> usize {
        if self.is_public_key() { 2 } else { MAX_PARTS }
    }
}

/// More parts than the value of any provider's header has.
pub(super) const MAX_PARTS: usize = 64;
