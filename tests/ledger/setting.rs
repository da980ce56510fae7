//! A ledger and the hand on its clock.
//!
//! The same tests run on every ledger. For the two with a Redis behind them it is a real one, and its
//! clock, which nobody can set, is followed by its keys: when the hand moves, they come nearer to their
//! end. The times here are so that nothing ends on a whole second of the hand.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use portcullis::clock::Clock;
use portcullis::ledger::{
    Entries, Entry, EntryKind, EntryState, FleetLedger, InProcessLedger, Key, Ledger, LedgerClaim,
    LedgerStats, RedisLedger, Retention, Unavailable,
};
use portcullis::redis::RedisSettings;
use portcullis::task::Tasks;
use tokio::runtime::Runtime;

use crate::redis::RedisServer;
use crate::waiting::PATIENCE;

/// Runs a test on every ledger: each time a function of its own, in a module with the ledger's name.
macro_rules! on_every_ledger {
    ($(fn $name:ident($it:ident: Setting) $body:block)+) => {
        $(fn $name($it: Setting) $body)+

        mod in_process {
            $(#[test] fn $name() { super::$name(crate::setting::Setting::in_process()); })+
        }
        mod shared {
            $(#[test] fn $name() { super::$name(crate::setting::Setting::shared()); })+
        }
        mod fleet {
            $(#[test] fn $name() { super::$name(crate::setting::Setting::fleet()); })+
        }
    };
}
pub(crate) use on_every_ledger;

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
    pub(crate) ledger: Arc<dyn Ledger>,
    /// The memory in the process, if there is one.
    pub(crate) own: Option<Arc<InProcessLedger>>,
    far: Option<SharedSetting>,
    hand: Arc<Hand>,
    runtime: &'static Runtime,
}

/// The Redis behind it.
struct SharedSetting {
    server: Arc<RedisServer>,
    started: (Instant, i64),
    /// By how much its keys have been moved, in milliseconds.
    moved: Mutex<i64>,
}

impl Setting {
    pub(crate) fn with_room_for(capacity: usize) -> Self {
        let (hand, runtime) = (hand(), runtime());
        let own = Arc::new(InProcessLedger::new(capacity, hand.clone()));
        Self {
            ledger: own.clone(),
            own: Some(own),
            far: None,
            hand,
            runtime,
        }
    }

    pub(crate) fn in_process() -> Self {
        Self::with_room_for(100_000)
    }

    pub(crate) fn shared() -> Self {
        Self::shared_in(&Arc::new(RedisServer::start()))
    }

    pub(crate) fn fleet() -> Self {
        Self::fleet_in(&Arc::new(RedisServer::start()))
    }

    pub(crate) fn shared_in(server: &Arc<RedisServer>) -> Self {
        let (hand, runtime) = (hand(), runtime());
        let _inside = runtime.enter();
        let shared = shared(server, &hand);
        runtime.block_on(shared.redis().ready()).unwrap();
        Self {
            ledger: Arc::new(shared),
            own: None,
            far: Some(SharedSetting::new(server, &hand)),
            hand,
            runtime,
        }
    }

    pub(crate) fn fleet_in(server: &Arc<RedisServer>) -> Self {
        let (hand, runtime) = (hand(), runtime());
        let _inside = runtime.enter();
        let shared = shared(server, &hand);
        runtime.block_on(shared.redis().ready()).unwrap();
        let own = Arc::new(InProcessLedger::new(100_000, hand.clone()));
        Self {
            ledger: Arc::new(FleetLedger::new(own.clone(), shared)),
            own: Some(own),
            far: Some(SharedSetting::new(server, &hand)),
            hand,
            runtime,
        }
    }

    pub(crate) fn wait(&self, time: SignedDuration) {
        let milliseconds = i64::try_from(time.as_millis()).unwrap();
        self.hand.0.fetch_add(milliseconds, Ordering::SeqCst);
        self.follow();
    }

    /// Lets the Redis have the time of the hand.
    fn follow(&self) {
        if let Some(far) = &self.far {
            far.follow(self.hand.0.load(Ordering::SeqCst));
        }
    }

    /// How close to its end an entry can be judged. Redis has a clock that no test moves, and the machine may be busy.
    pub(crate) fn grain(&self) -> SignedDuration {
        match self.far {
            None => SignedDuration::from_millis(1),
            Some(_) => SignedDuration::from_mins(1),
        }
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
            keep: Retention::Evictable(self.now() + HOUR - HALF),
        })
    }

    /// Something that is remembered for five minutes, whatever comes.
    pub(crate) fn firm(&self, name: &str) -> Entries {
        one(Entry {
            key: key(name),
            keep: Retention::Pinned(self.now() + WINDOW - HALF),
        })
    }

    pub(crate) fn try_claim(
        &self,
        entries: Entries,
    ) -> Result<Result<LedgerClaim, EntryState>, Unavailable> {
        let claimed = self.done(LedgerClaim::claim(&self.ledger, entries, LEASE))?;
        Ok(claimed.map_err(|taken| taken.state))
    }

    #[track_caller]
    pub(crate) fn claim(&self, entries: Entries) -> Result<LedgerClaim, EntryState> {
        self.try_claim(entries).unwrap()
    }

    /// Claims and commits.
    #[track_caller]
    pub(crate) fn accept(&self, entries: Entries) {
        let held = self.claim(entries).unwrap();
        self.settle(held, true);
    }

    #[track_caller]
    pub(crate) fn settle(&self, held: LedgerClaim, accepted: bool) {
        self.done(held.settle(accepted)).unwrap();
    }

    /// What somebody is told who claims it now, and gives it up again.
    #[track_caller]
    pub(crate) fn state(&self, entries: Entries) -> Option<EntryState> {
        match self.claim(entries) {
            Err(state) => Some(state),
            Ok(held) => {
                self.settle(held, false);
                None
            }
        }
    }

    pub(crate) fn stats(&self) -> &LedgerStats {
        self.own.as_ref().unwrap().stats()
    }

    /// How many keys are remembered.
    pub(crate) fn entries(&self) -> usize {
        match (&self.far, &self.own) {
            (Some(far), _) => far.server.keys().len(),
            (None, Some(own)) => usize::try_from(own.stats().entries()).unwrap(),
            (None, None) => unreachable!(),
        }
    }

    /// Ends what nobody waits for.
    pub(crate) fn drain(&self) {
        self.runtime.block_on(self.ledger.drain());
    }

    /// What a future gives. A ledger in memory has nothing to wait for.
    #[track_caller]
    pub(crate) fn done<T>(&self, future: impl Future<Output = T>) -> T {
        if self.far.is_some() {
            self.follow();
            return self.runtime.block_on(future);
        }
        done(future)
    }

    /// Runs something that waits.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Drops a claim where a server would.
    pub(crate) fn drop_inside(&self, held: LedgerClaim) {
        if self.own.is_none() {
            // It does nothing for whoever cannot wait.
            return self.settle(held, false);
        }
        let _inside = self.runtime.enter();
        drop(held);
        self.drain();
    }
}

