//! Permits in Redis.
//!
//! Who has a permit, and who waits for one, stands there by its token: a permit ends with its lease if nobody
//! gives it back, a place in the queue if nobody asks for it any more. Permits go to those who wait in the order
//! in which they came, at whatever node. Nobody is told: whoever waits asks again, the later the more come before.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::both::Both;
use super::shared::{Outcome, Settlement};
use super::{Entries, Entry, Keep, Key, Kind, Permit, Permits, Token};
use crate::clock::Stopwatch;
use crate::redis::{Fault, scattered};

/// One of those that are wanted, or `None` if there was none in time.
pub(super) async fn permit(
    wanted: &Permits<'_>,
    fleet: &Arc<Both>,
) -> Result<Option<Permit>, Fault> {
    let mut mine = Mine {
        fleet: Arc::clone(fleet),
        places: places(wanted),
        token: fleet.shared.token(),
        may_be_there: false,
    };
    let since = Stopwatch::start();
    let mut pause = FIRST_PAUSE;
    loop {
        let left = wanted.wait.saturating_sub(since.elapsed());
        let counts_for = if left.is_zero() {
            Duration::ZERO
        } else {
            pause * 2 + ROUND_TRIPS
        };
        let was_there = mine.may_be_there;
        // Also if it is broken off while it is asked for.
        mine.may_be_there = true;
        let times = [wanted.lease, counts_for];
        let asked = fleet
            .shared
            .permit_as(mine.token, &mine.places, wanted.many, times);
        let before = match asked.await {
            Ok(Ok(())) => return Ok(Some(Permit::shared(mine))),
            Ok(Err(before)) => before,
            Err(fault) => {
                // One from which no answer came may have been carried out all the same.
                mine.may_be_there = was_there || matches!(fault, Fault::Lost(_));
                return Err(fault);
            }
        };
        mine.may_be_there = was_there || !counts_for.is_zero();
        if left.is_zero() {
            return Ok(None);
        }
        tokio::time::sleep(scattered(pause).min(left)).await;
        pause = (pause * 2).min(longest_pause(before, wanted.many));
    }
}

/// There is one that comes next, and a permit is idle until it asks. As many as there are permits may have
/// their turn at once.
fn longest_pause(before: u64, many: u32) -> Duration {
    if before == 0 {
        return PAUSE_OF_THE_NEXT;
    }
    let rounds = before / u64::from(many.max(1));
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    PAUSE
        .saturating_mul(rounds.saturating_add(1))
        .min(LONGEST_PAUSE)
}

/// Who has a permit, who waits for one, and until when each of those counts.
fn places(wanted: &Permits<'_>) -> Entries {
    let of = |kind| {
        Some(Entry {
            key: Key::of(wanted.endpoint, kind, &[wanted.key.as_bytes()]),
            // Nothing of it is accepted, and kept.
            keep: Keep::AsLongAsThereIsRoom(Timestamp::MIN),
        })
    };
    let [has, waits, counts] = [Kind::Permits, Kind::PermitQueue, Kind::PermitWaiters].map(of);
    Entries::from([has, waits, counts, None, None, None])
}

/// What stands under a token, or may. It is taken out when it is dropped.
struct Mine {
    fleet: Arc<Both>,
    places: Entries,
    token: Token,
    may_be_there: bool,
}

impl Drop for Mine {
    fn drop(&mut self) {
        if self.may_be_there {
            let left = Settlement::new(&self.places, self.token, Outcome::Left);
            self.fleet.settle_unwatched(&left);
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const PAUSE_OF_THE_NEXT: Duration = Duration::from_millis(10);
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What a question may take beside that. Who takes longer has its place at the end.
const ROUND_TRIPS: Duration = Duration::from_millis(500);
