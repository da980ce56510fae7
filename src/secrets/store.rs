//! Where the ciphertexts are kept.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Sealed, SecretRef, VersionUse};
use crate::audit::AuditEntry;
use crate::auth::KeyKind;

/// Keeps versions of secrets.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// All versions of `secret`, the newest first; none if it is not bound.
    async fn versions(&self, secret: &SecretRef) -> Result<Vec<SealedVersion>, StoreError>;

    /// Performs an installation, all of it or nothing.
    ///
    /// The version is a key of the kind that the endpoints need that use the secret. If they differ, or if the
    /// installation names another kind, it is a [`StoreError::OtherKind`]. While no endpoint uses the secret, the
    /// installation may name the kind; if not, the first endpoint settles it ([`SealedVersion::kind_for`]).
    async fn install(&self, installation: Installation) -> Result<(), StoreError>;

    /// Performs an installation if no version of the secret counts, and `window` is still open at an
    /// endpoint that is judged by it. If not, it is a [`StoreError::Conflict`].
    async fn install_first(
        &self,
        installation: Installation,
        window: &Window,
    ) -> Result<(), StoreError>;

    /// Ends versions of `secret`, and says how many. If there was none to end, nothing is written down.
    ///
    /// The current one ends at `at`. Those beside it have ended when the current one began.
    async fn end(
        &self,
        secret: &SecretRef,
        ending: Ending,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<u64, StoreError>;

    /// Adds to how often versions were used.
    async fn add_uses(&self, uses: &[(SecretRef, VersionUse)]) -> Result<(), StoreError>;

    /// How often the versions of `secret` were used, as far as nodes have written it down.
    async fn uses(&self, secret: &SecretRef) -> Result<Vec<VersionUse>, StoreError>;
    /// How many versions were encrypted by which key of which service.
    async fn sealed_under(&self) -> Result<Vec<SealedUnder>, StoreError>;

    /// Up to `limit` versions that come after `after`, in the order of their addresses and numbers: all that there
    /// are, those that have ended among them.
    async fn sealed_after(
        &self,
        after: Option<&VersionRef>,
        limit: u32,
    ) -> Result<Vec<(VersionRef, Sealed)>, StoreError>;

    /// Puts another ciphertext of the same value in the place of one. If that is not there any more, it is a
    /// [`StoreError::Conflict`]. No cache has to forget anything.
    async fn reseal(&self, resealing: Resealing) -> Result<(), StoreError>;

    /// Writes down what changed nothing.
    async fn record(&self, audit: AuditEntry) -> Result<(), StoreError>;
}

/// Which versions are ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to end")]
pub enum Ending {
    /// All of them: nothing proves anything any more.
    Everything,
    /// Those beside the current one.
    Previous,
}

/// A version of a secret as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedVersion {
    /// Its number, from 1.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends or ended; `None` for the current one.
    pub ends_at: Option<Timestamp>,
    /// The kind of key that it was bound as; `None` until the first endpoint uses the secret.
    pub kind: Option<KeyKind>,
    /// The handshakes, by their names, that sign challenges of strangers with it, or once did.
    pub challenges: Vec<String>,
    /// The ciphertext.
    pub sealed: Sealed,
}

impl SealedVersion {
    /// The kind of this version of `versions`, which are those of one secret, once an endpoint needs a key of
    /// `needed`.
    ///
    /// A value that was bound while no endpoint used the secret may be one that the secret had before. So of what its
    /// versions are and what the endpoint needs, it becomes the kind that most people know.
    pub fn kind_for(&self, needed: KeyKind, versions: &[Self]) -> KeyKind {
        self.kind.unwrap_or_else(|| {
            let known = versions.iter().filter_map(|version| version.kind);
            known.fold(needed, KeyKind::or_better_known)
        })
    }