impl SharedSetting {
    fn new(server: &Arc<RedisServer>, hand: &Hand) -> Self {
        Self {
            server: server.clone(),
            started: (Instant::now(), hand.0.load(Ordering::SeqCst)),
            moved: Mutex::new(0),
        }
    }

    fn follow(&self, hand: i64) {
        let mut moved = self.moved.lock().unwrap();
        let real = i64::try_from(self.started.0.elapsed().as_millis()).unwrap();
        let ahead = hand - self.started.1 - real;
        if (ahead - *moved).abs() < 2 {
            return;
        }
        let by = (ahead - *moved).to_string();
        let moved_keys = self.server.ask(&["EVAL", MOVE_KEYS, "0", &by]);
        assert_eq!(moved_keys, "0");
        *moved = ahead;
    }
}

const MOVE_KEYS: &str = "
    for _, key in ipairs(redis.call('KEYS', '*')) do
        redis.call('PEXPIREAT', key, string.format('%.0f', redis.call('PEXPIRETIME', key) - ARGV[1]))
    end
    return 0";

fn shared(server: &RedisServer, hand: &Arc<Hand>) -> RedisLedger {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let prefix = format!("test-{number}:").parse().unwrap();
    RedisLedger::new(settings(server), prefix, hand.clone(), &Tasks::default())
}

pub(crate) fn settings(server: &RedisServer) -> RedisSettings {
    RedisSettings {
        host: "127.0.0.1".to_owned(),
        port: server.address().port(),
        tls: None,
        user: None,
        password: None,
        database: 0,
        connect_timeout: PATIENCE,
        response_timeout: PATIENCE,
    }
}

fn hand() -> Arc<Hand> {
    Arc::new(Hand(AtomicI64::new(1_700_000_000_000)))
}

fn runtime() -> &'static Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build();
    // What is begun in it ends with the test.
    Box::leak(Box::new(runtime.unwrap()))
}

pub(crate) fn key(name: &str) -> Key {
    Key::of("workflows/pr-bot", EntryKind::SignedId, &[name.as_bytes()])
}

pub(crate) fn one(entry: Entry) -> Entries {
    Entries::from([Some(entry), None, None, None, None, None, None])
}

pub(crate) fn two(first: &Entries, second: &Entries) -> Entries {
    let mut all = first.iter().chain(second.iter()).copied();
    Entries::from([all.next(), all.next(), None, None, None, None, None])
}

/// What a future gives that has nothing to wait for.
#[track_caller]
fn done<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("a ledger in memory never waits"),
    }
}

pub(crate) const LEASE: Duration = Duration::from_millis(29_500);
pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// What keeps the ends of things off the whole seconds.
pub(crate) const HALF: SignedDuration = SignedDuration::from_millis(500);
