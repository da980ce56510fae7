//! Whether what a directory knows is what the store says.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

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

    /// Changes are followed from now on. Known endpoints go on for `grace` after the last completed round, and as
    /// long as no essential task of `tasks` is away for longer.
    pub(super) fn follow(&self, grace: Duration, tasks: Tasks) {
        let began = Stopwatch::start();
        let _ = self.bounds.set(Bounds {
            began,
            grace,
            tasks,
        });
        self.followed();
    }

    /// A round was completed.
    pub(super) fn followed(&self) {
        if let Some(bounds) = self.bounds.get() {
            let now = u64::try_from(bounds.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.followed_ms.store(now, Ordering::Release);
        }
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

/// A follower that has not completed a round for so long does not run. A round takes milliseconds, and there are at
/// most 800 ms between two of them.
pub(super) const FOLLOWER_SILENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

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
