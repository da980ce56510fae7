//! Permits in Redis.
//!
//! Who has a permit, and who waits for one, stands there by its token: a permit ends with its lease if nobody
//! gives it back, a place in the queue if nobody asks for it any more. Permits go to those who wait in the order
//! in which they came, at whatever node, but none lies idle for somebody who asks only later. Nobody is told: whoever
//! waits asks again.

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
    let mut pace = Pace::default();
    loop {
        let elapsed = since.elapsed();
        let left = wanted.wait.saturating_sub(elapsed);
        let pause = pace.pause(elapsed).min(left);
        let was_there = mine.may_be_there;
        // Also if it is broken off while it is asked for.
        mine.may_be_there = true;
        let times = [wanted.lease, pause];
        let asked = fleet
            .shared
            .permit_as(mine.token, &mine.places, wanted.many, times);
        match asked.await {
            Ok(Ok(())) => return Ok(Some(Permit::shared(mine))),
            Ok(Err(before)) => pace.saw(before),
            Err(fault) => {
                // One from which no answer came may have been carried out all the same.
                mine.may_be_there = was_there || matches!(fault, Fault::Lost(_));
                return Err(fault);
            }
        }
        mine.may_be_there = was_there || !pause.is_zero();
        if left.is_zero() {
            return Ok(None);
        }
        // It may be nearer than it was when it said how soon it asks again.
        tokio::time::sleep(scattered(pause.min(pace.pause(elapsed)))).await;
    }
}

/// How often somebody asks who waits: by how fast it has come forward, about four times on its way to the head of
/// the queue, and more often there.
#[derive(Default)]
struct Pace {
    /// How many came before it at first, and how many do now.
    before: Option<(u64, u64)>,
}

impl Pace {
    fn saw(&mut self, before: u64) {
        let (first, _) = self.before.unwrap_or((before, before));
        self.before = Some((first.max(before), before));
    }

    fn pause(&self, waited: Duration) -> Duration {
        let Some((first, before)) = self.before else {
            return SHORTEST_PAUSE;
        };
        let places = u32::try_from(first - before).unwrap_or(u32::MAX);
        let for_a_place = waited / places.max(1);
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        // It has to have asked while the last one before it has its permit, and a place may take half as long.
        let pause = for_a_place.saturating_mul(before.saturating_mul(2).saturating_add(1)) / 8;
        let longest = match before {
            0 => LONGEST_AT_THE_HEAD,
            before => LONGEST_FOR_A_PLACE
                .saturating_mul(before)
                .min(LONGEST_PAUSE),
        };
        pause.clamp(SHORTEST_PAUSE, longest)
    }
}

/// Who has a permit, who waits for one, and when each of those asks again.
fn places(wanted: &Permits<'_>) -> Entries {
    let of = |kind| {
        Some(Entry {
            key: Key::of(wanted.endpoint, kind, &[wanted.key.as_bytes()]),
            // Nothing of it is accepted, and kept.
            keep: Keep::AsLongAsThereIsRoom(Timestamp::MIN),
        })
    };
    let [has, waits, due] = [Kind::Permits, Kind::PermitQueue, Kind::PermitsDue].map(of);
    Entries::from([has, waits, due, None, None, None, None])
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

const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// A permit that is free waits for who is at the head, so this is less than the script takes for soon.
const LONGEST_AT_THE_HEAD: Duration = Duration::from_millis(50);
/// Turns that are longer never go to somebody who came later.
const LONGEST_FOR_A_PLACE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
