//! Permits in Redis.
//!
//! A permit is a claim on one of as many keys as there are permits, and ends with its lease if nobody gives it
//! back. Who finds none asks again and again until its time is over, and the first of those comes next, so that
//! a node with many deliveries of a key does not keep another one away from it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::both::Both;
use super::{Entries, Entry, Keep, Key, Kind, Permit, Permits, Token};
use crate::clock::Stopwatch;
use crate::redis::{Fault, scattered};

/// One of those that are wanted, or `None` if there was none in time.
pub(super) async fn permit(
    wanted: &Permits<'_>,
    fleet: &Arc<Both>,
) -> Result<Option<Permit>, Fault> {
    let keys = keys(wanted);
    let names: Vec<Vec<u8>> = keys.iter().map(|key| fleet.shared.name(key)).collect();
    let token = fleet.shared.token();
    let mut mine = Mine {
        fleet: Arc::clone(fleet),
        keys: Vec::new(),
        token,
    };
    let since = Stopwatch::start();
    let mut pause = FIRST_PAUSE;
    // Whether this one may stand there as the one that comes next.
    let mut is_next = 0;
    loop {
        let left = wanted.wait.saturating_sub(since.elapsed());
        let next_for = if left.is_zero() { left } else { NEXT_FOR };
        // Whatever happens while it is asked for: all of them may be ours then.
        mine.keys.clone_from(&keys);
        let asked = fleet
            .shared
            .permit_as(token, &names, wanted.lease, next_for);
        match asked.await {
            Ok(Some(place)) => {
                mine.keys = keys.get(place).copied().into_iter().collect();
                return Ok(Some(Permit::shared(mine)));
            }
            Ok(None) => is_next = usize::from(!wanted.wait.is_zero()),
            Err(fault) => {
                // One from which no answer came may have been carried out all the same.
                if !matches!(fault, Fault::Lost(_)) {
                    mine.keys.truncate(is_next);
                }
                return Err(fault);
            }
        }
        mine.keys.truncate(is_next);
        if left.is_zero() {
            return Ok(None);
        }
        tokio::time::sleep(scattered(pause).min(left)).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// The place of who comes next, and one for each permit.
fn keys(wanted: &Permits<'_>) -> Vec<Key> {
    let of = |kind, number: u32| {
        let material = [wanted.key.as_bytes(), &number.to_le_bytes()];
        Key::of(wanted.endpoint, kind, &material)
    };
    let permits = (0..wanted.many).map(|number| of(Kind::Permit, number));
    std::iter::once(of(Kind::NextPermit, 0))
        .chain(permits)
        .collect()
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
