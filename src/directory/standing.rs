//! Whether what a directory knows is what the store says.

use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Stopwatch;
use crate::task::Tasks;

/// How a directory stands to its store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Standing {
    /// Changes are followed.
    InStep,
    /// The store does not answer, and has not for less than the grace time: what is known goes on, and
    /// nobody knows whether there is anything else.
    Behind,
    /// The store has not answered for longer than that: what is known may be long wrong.
    Expired,
    /// Under the name of the store there is another one, and nothing that is known is about it.
    Replaced,
}

impl Standing {
    const ALL: [Self; 4] = [Self::InStep, Self::Behind, Self::Expired, Self::Replaced];

    /// Whether endpoints that are known are served.
    pub fn serves(self) -> bool {
        matches!(self, Self::InStep | Self::Behind)
    }
}

/// What tells whether anything has changed since somebody looked: an endpoint, an alias, a secret, a token, or how the
/// directory stands to its store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    pub(super) changes: u64,
    pub(super) standing: Standing,
}

/// The standing of a directory now, for whoever looks.
///
/// It does not depend on the follower being alive. The follower says what it found; everybody who looks also checks
/// when the last round was completed, so a follower that panicked or hangs cannot leave a standing behind that is
/// better than the truth.
#[derive(Default)]
pub struct StandingNow {
    said: AtomicU8,
    /// When the last round was completed, in milliseconds since the follower began.
    followed_ms: AtomicU64,
    /// When that round began: changes from before are known.
    known_until_ms: AtomicU64,
    /// The same number, if somebody has waited in vain for a later round.
    given_up_ms: AtomicU64,
    round_ended: Notify,
    bounds: OnceLock<Bounds>,
}

struct Bounds {
    began: Stopwatch,
    grace: Duration,
    tasks: Tasks,
}

impl StandingNow {
    /// What it is.
    pub fn get(&self) -> Standing {
        let said = self.said();
        let Some(bounds) = self.bounds.get() else {
            return said;
        };
        if !said.serves() {
            return said;
        }
        judged(said, self.unfollowed_for(), bounds.grace, || {
            self.absent_task().is_some()
        })
    }

    /// The essential task that has not run for the grace time, if there is one.
    pub fn absent_task(&self) -> Option<&'static str> {
        let bounds = self.bounds.get()?;
        bounds.tasks.overdue(bounds.grace)
    }

    /// How long ago the last round was completed.
    pub fn unfollowed_for(&self) -> Duration {
        let followed = Duration::from_millis(self.followed_ms.load(Ordering::Acquire));
        let began = self.bounds.get().map(|bounds| bounds.began);
        began.map_or(Duration::ZERO, |began| {
            began.elapsed().saturating_sub(followed)
        })
    }

    /// Waits for the next round of the follower if the last one is longer ago than rounds are apart, as it is after the
    /// process was stopped and continued: what was revoked meanwhile must be known before anything is judged.
    ///
    /// It waits for 2 s at most, once for each gap, and not at all while the store does not answer. Then the
    /// grace time decides.
    pub async fn caught_up(&self) {
        if !self.is_current() {
            // Boxed: it is needed after a pause only, and every delivery would keep the room for it.
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
        if tokio::time::timeout(CATCH_UP, catching_up).await.is_err() {
            self.given_up_ms.store(known_until, Ordering::Release);
        }
    }

    fn is_current(&self) -> bool {
        let Some(bounds) = self.bounds.get() else {
            return true;
        };
        let known_until = self.known_until_ms.load(Ordering::Acquire);
        let age = bounds.began.elapsed();
        let age = age.saturating_sub(Duration::from_millis(known_until));
        age < ROUNDS_APART
            || self.said() != Standing::InStep
            || self.given_up_ms.load(Ordering::Acquire) == known_until
    }

    /// The time since the follower began, in milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        let began = self.bounds.get().map(|bounds| bounds.began);
        began.map_or(0, |began| milliseconds(began.elapsed()))
    }

    /// A round was completed, or has failed.
    pub(super) fn round_ended(&self) {
        self.round_ended.notify_waiters();
    }

    /// Changes are followed from now on. Known endpoints go on for `grace` after the last completed round, and as
    /// long as no essential task of `tasks` is away for longer.
    pub(super) fn follow(&self, grace: Duration, tasks: Tasks) {
        let began = Stopwatch::start();
        let _ = self.bounds.set(Bounds {
            began,
            grace,
            tasks,
        });
        self.given_up_ms.store(u64::MAX, Ordering::Release);
        self.followed(self.now_ms());
    }

    /// A round was completed that began at `began`.
    pub(super) fn followed(&self, began: u64) {
        self.known_until_ms.store(began, Ordering::Release);
        self.followed_ms.store(self.now_ms(), Ordering::Release);
    }

    fn said(&self) -> Standing {
        let position = usize::from(self.said.load(Ordering::Relaxed));
        // Only `set` writes it.
        Standing::ALL
            .get(position)
            .copied()
            .unwrap_or(Standing::Expired)
    }

    /// Says what it is, and gives what it was.
    pub(super) fn set(&self, standing: Standing) -> Standing {
        let was = self.said();
        let position = Standing::ALL.iter().position(|it| *it == standing);
        let position = position.and_then(|it| u8::try_from(it).ok());
        self.said
            .store(position.unwrap_or(u8::MAX), Ordering::Relaxed);
        was
    }
}

