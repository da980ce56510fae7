//! What is known about a secret, and what a delivery does with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use super::KeyError;
use crate::clock::Stopwatch;
use crate::secrets::open::{OpenSecret, OpenVersion};

/// The place of a secret in the cache.
#[derive(Default)]
pub(super) struct Slot {
    seen: ArcSwapOption<Seen>,
    doubts: AtomicU64,
}

impl Slot {
    /// What was seen last.
    pub(super) fn seen(&self) -> Option<Arc<Seen>> {
        self.seen.load_full()
    }

    pub(super) fn put(&self, seen: Seen) {
        self.seen.store(Some(Arc::new(seen)));
    }

    /// The secret has changed: what was seen before is not about it any more.
    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
    }

    /// What tells whether something has changed.
    pub(super) fn mark(&self, epoch: u64) -> Mark {
        Mark {
            doubts: self.doubts.load(Ordering::SeqCst),
            epoch,
        }
    }
}

/// How often a secret has changed, and everything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Mark {
    doubts: u64,
    epoch: u64,
}

/// What a load has found out.
pub(super) struct Seen {
    /// When, in changes: the store was read after them.
    pub(super) mark: Mark,
    pub(super) found: Found,
    /// What went wrong last.
    pub(super) trouble: Option<Trouble>,
    /// Since when it is known: the oldest of what the key service has opened.
    pub(super) since: Stopwatch,
    /// The age at which it is refreshed; another one for every secret, so that they do not all come at once.
    pub(super) refresh_after: Duration,
    /// What the key service has opened, for the next load.
    pub(super) kept: Vec<Arc<OpenVersion>>,
}

/// What the store holds, as far as it could be opened.
#[derive(Clone)]
pub(super) enum Found {
    Bound(Bound),
    /// No version counts.
    Unbound,
    /// Nobody knows: there is trouble.
    Nothing,
}

#[derive(Clone)]
pub(super) struct Bound {
    pub(super) secret: Arc<OpenSecret>,
    /// Whether a version that counts is missing in it.
    pub(super) is_lacking: bool,
    /// When the versions in it end, if the current one is not among them.
    pub(super) until: Option<Timestamp>,
}

/// A load that failed.
#[derive(Clone)]
pub(super) struct Trouble {
    pub(super) error: KeyError,
    /// Whether it was the current version that could not be had, and not only one beside it.
    pub(super) is_of_current: bool,
    /// Whether an answer was no, rather than none, since the last one that was yes.
    pub(super) was_refused: bool,
    /// The same of the current version alone: what becomes of another one takes nothing away from it.
    pub(super) current_was_refused: bool,
    /// How often in a row.
    pub(super) failures: u32,
    /// When.
    pub(super) at: Stopwatch,
    /// How long nobody asks again.
    pub(super) pause: Duration,
}

/// What a delivery does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// Use what is known.
    Now,
    /// Use it, and have it refreshed in the background.
    Refresh,
    /// Use it though its time is over, because nobody can be asked.
    Grace,
    /// The same, and ask again in the background.
    GraceAndRefresh,
    /// Wait for a load.
    Load,
    /// Say what the last load said: it is too early to ask again.
    Refuse,
}

/// How long what is known may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) to_live: Duration,
    pub(super) grace: Duration,
}

impl Seen {
    /// Whether nothing has changed since.
    pub(super) fn is_about(&self, mark: Mark) -> bool {
        self.mark == mark
    }

    /// What a delivery does that has waited for it, and for which it is too old already.
    pub(super) fn once(&self) -> Use {
        match self.trouble {
            None => Use::Now,
            Some(_) => Use::Refuse,
        }
    }

    /// What a delivery does with it now.
    pub(super) fn usage(&self, times: Times) -> Use {
        let age = self.since.elapsed();
        let trouble = self.trouble.as_ref();
        let may_ask = trouble.is_none_or(|trouble| {
            // The pause is about a version that does not open. It does not keep the other one from being fresh.
            let other = !trouble.is_of_current && age >= self.refresh_after;
            other || trouble.at.elapsed() >= trouble.pause
        });
        let otherwise = if may_ask { Use::Load } else { Use::Refuse };
        match &self.found {
            Found::Bound(bound) if age < times.to_live => {
                let is_due = bound.is_lacking || age >= self.refresh_after;
                if is_due && may_ask {
                    Use::Refresh
                } else {
                    Use::Now
                }
            }
            Found::Bound(_) => match trouble {
                // A refusal gets no grace: somebody may have meant it.
                Some(trouble)
                    if !trouble.current_was_refused && age < times.to_live + times.grace =>
                {
                    if may_ask {
                        Use::GraceAndRefresh
                    } else {
                        Use::Grace
                    }
                }
                _ => otherwise,
            },
            Found::Unbound if age < times.to_live => Use::Now,
            Found::Unbound => Use::Load,
            Found::Nothing => otherwise,
        }
    }
}
