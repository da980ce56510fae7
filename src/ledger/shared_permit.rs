//! Permits in Redis.
//!
//! Holders and waiters are listed by their tokens. A permit expires with its lease if it is not returned; a place in
//! the queue expires if its owner stops polling. Permits go to the waiters in order of arrival, across all nodes.
//! None stays idle for a waiter that polls only later. Nothing is pushed: waiters poll.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::fleet::TieredLedger;
use super::in_redis::{Settlement, SettlementKind};
use super::{ClaimToken, Entries, Entry, EntryKind, Key, Permit, Permits, Retention};
use crate::clock::Stopwatch;
use crate::redis::RedisFault;
use crate::task::with_jitter;

/// Takes a permit, or returns `None` if the wait timed out.
pub(super) async fn permit(
    wanted: &Permits<'_>,
    fleet: &Arc<TieredLedger>,
) -> Result<Option<Permit>, RedisFault> {
    let mut registration = Registration {
        fleet: Arc::clone(fleet),
        keys: permit_keys(wanted),
        token: fleet.shared.token(),
        may_be_listed: false,
    };
    let since = Stopwatch::start();
    let mut pace = PollInterval::default();
    loop {
        let elapsed = since.elapsed();
        let left = wanted.wait.saturating_sub(elapsed);
        let pause = pace.pause(elapsed).min(left);
        let was_listed = registration.may_be_listed;
        // Set before the call, so that an aborted call is cleaned up too.
        registration.may_be_listed = true;
        let times = [wanted.lease, pause];
        let call =
            fleet
                .shared
                .permit_as(registration.token, &registration.keys, wanted.many, times);
        match call.await {
            Ok(Ok(())) => return Ok(Some(Permit::shared(registration))),
            Ok(Err(before)) => pace.update(before),
            Err(fault) => {
                // A call without an answer may have been executed all the same.
                registration.may_be_listed = was_listed || matches!(fault, RedisFault::Lost(_));
                return Err(fault);
            }
        }
        registration.may_be_listed = was_listed || !pause.is_zero();
        if left.is_zero() {
            return Ok(None);
        }
        // The position may have improved since the pause was announced, so the shorter of the two pauses applies.
        tokio::time::sleep(with_jitter(pause.min(pace.pause(elapsed)))).await;
    }
}

/// How often a waiter polls. The interval follows from the speed of the queue: about four polls on the way to the
/// head, and more often there.
#[derive(Default)]
struct PollInterval {
    /// The number of waiters in front at first, and now.
    before: Option<(u64, u64)>,
}

impl PollInterval {
    fn update(&mut self, before: u64) {
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
        // The waiter must poll while the last one in front still holds its permit. A place may take half as long as
        // the average.
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

/// The three keys of a concurrency key: holders, queue, and the time of each waiter's next poll.
fn permit_keys(wanted: &Permits<'_>) -> Entries {
    let of = |kind| {
        Some(Entry {
            key: Key::of(wanted.endpoint, kind, &[wanted.key.as_bytes()]),
            // Permits are never committed, so the retention does not matter.
            keep: Retention::Evictable(Timestamp::MIN),
        })
    };
    let [holders, queue, polls] = [
        EntryKind::Permits,
        EntryKind::PermitQueue,
        EntryKind::PermitsDue,
    ]
    .map(of);
    Entries::from([holders, queue, polls, None, None, None, None])
}

/// A token that may be listed in Redis. Dropping it removes the token there.
struct Registration {
    fleet: Arc<TieredLedger>,
    keys: Entries,
    token: ClaimToken,
    may_be_listed: bool,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.may_be_listed {
            let returned = Settlement::new(&self.keys, self.token, SettlementKind::Returned);
            self.fleet.settle_detached(&returned);
        }
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// A free permit waits for the head of the queue, so this must be shorter than `SOON` in the script.
const LONGEST_AT_THE_HEAD: Duration = Duration::from_millis(50);
/// Queues whose turns are longer never let a later arrival pass.
const LONGEST_FOR_A_PLACE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
