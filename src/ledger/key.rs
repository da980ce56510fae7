//! What a delivery is remembered by: a digest, and nothing that it was made of.

use sha2::{Digest, Sha256};

/// Sixteen bits of a SHA-256 over the endpoint, and 112 of one over the endpoint, the kind and the material.
///
/// Two deliveries out of a million share one by accident with a chance of 2⁻⁷³. To make two that do,
/// somebody has to be able to sign, and then gains nothing by it: the endpoint is in both digests, so
/// they are both its own.
///
/// All keys of an endpoint begin in the same way, so that a ledger in many pieces has those of one delivery
/// in one piece. There are as many beginnings as are needed to use every slot of a Redis Cluster.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Key([u8; Self::LEN]);

impl Key {
    /// In bytes.
    pub const LEN: usize = 16;
    const PLACE_LEN: usize = 2;

    /// The key of `material` that was sent to `endpoint`. Each part counts with its length, so that
    /// none can be moved from one to the next.
    pub fn of(endpoint: &str, kind: Kind, material: &[&[u8]]) -> Self {
        let place: [u8; 32] = Sha256::digest(endpoint).into();
        let mut digest = Sha256::new();
        for part in [endpoint.as_bytes(), &[kind as u8]].iter().chain(material) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let bytes = place.into_iter().take(Self::PLACE_LEN).chain(digest);
        let mut key = [0; Self::LEN];
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = from;
        }
        Self(key)
    }

    /// Where it belongs, and which one it is there.
    pub(super) fn split(&self) -> (&[u8], &[u8]) {
        self.0.split_at(Self::PLACE_LEN)
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
    /// The permits of a concurrency key.
    Permits = 4,
    /// Who waits for one of them.
    PermitQueue = 5,
    /// When each of those asks again.
    PermitsDue = 6,
}
