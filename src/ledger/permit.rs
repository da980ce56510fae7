//! Permits: how many deliveries of one concurrency key are with the backend at once, in a whole fleet.
//!
//! A permit is a claim on one of as many keys as there are permits, and ends with its lease if nobody gives it
//! back. Who finds none asks again and again until its time is over, and the first of those comes next, so that
//! a node with many deliveries of a key does not keep another one away from it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::both::Both;
use super::{Alone, Entries, Entry, Keep, Key, Kind, Token};
use crate::clock::Stopwatch;
use crate::redis::{Fault, scattered};

/// The permits of one concurrency key, and what is wanted of them.
#[derive(Clone, Copy, Debug)]
pub struct Permits<'a> {
    /// The endpoint.
    pub endpoint: &'a str,
    /// What is told apart there.
    pub key: &'a str,
    /// How many there are.
    pub many: u32,
    /// How long one lasts that is not given back.
    pub lease: Duration,
    /// How long to wait for one; zero to take what is there.
    pub wait: Duration,
    /// What becomes of the delivery while Redis is out of reach.
    pub alone: Alone,
}

impl Permits<'_> {
    /// The place of who comes next, and one for each permit.
    fn keys(&self) -> Vec<Key> {
        let of = |kind, number: u32| {
            let material = [self.key.as_bytes(), &number.to_le_bytes()];
            Key::of(self.endpoint, kind, &material)
        };
        let permits = (0..self.many).map(|number| of(Kind::Permit, number));
        std::iter::once(of(Kind::NextPermit, 0))
            .chain(permits)
            .collect()
    }
}

/// A permit. It is given back when it is dropped.
#[must_use = "a permit that is dropped is given back"]
pub struct Permit(#[expect(dead_code, reason = "it is there to be dropped")] Option<Mine>);

impl Permit {
    /// What a node has that need not ask anybody.
    pub const fn unshared() -> Self {
        Self(None)
    }

    /// One of those that are wanted.
    pub(super) async fn among(
        wanted: &Permits<'_>,
        fleet: &Arc<Both>,
    ) -> Result<Option<Self>, Fault> {
        let keys = wanted.keys();
        let names: Vec<Vec<u8>> = keys.iter().map(|key| fleet.shared.name(key)).collect();
        let token = fleet.shared.token();
        let mut mine = Mine {
            fleet: Arc::clone(fleet),
            keys: Vec::new(),
            token,
        };
        let since = Stopwatch::start();
        let mut pause = FIRST_PAUSE;
        loop {
            let left = wanted.wait.saturating_sub(since.elapsed());
            let next_for = if left.is_zero() { left } else { NEXT_FOR };
            // Whatever happens while it is asked for: all of them may be ours then.
            mine.keys.clone_from(&keys);
            let asked = fleet
                .shared
                .permit_as(token, &names, wanted.lease, next_for);
            if let Some(place) = asked.await? {
                mine.keys = keys.get(place).copied().into_iter().collect();
                return Ok(Some(Self(Some(mine))));
            }
            mine.keys.truncate(usize::from(!wanted.wait.is_zero()));
            if left.is_zero() {
                return Ok(None);
            }
            tokio::time::sleep(scattered(pause).min(left)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// What is taken under a token, or may be. It is given back when it is dropped.
struct Mine {
    fleet: Arc<Both>,
    keys: Vec<Key>,
    token: Token,
}

impl Drop for Mine {
    fn drop(&mut self) {
        for keys in self.keys.chunks(Entries::MOST) {
            let mut places = [None; Entries::MOST];
            for (place, key) in places.iter_mut().zip(keys) {
                *place = Some(Entry {
                    key: *key,
                    // Nothing is kept of what is given back.
                    keep: Keep::AsLongAsThereIsRoom(Timestamp::MIN),
                });
            }
            self.fleet.give_up(&Entries::from(places), self.token);
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_millis(50);
/// Several times as long as somebody takes who goes on asking.
const NEXT_FOR: Duration = Duration::from_millis(500);
