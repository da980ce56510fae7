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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_depends_on_the_endpoint_the_kind_and_each_part_of_the_material() {
        use EntryKind::{HintedId, PermitQueue, Permits, PermitsDue, SignedId};
        let cases: [(&str, EntryKind, &[&[u8]]); 14] = [
            ("a", EntryKind::Signature, &[]),
            ("a", EntryKind::Signature, &[b""]),
            ("a", EntryKind::Signature, &[b"", b""]),
            ("a", EntryKind::Signature, &[b"bc"]),
            ("a", EntryKind::Signature, &[b"b", b"c"]),
            ("a", EntryKind::Signature, &[b"", b"bc"]),
            ("a", EntryKind::Signature, &[b"c", b"b"]),
            ("ab", EntryKind::Signature, &[b"c"]),
            ("a", SignedId, &[b"bc"]),
            ("a", HintedId, &[b"bc"]),
            ("a", Permits, &[b"bc"]),
            ("a", PermitQueue, &[b"bc"]),
            ("a", PermitsDue, &[b"bc"]),
            ("b", EntryKind::Signature, &[b"bc"]),
        ];
        let keys: BTreeSet<[u8; Key::LEN]> = cases
            .iter()
            .map(|(endpoint, kind, material)| *Key::of(endpoint, *kind, material).bytes())
            .collect();
        assert_eq!(keys.len(), cases.len());
    }

    #[test]
    fn the_key_of_a_delivery_never_changes_or_an_upgrade_admits_replays() {
        let key = Key::of("workflows/pr-bot", EntryKind::SignedId, &[b"1", b"abc"]);
        let mut expected = Sha256::digest("workflows/pr-bot").to_vec();
        expected.truncate(2);
        let framed = b"\x10\0\0\0\0\0\0\0workflows/pr-bot\
            \x01\0\0\0\0\0\0\0\x02\
            \x01\0\0\0\0\0\0\x001\
            \x03\0\0\0\0\0\0\0abc";
        expected.extend(Sha256::digest(framed).into_iter().take(14));
        assert_eq!(key.bytes().as_slice(), expected);
    }

    proptest! {
        #[test]
        fn all_keys_of_an_endpoint_share_their_prefix(
            endpoint in "[a-z/]{1,20}",
            one in proptest::collection::vec(any::<u8>(), 0..40),
            other in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let one = Key::of(&endpoint, EntryKind::Signature, &[&one]);
            let other = Key::of(&endpoint, EntryKind::HintedId, &[&other]);
            prop_assert_eq!(&one.bytes()[..2], &other.bytes()[..2]);
            prop_assert_ne!(one, other);
        }
    }
}
