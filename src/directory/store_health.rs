//! Whether the directory is in step with its store.

use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Stopwatch;
use crate::task::Tasks;

/// The state of a directory towards its store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreState {
    /// Changes are followed.
    InStep,
    /// The store does not answer, for less than the grace time. Cached endpoints are served; others may exist.
    Behind,
    /// The store has not answered for longer than the grace time. Cached endpoints may be out of date.
    Expired,
    /// Another store has taken the place of this one. Nothing that is cached describes it.
    Replaced,
}

impl StoreState {
    const ALL: [Self; 4] = [Self::InStep, Self::Behind, Self::Expired, Self::Replaced];

    /// True if cached endpoints are served.
    pub fn serves(self) -> bool {
        matches!(self, Self::InStep | Self::Behind)
    }
}

/// Tells whether anything has changed since a look-up: an endpoint, an alias, a secret, a token, or the state of the
/// store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DirectoryRevision {
    pub(super) changes: u64,
    pub(super) health: StoreState,
}

/// The current state of a directory.
///
/// The follower sets it, but every reader also checks when the last round was completed. A follower that panicked or
/// hangs can therefore not leave a state behind that is better than the truth.
#[derive(Default)]
pub struct StoreHealth {
    /// The state that the follower reported last, as its position in [`StoreState::ALL`].
    reported: AtomicU8,
    /// When the last round was completed, in milliseconds since the follower started.
    followed_ms: AtomicU64,
    /// When that round began. Earlier changes are known.
    known_until_ms: AtomicU64,
    /// The same number, if a wait for a later round has timed out.
    timed_out_ms: AtomicU64,
    round_ended: Notify,
    bounds: OnceLock<Bounds>,
}

struct Bounds {
    began: Stopwatch,
    grace: Duration,
    tasks: Tasks,
}

impl StoreHealth {
    /// The current state.
    pub fn get(&self) -> StoreState {
        let reported = self.reported();
        let Some(bounds) = self.bounds.get() else {
            return reported;
        };
        if !reported.serves() {
            return reported;
        }
        effective_state(reported, self.behind_for(), bounds.grace, || {
            self.absent_task().is_some()
        })
    }

    /// An essential task that has not run for the grace time, if there is one.
    pub fn absent_task(&self) -> Option<&'static str> {
        let bounds = self.bounds.get()?;
        bounds.tasks.overdue(bounds.grace)
    }

    /// The time since the last completed round.
    pub fn behind_for(&self) -> Duration {
        let followed = Duration::from_millis(self.followed_ms.load(Ordering::Acquire));
        let began = self.bounds.get().map(|bounds| bounds.began);
        began.map_or(Duration::ZERO, |began| {
            began.elapsed().saturating_sub(followed)
        })
    }

    /// Waits for the next round if the last one is overdue, as after the process was stopped and continued. A
    /// revocation in between must be known before a delivery is judged.
    ///
    /// It waits at most 2 s, once for each gap, and not while the store does not answer. The grace time decides then.
    pub async fn wait_until_current(&self) {
        if !self.is_current() {
            // Boxed: this future is rarely needed, and every delivery would reserve memory for it.
            Box::pin(self.catch_up()).await;
        }
    }

    async fn catch_up(&self) {
        let catching_up = async {
            loop {
                let mut ended = pin!(self.round_ended.notified());
                ended.as_mut().enable();
                if self.is_current() {
                    return;
                }
                ended.await;
            }
        };
        let known_until = self.known_until_ms.load(Ordering::Acquire);
        if tokio::time::timeout(CATCH_UP_TIMEOUT, catching_up)
            .await
            .is_err()
        {
            self.timed_out_ms.store(known_until, Ordering::Release);
        }
    }

    fn is_current(&self) -> bool {
        let Some(bounds) = self.bounds.get() else {
            return true;
        };
        let known_until = self.known_until_ms.load(Ordering::Acquire);
        let age = bounds.began.elapsed();
        let age = age.saturating_sub(Duration::from_millis(known_until));
        age < ROUND_OVERDUE
            || self.reported() != StoreState::InStep
            || self.timed_out_ms.load(Ordering::Acquire) == known_until
    }

    /// The time since the follower started, in milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        let began = self.bounds.get().map(|bounds| bounds.began);
        began.map_or(0, |began| milliseconds(began.elapsed()))
    }

    /// Wakes the deliveries that wait for a round, whether it succeeded or failed.
    pub(super) fn round_ended(&self) {
        self.round_ended.notify_waiters();
    }

    /// Starts to follow. Cached endpoints are served for `grace` after the last completed round, and only while every
    /// essential task of `tasks` runs.
    pub(super) fn follow(&self, grace: Duration, tasks: Tasks) {
        let began = Stopwatch::start();
        let _ = self.bounds.set(Bounds {
            began,
            grace,
            tasks,
        });
        self.timed_out_ms.store(u64::MAX, Ordering::Release);
        self.complete_round(self.now_ms());
    }

    /// Records a completed round that began at `began`.
    pub(super) fn complete_round(&self, began: u64) {
        self.known_until_ms.store(began, Ordering::Release);
        self.followed_ms.store(self.now_ms(), Ordering::Release);
    }

    fn reported(&self) -> StoreState {
        let position = usize::from(self.reported.load(Ordering::Relaxed));
        // Only `set` writes this value, so the fallback is never used.
        StoreState::ALL
            .get(position)
            .copied()
            .unwrap_or(StoreState::Expired)
    }

    /// Sets the state and returns the previous one.
    pub(super) fn set(&self, health: StoreState) -> StoreState {
        let was = self.reported();
        let position = StoreState::ALL.iter().position(|it| *it == health);
        let position = position.and_then(|it| u8::try_from(it).ok());
        self.reported
            .store(position.unwrap_or(u8::MAX), Ordering::Relaxed);
        was
    }
}

