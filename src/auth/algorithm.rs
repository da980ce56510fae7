//! The signature and token algorithms, with their key kinds and signature lengths.

use std::ops::RangeInclusive;

use super::KeyKind;

/// How a sender makes its proof.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// `user:password` of HTTP Basic authentication (RFC 7617), compared in constant time.
    Basic,
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5), the signature in DER.
    EcdsaP256,
    /// ECDSA on P-256 with SHA-256, the signature as two integers of fixed length (RFC 7518 §3.4).
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
    /// SHA-256 over the secret followed by the message: legacy senders only.
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

    /// The name in declarations.
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

    /// The algorithm called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// The possible lengths of a signature in bytes; `None` for tokens.
    pub fn signature_len(self) -> Option<RangeInclusive<usize>> {
        match self {
            Self::Basic | Self::Token => None,
            Self::HmacSha1 => Some(20..=20),
            Self::HmacSha256 | Self::Sha256 => Some(32..=32),
            Self::HmacSha512 | Self::EcdsaP256Fixed | Self::Ed25519 => Some(64..=64),
            // DER: a sequence of two integers of at most 33 bytes each.
            Self::EcdsaP256 => Some(8..=72),
            Self::RsaSha1 | Self::RsaSha256 => Some(256..=1024),
        }
    }

    /// Whether it verifies with a public key, so that the gate's key cannot sign.
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

    /// The kind of key that the algorithm needs.
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Basic | Self::Token => KeyKind::Token,
            Self::EcdsaP256
            | Self::EcdsaP256Fixed
            | Self::Ed25519
            | Self::RsaSha1
            | Self::RsaSha256 => KeyKind::Public,
            Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha512 | Self::Sha256 => KeyKind::Shared,
        }
    }

    /// The maximum number of signatures in one delivery.
    ///
    /// Providers send several during a key rotation. One MAC is compared with all of them, but each public-key
    /// signature costs a pass over the body.
    pub(super) const fn max_candidates(self) -> usize {
        if self.is_public_key() { 2 } else { MAX_PARTS }
    }
}

/// The signature values of all providers have fewer parts.
pub(super) const MAX_PARTS: usize = 64;
