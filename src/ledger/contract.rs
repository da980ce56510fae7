//! What a ledger promises, whatever it is made of.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Key, Permit, Permits};
use crate::redis::Fault;

/// Remembers deliveries.
///
/// A wrong answer costs a delivery in one direction and a replay in the other, so a ledger that does not
/// know says so: [`Unavailable`] becomes 503, and the sender repeats.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Claims all of `entries` for `lease`, or none of them.
    ///
    /// Of several that claim one key at the same time at most one succeeds, on whatever node they are.
    /// The first entry that somebody else has decides what the others are told.
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<Token, Taken>, Unavailable>;

    /// Remembers `entries` as accepted, each as long as it says.
    ///
    /// It holds even if the lease has ended meanwhile and somebody else has a claim: accepted is accepted.
    async fn commit(&self, entries: &Entries, token: Token) -> Result<(), Unavailable>;

    /// Forgets the claim of `token` on `entries`, unless somebody else has claimed them since.
    async fn release(&self, entries: &Entries, token: Token) -> Result<(), Unavailable>;

    /// One of the permits that the nodes of a fleet share, or `None` if there was none in time. A ledger of one
    /// node has no use for them: that node knows of all its deliveries.
    async fn permit(&self, wanted: &Permits<'_>) -> Result<Option<Permit>, Unavailable> {
        let _ = wanted;
        Ok(Some(Permit::unshared()))
    }

    /// Settles at once, whether the backend has accepted it or not; `None` if this ledger has to wait for it.
    fn settle_now(
        &self,
        entries: &Entries,
        token: Token,
        accepted: bool,
    ) -> Option<Result<(), Unavailable>> {
        let _ = (entries, token, accepted);
        None
    }

    /// The same as [`release`](Self::release), for who cannot wait: a delivery that was broken off. A ledger that has to wait for it
    /// does nothing here; the lease ends the claim.
    fn abandon(&self, entries: &Entries, token: Token) {
        let _ = (entries, token);
    }

    /// Goes on with what somebody began and does not wait for. A ledger that never waits is not asked.
    fn go_on(&self, rest: Unwatched) {
        tokio::spawn(rest);
    }

    /// Waits until everything has come to an end that nobody waited for, as far as it will.
    async fn come_to_rest(&self) {}
}

/// The rest of something that nobody waits for.
pub type Unwatched = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One thing that a delivery is remembered by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// How long it counts once it is accepted.
    pub keep: Keep,
}

/// How long something accepted is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "either it must be kept or it may go"
)]
pub enum Keep {
    /// Until the window of the signature has ended, and never less: forgotten before, it would be
    /// admitted again.
    Firmly(Timestamp),
    /// Until then, as far as there is room.
    AsLongAsThereIsRoom(Timestamp),
}

impl Keep {
    /// When it ends.
    pub const fn until(self) -> Timestamp {
        match self {
            Self::Firmly(until) | Self::AsLongAsThereIsRoom(until) => until,
        }
    }
}

/// What is to become of a delivery while the memory that nodes share is out of reach.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it goes in or it does not")]
pub enum Alone {
    /// It is refused, and its sender repeats it later.
    #[default]
    Refused,
    /// It is judged by what this node remembers.
    Judged,
}

/// Everything that one delivery is remembered by: a few entries, in the order in which they count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entries {
    places: [Option<Entry>; Self::MOST],
    alone: Alone,
}

impl Entries {
    /// What was signed, by two keys during a rotation, what was signed beside it, and an id under each of the two.
    pub const MOST: usize = 7;

    /// The same, with another answer to what becomes of it when a node is alone. A ledger in memory has
    /// no use for it.
    #[must_use]
    pub const fn alone(self, alone: Alone) -> Self {
        Self { alone, ..self }
    }

    /// What becomes of the delivery when the node is alone.
    pub const fn when_alone(&self) -> Alone {
        self.alone
    }

    /// In their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.places.iter().flatten()
    }

    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// Those of the places that are filled.
impl From<[Option<Entry>; Entries::MOST]> for Entries {
    fn from(places: [Option<Entry>; Entries::MOST]) -> Self {
        Self {
            places,
            alone: Alone::default(),
        }
    }
}

/// Whose a claim is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Token(pub u64);

/// A key that cannot be claimed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Taken {
    /// The key.
    pub key: Key,
    /// What became of the delivery that has it.
    pub standing: Standing,
}

/// What is known about a key that somebody has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are two phases")]
pub enum Standing {
    /// The backend has accepted it.
    Accepted,
    /// The backend has not said yet.
    InFlight,
}

/// A ledger that cannot say.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Everything that is in it must be kept.
    #[error("the ledger is full of what must be remembered; `ledger.capacity` is too small")]
    Full,

    /// The memory that nodes share cannot be asked.
    #[error("the ledger that nodes share cannot say: {0}")]
    OutOfReach(Fault),
}
