//! The interface of a store of ciphertexts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{EncryptedSecret, SecretRef, VersionUse};
use crate::audit::AuditEntry;
use crate::auth::KeyKind;

/// Stores versions of secrets.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// All versions of `secret`, the newest first. Empty if it was never bound.
    async fn versions(&self, secret: &SecretRef) -> Result<Vec<StoredVersion>, StoreError>;

    /// Adds a version and its audit entry in one transaction.
    ///
    /// The endpoints that use the secret decide which kind of key the version is. If they disagree, or if the request
    /// names another kind, it is a [`StoreError::OtherKind`]. While no endpoint uses the secret, the request may name
    /// the kind; otherwise the first endpoint decides ([`StoredVersion::kind_for`]).
    async fn install(&self, installation: NewSecretVersion) -> Result<(), StoreError>;

    /// Adds the first version, if no version is current and `window` is still open at an endpoint that uses the
    /// secret. Otherwise it is a [`StoreError::Conflict`].
    async fn install_first(
        &self,
        installation: NewSecretVersion,
        window: &ExpectationWindow,
    ) -> Result<(), StoreError>;

    /// Retires versions of `secret` and returns how many. Without any, no audit entry is written.
    ///
    /// The current version ends at `at`. Others end when the current one began.
    async fn end(
        &self,
        secret: &SecretRef,
        ending: Retirement,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<u64, StoreError>;

    /// Adds to the use counters of versions.
    async fn add_uses(&self, uses: &[(SecretRef, VersionUse)]) -> Result<(), StoreError>;

    /// The use counters of `secret`, as far as nodes have written them.
    async fn uses(&self, secret: &SecretRef) -> Result<Vec<VersionUse>, StoreError>;
    /// The number of versions for each key of each service.
    async fn sealed_under(&self) -> Result<Vec<KeyUsage>, StoreError>;

    /// Up to `limit` versions after `after`, ordered by address and number, including retired ones.
    async fn sealed_after(
        &self,
        after: Option<&VersionRef>,
        limit: u32,
    ) -> Result<Vec<(VersionRef, EncryptedSecret)>, StoreError>;

    /// Replaces a ciphertext by another one of the same value. If the stored ciphertext is not the expected one, it
    /// is a [`StoreError::Conflict`]. Caches stay valid.
    async fn reseal(&self, resealing: CiphertextReplacement) -> Result<(), StoreError>;

    /// Adds an audit entry for an operation that changes nothing.
    async fn record(&self, audit: AuditEntry) -> Result<(), StoreError>;
}

/// Which versions to retire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a secret has no other versions")]
pub enum Retirement {
    /// All of them: the secret verifies nothing any more.
    Everything,
    /// The versions before the current one.
    Previous,
}

/// A version of a secret as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredVersion {
    /// Its number, from 1.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends or ended; `None` for the current version.
    pub ends_at: Option<Timestamp>,
    /// The kind of key; `None` until the first endpoint uses the secret.
    pub kind: Option<KeyKind>,
    /// The names of the provider challenges that sign with it, or once did.
    pub challenges: Vec<String>,
    /// The encrypted value.
    pub sealed: EncryptedSecret,
}

impl StoredVersion {
    /// The kind that this version gets when an endpoint needs a key of `needed`. `versions` are all versions of the
    /// secret.
    ///
    /// A value that was bound without a kind may equal an earlier version. It therefore gets the most widely known
    /// kind among the kinds of all versions and `needed`.
    pub fn kind_for(&self, needed: KeyKind, versions: &[Self]) -> KeyKind {
        self.kind.unwrap_or_else(|| {
            let known = versions.iter().filter_map(|version| version.kind);
            known.fold(needed, KeyKind::better_known)
        })
    }

    /// The versions that are valid at `now`: the current one, and during an overlap the previous one with its end.
    /// `versions` are all versions of the secret, the newest first.
    pub fn counting(
        versions: &[Self],
        now: Timestamp,
    ) -> Option<(&Self, Option<(&Self, Timestamp)>)> {
        // Without a current version the secret is retired.
        let current = versions.iter().find(|version| version.ends_at.is_none())?;
        // The first match is the newest. A version that ended when the current one began is over, however wrong a
        // clock is.
        let previous = versions.iter().find_map(|version| {
            let until = version.ends_at?;
            (now < until && current.created_at < until).then_some((version, until))
        });
        Some((current, previous))
    }
}

/// A version to add as the current one, with its audit entry.
///
/// The previous version stays valid until `previous_ends_at`; older ones end no later. An existing number is a
/// [`StoreError::Conflict`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewSecretVersion {
    /// The secret that gets the version.
    pub secret: SecretRef,
    /// Its number: one more than the newest.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when the previous version stays valid.
    pub previous_ends_at: Timestamp,
    /// The kind of key, if no endpoint decides it.
    pub kind: Option<KeyKind>,
    /// True if the value was generated for this version, so nobody knew it before.
    pub generated: bool,
    /// How earlier versions with the same value were used.
    pub history: ValueHistory,
    /// The encrypted value.
    pub sealed: EncryptedSecret,
    /// The entry for the audit log.
    pub audit: AuditEntry,
}

/// How a value was used in earlier versions of the same secret.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ValueHistory {
    /// The kind it was bound as, if that kind is more widely known than the endpoints allow.
    pub known_as: Option<KeyKind>,
    /// The names of the provider challenges that signed with it.
    pub challenges: BTreeSet<String>,
}

/// The address and number of a version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VersionRef {
    /// The address of the secret.
    pub secret: SecretRef,
    /// The number of the version.
    pub version: u32,
}

