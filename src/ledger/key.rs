//! What a delivery is remembered by: a digest, and nothing that it was made of.

use sha2::{Digest, Sha256};

/// The first 128 bits of a SHA-256 over the endpoint, the kind and the material.
///
/// Two deliveries out of a million share one by accident with a chance of 2⁻⁸⁸. To make two that do,
/// somebody has to be able to sign, and then gains nothing by it: the endpoint is in the digest, so
/// they are both its own.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Key([u8; Self::LEN]);

impl Key {
    /// In bytes.
    pub const LEN: usize = 16;

    /// The key of `material` that was sent to `endpoint`. Each part counts with its length, so that
    /// none can be moved from one to the next.
    pub fn of(endpoint: &str, kind: Kind, material: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in [endpoint.as_bytes(), &[kind as u8]].iter().chain(material) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut key = [0; Self::LEN];
        for (to, from) in key.iter_mut().zip(digest) {
            *to = from;
        }
        Self(key)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// What the material is. The numbers are part of the digest: they are never given to another kind.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every kind has its rule in the gate"
)]
#[repr(u8)]
pub enum Kind {
    /// What was signed, as the signature itself tells.
    Signature = 1,
    /// An id that the signature covers.
    SignedId = 2,
    /// An id beside the signature, together with what was signed.
    HintedId = 3,
}