/// What the follower said, held to the time of its last completed round.
fn judged(
    said: Standing,
    unfollowed: Duration,
    grace: Duration,
    is_task_overdue: impl FnOnce() -> bool,
) -> Standing {
    let limit = match said {
        Standing::InStep => grace.max(FOLLOWER_SILENCE),
        _ => grace,
    };
    if unfollowed >= limit || is_task_overdue() {
        Standing::Expired
    } else if said == Standing::InStep && unfollowed >= FOLLOWER_SILENCE {
        Standing::Behind
    } else {
        said
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// More than 800 ms, which rounds are apart at most, and the time that a round takes.
const ROUNDS_APART: Duration = Duration::from_millis(1500);
/// How long deliveries wait for a round that is overdue.
const CATCH_UP: Duration = Duration::from_secs(2);
/// A follower that has not completed a round for so long does not run. A round takes milliseconds, and there are at
/// most 800 ms between two of them.
pub(super) const FOLLOWER_SILENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    fn following() -> StandingNow {
        let standing = StandingNow::default();
        standing.follow(Duration::from_hours(1), Tasks::default());
        standing
    }

    async fn waits(standing: &StandingNow) -> bool {
        let moment = Duration::from_millis(1);
        timeout(moment, standing.caught_up()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_gap_a_round_that_began_later_is_waited_for() {
        let standing = following();
        advance(Duration::from_millis(1400)).await;
        assert!(!waits(&standing).await);
        let before_the_gap = standing.now_ms();
        advance(Duration::from_secs(8)).await;
        assert!(waits(&standing).await);
        // The round that was under way has read the changes before the gap.
        standing.followed(before_the_gap);
        standing.round_ended();
        assert!(waits(&standing).await);
        let waiting = standing.caught_up();
        let round = async {
            standing.followed(standing.now_ms());
            standing.round_ended();
        };
        tokio::join!(waiting, round);
        assert!(!waits(&standing).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_twice_for_a_follower_that_hangs_nor_for_a_store_that_is_down() {
        let standing = following();
        advance(Duration::from_secs(8)).await;
        assert!(waits(&standing).await);
        standing.caught_up().await;
        assert!(!waits(&standing).await);
        // The next gap is another one.
        standing.followed(standing.now_ms());
        advance(Duration::from_secs(8)).await;
        assert!(waits(&standing).await);
        standing.set(Standing::Behind);
        assert!(!waits(&standing).await);
    }

    #[test]
    fn what_the_follower_said_holds_no_longer_than_its_silence_and_the_grace_time() {
        use Standing::{Behind, Expired, InStep};
        let seconds = Duration::from_secs;
        for (said, unfollowed, grace, expected) in [
            (InStep, 0, 60, InStep),
            (InStep, 4, 60, InStep),
            (InStep, 5, 60, Behind),
            (InStep, 59, 60, Behind),
            (InStep, 60, 60, Expired),
            // A short grace time does not make a busy machine refuse what it has just followed.
            (InStep, 2, 1, InStep),
            (InStep, 5, 1, Expired),
            (Behind, 0, 60, Behind),
            (Behind, 59, 60, Behind),
            (Behind, 60, 60, Expired),
            (Behind, 1, 1, Expired),
        ] {
            let judged = judged(said, seconds(unfollowed), seconds(grace), || false);
            assert_eq!(judged, expected, "{said:?} {unfollowed} {grace}");
        }
        let overdue = judged(InStep, seconds(0), seconds(60), || true);
        assert_eq!(overdue, Expired);
    }
}
