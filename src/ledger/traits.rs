//! The interface of a ledger, and the types that every implementation shares.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Key, Permit, Permits};
use crate::redis::RedisFault;

/// Remembers deliveries.
///
/// A wrong answer loses a delivery or admits a replay. A ledger that does not know returns [`Unavailable`]: the
/// sender gets 503 and retries.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Claims all of `entries` for `lease`, or none of them.
    ///
    /// If several nodes claim one key at the same time, at most one succeeds. The first entry that is already known
    /// decides the result.
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<ClaimToken, Conflict>, Unavailable>;

    /// Remembers `entries` as accepted, each for its own time.
    ///
    /// This overrides a newer claim of another delivery: once the backend has accepted one copy, the others are
    /// repeats.
    async fn commit(&self, entries: &Entries, token: ClaimToken) -> Result<(), Unavailable>;

    /// Removes the claim of `token` on `entries`. Claims that another delivery has made since stay.
    async fn release(&self, entries: &Entries, token: ClaimToken) -> Result<(), Unavailable>;

    /// Takes one of the permits that the nodes of a fleet share; `None` if the wait timed out. A ledger of a single
    /// node grants every request, because that node counts its own deliveries.
    async fn permit(&self, wanted: &Permits<'_>) -> Result<Option<Permit>, Unavailable> {
        let _ = wanted;
        Ok(Some(Permit::unshared()))
    }

    /// Settles a claim synchronously; `None` if this ledger has to wait for a server.
    fn settle_now(
        &self,
        entries: &Entries,
        token: ClaimToken,
        accepted: bool,
    ) -> Option<Result<(), Unavailable>> {
        let _ = (entries, token, accepted);
        None
    }

    /// Like [`release`](Self::release), for a delivery that is being dropped and cannot await. A ledger that has to
    /// wait for a server may do nothing here: the lease ends the claim.
    fn abandon(&self, entries: &Entries, token: ClaimToken) {
        let _ = (entries, token);
    }

    /// Runs the rest of a settlement in the background. A ledger that never waits is not called.
    fn spawn_detached(&self, rest: DetachedWork) {
        tokio::spawn(rest);
    }

    /// Waits until the work of [`spawn_detached`](Self::spawn_detached) has finished, within a bound that the ledger chooses.
    async fn drain(&self) {}
}

/// The rest of a settlement that runs in the background.
pub type DetachedWork = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One key under which a delivery is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Identifies what is remembered.
    pub key: Key,
    /// How long it is remembered once the delivery is accepted.
    pub keep: Retention,
}

/// How long an accepted entry is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an entry is pinned or evictable")]
pub enum Retention {
    /// Until the window of the signature ends, and never less: the replay would otherwise be admitted.
    Pinned(Timestamp),
    /// Until this time, unless the entry is evicted to make room.
    Evictable(Timestamp),
}

impl Retention {
    /// When it expires.
    pub const fn until(self) -> Timestamp {
        match self {
            Self::Pinned(until) | Self::Evictable(until) => until,
        }
    }
}

/// What happens to a delivery while the shared memory cannot be reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "fail-closed or fail-open")]
pub enum OutagePolicy {
    /// Fail-closed: it is refused, and the sender retries.
    #[default]
    Reject,
    /// Fail-open: it is judged by the memory of this node alone.
    Local,
}

/// The entries of one delivery, in order of precedence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entries {
    places: [Option<Entry>; Self::MOST],
    alone: OutagePolicy,
}

impl Entries {
    /// One signature and one uncovered hint for each of two keys during a rotation, and an id for each key.
    pub const MOST: usize = 7;

    /// The same entries with another outage policy. A ledger in memory ignores it.
    #[must_use]
    pub const fn with_outage_policy(self, alone: OutagePolicy) -> Self {
        Self { alone, ..self }
    }

    /// The outage policy.
    pub const fn outage_policy(&self) -> OutagePolicy {
        self.alone
    }

    /// The entries in order of precedence.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.places.iter().flatten()
    }

    /// True if there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// Keeps the places that are filled.
impl From<[Option<Entry>; Entries::MOST]> for Entries {
    fn from(places: [Option<Entry>; Entries::MOST]) -> Self {
        Self {
            places,
            alone: OutagePolicy::default(),
        }
    }
}

/// The number of a claim. It identifies the claimant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClaimToken(pub u64);

/// A key that is already known, so the claim failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conflict {
    /// The key that is taken.
    pub key: Key,
    /// The state of the delivery that has the key.
    pub state: EntryState,
}

/// The state of a known key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a claim has two phases")]
pub enum EntryState {
    /// The backend has accepted the delivery.
    Accepted,
    /// The backend has not answered yet.
    InFlight,
}

/// A ledger that cannot answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Every entry is pinned, so there is no room.
    #[error("the ledger is full of entries that must be kept: raise `ledger.capacity`")]
    Full,

    /// The memory that the nodes share cannot be reached.
    #[error("the shared ledger is unavailable: {0}")]
    Unreachable(RedisFault),
}