/// How many versions one key encrypts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyUsage {
    /// The key service.
    pub service: String,
    /// The id of the key.
    pub key_id: String,
    /// The number of versions.
    pub versions: u64,
}

/// A ciphertext to replace by another one of the same value, with its audit entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CiphertextReplacement {
    /// The version.
    pub of: VersionRef,
    /// The ciphertext that must be stored now.
    pub from: EncryptedSecret,
    /// The new ciphertext.
    pub to: EncryptedSecret,
    /// The entry for the audit log.
    pub audit: AuditEntry,
}

/// The time in which a provider challenge may bind the secret of an endpoint.
///
/// The store checks it again when the secret is installed: the endpoint may have been deleted and created anew
/// meanwhile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpectationWindow {
    /// The endpoint id.
    pub endpoint: String,
    /// When the window ends.
    pub until: Timestamp,
}

/// A failed call of a store.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A concurrent change of the same object.
    #[error("{0} was changed by somebody else at the same time")]
    Conflict(String),

    /// A row with an invalid value.
    #[error("the store holds an invalid value: {0}")]
    Corrupt(String),

    /// A secret would be used as two kinds of keys.
    #[error(
        "the secret {0} cannot be used as two kinds of keys (public key, shared secret, token): use a separate slot for \
         each"
    )]
    OtherKind(String),

    /// A value would become a kind of key that fewer people may know.
    #[error(
"the secret {secret}: an earlier version with this value, or one that does not decrypt, was bound as {}: set a \
         value that was never used like that",
        known_as.noun()
    )]
    KnownAs {
        /// The address of the secret.
        secret: String,
        /// The kind of the earlier version.
        known_as: KeyKind,
    },

    /// Another store has taken the place of the open one.
    #[error("the store was replaced while it was open: restart to use the new one")]
    Replaced,

    /// An object belongs to another endpoint.
    #[error("{0} already belongs to another endpoint")]
    Taken(String),

    /// A stored endpoint that does not compile under this configuration.
    #[error("the endpoint {0} does not fit this configuration: see `portcullis check`")]
    Unfit(String),

    /// The store does not answer, or refuses.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn version(version: u32, created_at: i64, ends_at: Option<i64>) -> StoredVersion {
        StoredVersion {
            version,
            created_at: at(created_at),
            ends_at: ends_at.map(at),
            kind: None,
            challenges: Vec::new(),
            sealed: EncryptedSecret {
                service: "local".to_owned(),
                key_id: String::new(),
                ciphertext: Vec::new(),
            },
        }
    }

    #[test]
    fn the_current_version_counts_and_in_an_overlap_the_newest_previous_one() {
        /// The number, the creation and the end of each version, the newest first.
        type Versions = &'static [(u32, i64, Option<i64>)];
        let cases: [(Versions, Option<(u32, Option<(u32, i64)>)>); 11] = [
            (&[], None),
            (&[(1, 10, None)], Some((1, None))),
            (&[(1, 10, Some(200))], None),
            (
                &[(2, 50, None), (1, 10, Some(200))],
                Some((2, Some((1, 200)))),
            ),
            (
                &[(2, 50, None), (1, 10, Some(101))],
                Some((2, Some((1, 101)))),
            ),
            // The overlap ends exactly now.
            (&[(2, 50, None), (1, 10, Some(100))], Some((2, None))),
            // No overlap: the previous version ended when the current one began.
            (&[(2, 50, None), (1, 10, Some(50))], Some((2, None))),
            // The clock of the writer was ahead of the clock of this node.
            (&[(2, 300, None), (1, 10, Some(300))], Some((2, None))),
            (
                &[(3, 60, None), (2, 50, Some(150)), (1, 10, Some(200))],
                Some((3, Some((2, 150)))),
            ),
            (
                &[(3, 60, None), (2, 50, Some(60)), (1, 10, Some(200))],
                Some((3, Some((1, 200)))),
            ),
            (&[(2, 50, Some(90)), (1, 10, Some(60))], None),
        ];
        for (versions, expected) in cases {
            let stored: Vec<StoredVersion> = versions
                .iter()
                .map(|(number, created_at, ends_at)| version(*number, *created_at, *ends_at))
                .collect();
            let counting = StoredVersion::counting(&stored, at(100));
            let counting = counting.map(|(current, previous)| {
                let previous = previous.map(|(it, until)| (it.version, until.as_second()));
                (current.version, previous)
            });
            assert_eq!(counting, expected, "{versions:?}");
        }
    }

    #[test]
    fn a_version_without_a_kind_gets_the_best_known_kind_of_all_versions() {
        use KeyKind::{Public, Shared, Token};
        let cases: [(Option<KeyKind>, &[KeyKind], KeyKind, KeyKind); 8] = [
            (None, &[], Shared, Shared),
            (None, &[], Public, Public),
            (None, &[Shared], Token, Token),
            (None, &[Token], Shared, Token),
            (None, &[Shared, Public], Shared, Public),
            (None, &[Public, Token], Token, Public),
            // A recorded kind never changes.
            (Some(Public), &[Public], Shared, Public),
            (Some(Shared), &[Public, Shared], Public, Shared),
        ];
        for (kind, known, needed, expected) in cases {
            let of_kind = |kind| StoredVersion {
                kind,
                ..version(1, 10, None)
            };
            let mut versions: Vec<StoredVersion> =
                known.iter().map(|kind| of_kind(Some(*kind))).collect();
            versions.push(of_kind(kind));
            let found = of_kind(kind).kind_for(needed, &versions);
            assert_eq!(found, expected, "{kind:?} {known:?} {needed:?}");
        }
    }
}