    /// The versions that count at `now`: the current one, and the one before it with its end, inside an overlap.
    /// `versions` are those of one secret, the newest first.
    pub fn counting(
        versions: &[Self],
        now: Timestamp,
    ) -> Option<(&Self, Option<(&Self, Timestamp)>)> {
        // Without a current version there is none to begin with: the secret has ended.
        let current = versions.iter().find(|version| version.ends_at.is_none())?;
        // Versions come newest first, so this is the youngest that still counts. One that ended when the current
        // one began has ended, whatever the clocks of the machines say.
        let previous = versions.iter().find_map(|version| {
            let until = version.ends_at?;
            (now < until && current.created_at < until).then_some((version, until))
        });
        Some((current, previous))
    }
}

/// A version to be added as the current one, with its audit entry.
///
/// The version before it stays valid until `previous_ends_at`; older ones end with it at the latest. A
/// version of that number that exists already is a [`StoreError::Conflict`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Installation {
    /// The secret.
    pub secret: SecretRef,
    /// The number of the version: one more than the newest.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long the version before it stays valid.
    pub previous_ends_at: Timestamp,
    /// The kind of key that it is bound as, if no endpoint has to say it.
    pub kind: Option<KeyKind>,
    /// Whether the value was made up for this version, so that nobody has had it before.
    pub generated: bool,
    /// What earlier versions with the same value were used for.
    pub history: ValueHistory,
    /// The ciphertext.
    pub sealed: Sealed,
    /// What the audit log says about it.
    pub audit: AuditEntry,
}

/// What a value was used for, as an earlier version of the same secret.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ValueHistory {
    /// The kind of key that it was bound as, where more people know such a key than the endpoints allow.
    pub known_as: Option<KeyKind>,
    /// The handshakes that signed challenges with it, by their names.
    pub challenges: BTreeSet<String>,
}

/// A version of a secret, by its address and number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VersionRef {
    /// The secret.
    pub secret: SecretRef,
    /// The number of the version.
    pub version: u32,
}

/// How much one key of one service has encrypted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedUnder {
    /// The service.
    pub service: String,
    /// The key.
    pub key_id: String,
    /// The number of versions.
    pub versions: u64,
}

/// A ciphertext to be replaced by another one of the same value, with its audit entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resealing {
    /// The version.
    pub of: VersionRef,
    /// The ciphertext that is there.
    pub from: Sealed,
    /// The one that takes its place.
    pub to: Sealed,
    /// What the audit log says about it.
    pub audit: AuditEntry,
}

/// A time in which an endpoint takes its secret from a stranger.
///
/// Whoever installs the secret may have learnt of it a moment ago: what counts is what the store says
/// then, or an endpoint that was made anew would begin with a secret that its former window let in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Window {
    /// The id of the endpoint.
    pub endpoint: String,
    /// When it ends.
    pub until: Timestamp,
}

/// A store that did not do its work.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else changed the same thing at the same time.
    #[error("somebody else changed {0} at the same time")]
    Conflict(String),

    /// A row that does not say what it should.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),

    /// A secret would become a key of two kinds.
    #[error(
        "the secret {0} would be a key of two kinds: what uses it differs in whether it is a public key, a shared \
         secret or a token; give each a slot of its own"
    )]
    OtherKind(String),

    /// A value would become a key of a kind that fewer people may know.
    #[error(
        "the secret {secret}: an earlier version with this value, or one that does not decrypt, was bound as {}; set \
         a value that was never used so",
        known_as.noun()
    )]
    KnownAs {
        /// The secret.
        secret: String,
        /// What the earlier version was bound as.
        known_as: KeyKind,
    },

    /// Under the path of the store there is another one now.
    #[error("the store was replaced while it was open; restart, so that the new one is used")]
    Replaced,

    /// Something can have one owner only, and has another one.
    #[error("{0} belongs to another endpoint already")]
    Taken(String),

    /// An endpoint that this configuration cannot serve; `portcullis check` says why.
    #[error("the endpoint {0} does not fit this configuration; `portcullis check` says why")]
    Unfit(String),

    /// The store does not answer, or refuses.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
}