/// The state that the follower reported, limited by the time of its last completed round.
fn effective_state(
    reported: StoreState,
    unfollowed: Duration,
    grace: Duration,
    is_task_overdue: impl FnOnce() -> bool,
) -> StoreState {
    let limit = match reported {
        StoreState::InStep => grace.max(FOLLOWER_SILENCE),
        _ => grace,
    };
    if unfollowed >= limit || is_task_overdue() {
        StoreState::Expired
    } else if reported == StoreState::InStep && unfollowed >= FOLLOWER_SILENCE {
        StoreState::Behind
    } else {
        reported
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// More than the 800 ms between two rounds and the time of a round.
const ROUND_OVERDUE: Duration = Duration::from_millis(1500);
/// The timeout for an overdue round.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);
/// Without a completed round for this long, the follower counts as not running. A round takes milliseconds, and two
/// rounds are at most 800 ms apart.
pub(super) const FOLLOWER_SILENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    fn following() -> StoreHealth {
        let health = StoreHealth::default();
        health.follow(Duration::from_hours(1), Tasks::default());
        health
    }

    async fn waits(health: &StoreHealth) -> bool {
        let moment = Duration::from_millis(1);
        timeout(moment, health.wait_until_current()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn deliveries_wait_for_a_round_that_began_after_the_gap() {
        let health = following();
        advance(Duration::from_millis(1400)).await;
        assert!(!waits(&health).await);
        let before_the_gap = health.now_ms();
        advance(Duration::from_secs(8)).await;
        assert!(waits(&health).await);
        // The round in progress has read the changes before the gap.
        health.complete_round(before_the_gap);
        health.round_ended();
        assert!(waits(&health).await);
        let waiting = health.wait_until_current();
        let round = async {
            health.complete_round(health.now_ms());
            health.round_ended();
        };
        tokio::join!(waiting, round);
        assert!(!waits(&health).await);
    }

    #[tokio::test(start_paused = true)]
    async fn deliveries_wait_once_for_a_hanging_follower_and_never_for_a_store_that_is_down() {
        let health = following();
        advance(Duration::from_secs(8)).await;
        assert!(waits(&health).await);
        health.wait_until_current().await;
        assert!(!waits(&health).await);
        // The next gap counts separately.
        health.complete_round(health.now_ms());
        advance(Duration::from_secs(8)).await;
        assert!(waits(&health).await);
        health.set(StoreState::Behind);
        assert!(!waits(&health).await);
    }

    #[test]
    fn a_reported_state_expires_with_the_silence_of_the_follower_and_the_grace_time() {
        use StoreState::{Behind, Expired, InStep};
        let seconds = Duration::from_secs;
        for (reported, unfollowed, grace, expected) in [
            (InStep, 0, 60, InStep),
            (InStep, 4, 60, InStep),
            (InStep, 5, 60, Behind),
            (InStep, 59, 60, Behind),
            (InStep, 60, 60, Expired),
            // A short grace time does not make a busy machine refuse deliveries after a round.
            (InStep, 2, 1, InStep),
            (InStep, 5, 1, Expired),
            (Behind, 0, 60, Behind),
            (Behind, 59, 60, Behind),
            (Behind, 60, 60, Expired),
            (Behind, 1, 1, Expired),
        ] {
            let state = effective_state(reported, seconds(unfollowed), seconds(grace), || false);
            assert_eq!(state, expected, "{reported:?} {unfollowed} {grace}");
        }
        let overdue = effective_state(InStep, seconds(0), seconds(60), || true);
        assert_eq!(overdue, Expired);
    }
}
