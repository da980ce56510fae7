//! The key of a ledger entry: a digest that reveals nothing about the delivery.

use sha2::{Digest, Sha256};

/// 16 bits of a SHA-256 of the endpoint, then 112 bits of a SHA-256 of the endpoint, the kind and the material.
///
/// Among a million deliveries the chance of a collision is 2⁻⁷³. Only a sender that can sign could search for one. It
/// would collide with itself only, because the endpoint is part of both digests.
///
/// All keys of an endpoint share a prefix, so the keys of one delivery fall into one shard. The 16 bits cover every
/// slot of a Redis Cluster.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Key([u8; Self::LEN]);

impl Key {
    /// The length in bytes.
    pub const LEN: usize = 16;
    const SHARD_PREFIX_LEN: usize = 2;

    /// The key of `material` that was sent to `endpoint`. Each part is hashed with its length, so bytes cannot move
    /// from one part to the next.
    pub fn of(endpoint: &str, kind: EntryKind, material: &[&[u8]]) -> Self {
        let shard: [u8; 32] = Sha256::digest(endpoint).into();
        let mut digest = Sha256::new();
        for part in [endpoint.as_bytes(), &[kind as u8]].iter().chain(material) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let bytes = shard.into_iter().take(Self::SHARD_PREFIX_LEN).chain(digest);
        let mut key = [0; Self::LEN];
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = from;
        }
        Self(key)
    }

    /// The shard prefix and the rest.
    pub(super) fn split(&self) -> (&[u8], &[u8]) {
        self.0.split_at(Self::SHARD_PREFIX_LEN)
    }

    /// The digest as bytes.
    pub const fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// The type of the material. The number is part of the digest and is never reused for another kind.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every kind has its rule in the gate"
)]
#[repr(u8)]
pub enum EntryKind {
    /// A signature, as its fingerprint.
    Signature = 1,
    /// An id that the signature covers.
    SignedId = 2,
    /// An id that the signature does not cover, together with what was signed.
    HintedId = 3,
    /// The holders of permits of a concurrency key.
    Permits = 4,
    /// The queue for these permits.
    PermitQueue = 5,
    /// The time of the next poll of each waiter.
    PermitsDue = 6,
}
