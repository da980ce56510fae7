//! A ledger and the hand on its clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portcullis::clock::Clock;
use portcullis::ledger::{
    Entries, Entry, Held, InProcess, Keep, Key, Kind, Ledger, LedgerStats, Standing, Unavailable,
};

/// A clock that stands still until somebody moves it.
#[derive(Debug)]
pub(crate) struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A ledger, and the time.
pub(crate) struct Setting {
    pub(crate) ledger: Arc<InProcess>,
    hand: Arc<Hand>,
}

impl Setting {
    pub(crate) fn with_room_for(capacity: usize) -> Self {
        let hand = Arc::new(Hand(AtomicI64::new(1_700_000_000_000)));
        Self {
            ledger: Arc::new(InProcess::new(capacity, hand.clone())),
            hand,
        }
    }

    pub(crate) fn wait(&self, time: SignedDuration) {
        let milliseconds = i64::try_from(time.as_millis()).unwrap();
        self.hand.0.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.hand.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.hand.now()
    }

    /// Something that is remembered for an hour, as far as there is room.
    pub(crate) fn soft(&self, name: &str) -> Entries {
        one(Entry {
            key: key(name),
            keep: Keep::AsLongAsThereIsRoom(self.now() + HOUR),
        })
    }

    /// Something that is remembered for five minutes, whatever comes.
    pub(crate) fn firm(&self, name: &str) -> Entries {
        one(Entry {
            key: key(name),
            keep: Keep::Firmly(self.now() + WINDOW),
        })
    }

    pub(crate) fn try_claim(
        &self,
        entries: Entries,
    ) -> Result<Result<Held, Standing>, Unavailable> {
        let ledger: Arc<dyn Ledger> = self.ledger.clone();
        let claimed = done(Held::claim(&ledger, entries, LEASE))?;
        Ok(claimed.map_err(|taken| taken.standing))
    }

    #[track_caller]
    pub(crate) fn claim(&self, entries: Entries) -> Result<Held, Standing> {
        self.try_claim(entries).unwrap()
    }

    /// Claims and commits.
    #[track_caller]
    pub(crate) fn accept(&self, entries: Entries) {
        done(self.claim(entries).unwrap().settle(true)).unwrap();
    }

    /// What somebody is told who claims it now, and gives it up again.
    #[track_caller]
    pub(crate) fn standing(&self, entries: Entries) -> Option<Standing> {
        self.claim(entries).err()
    }

    pub(crate) fn stats(&self) -> &LedgerStats {
        self.ledger.stats()
    }
}

pub(crate) fn key(name: &str) -> Key {
    Key::of("workflows/pr-bot", Kind::SignedId, &[name.as_bytes()])
}

pub(crate) fn one(entry: Entry) -> Entries {
    Entries::from([Some(entry), None, None, None, None, None])
}

pub(crate) fn two(first: &Entries, second: &Entries) -> Entries {
    let mut all = first.iter().chain(second.iter()).copied();
    Entries::from([all.next(), all.next(), None, None, None, None])
}

/// What a future gives that has nothing to wait for.
#[track_caller]
pub(crate) fn done<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("a ledger in memory never waits"),
    }
}

pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_mins(5);
