//! The connection that everybody uses, and the task that brings it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis_rs::aio::MultiplexedConnection;
use redis_rs::{Cmd, Pipeline, Value, cmd};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::connect::{Connected, connect};
use super::fault::Meaning;
use super::{Call, Eviction, Fault, Greeting, RedisSettings, RedisStats};
use crate::clock::Stopwatch;

/// A Redis, whether it can be reached at the moment or not.
pub struct Redis {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

struct Shared {
    settings: RedisSettings,
    greeting: Greeting,
    state: ArcSwap<State>,
    /// `None` until it was tried.
    up: watch::Sender<Option<bool>>,
    stats: Arc<RedisStats>,
}

enum State {
    /// The connection, and what tells that somebody has found it broken.
    Up(MultiplexedConnection, CancellationToken),
    Down(Arc<str>),
}

impl Redis {
    /// Looks for it from now on. Whoever wants to know whether it is there asks [`ready`](Self::ready).
    pub fn start(settings: RedisSettings, greeting: Greeting) -> Self {
        let shared = Arc::new(Shared {
            settings,
            greeting,
            state: ArcSwap::from_pointee(State::Down("not connected yet".into())),
            up: watch::Sender::new(None),
            stats: Arc::default(),
        });
        let keeper = tokio::spawn(Arc::clone(&shared).keep());
        Self { shared, keeper }
    }

    /// Waits until it was tried for the first time, and says whether it can be used.
    pub async fn ready(&self) -> Result<(), Fault> {
        // The other end is in `self`.
        let _ = self.watch().wait_for(Option::is_some).await;
        self.standing()
    }

    /// Whether it can be used now, or else why not.
    pub fn standing(&self) -> Result<(), Fault> {
        match &**self.shared.state.load() {
            State::Up(..) => Ok(()),
            State::Down(cause) => Err(Fault::Down(Arc::clone(cause))),
        }
    }

    /// Tells when it can be used and when not; `None` until it was tried.
    pub fn watch(&self) -> watch::Receiver<Option<bool>> {
        self.shared.up.subscribe()
    }

    /// What is counted.
    pub fn stats(&self) -> &Arc<RedisStats> {
        &self.shared.stats
    }

    /// Where it is, without the password.
    pub fn settings(&self) -> &RedisSettings {
        &self.shared.settings
    }

    /// Has a script carried out: one round trip, or two if Redis does not know the script yet.
    pub async fn run(&self, call: Call<'_>) -> Result<i64, Fault> {
        match self.shared.ask(&call.known()).await {
            Err(Failed::NoScript) => self.shared.ask(&call.whole()).await,
            asked => asked,
        }
        .and_then(|it| number(&it))
        .map_err(Failed::into_fault)
    }

    /// Has several carried out in one round trip. Each has a result of its own.
    pub async fn run_all(&self, calls: &[Call<'_>]) -> Result<Vec<Result<i64, Fault>>, Fault> {
        let mut pipeline = Pipeline::new();
        let mut sent = Vec::new();
        for call in calls {
            // Each script with its text once: this is for after a loss, and they may be forgotten there.
            let is_first = !sent.contains(&call.digest());
            pipeline.add_command(if is_first { call.whole() } else { call.known() });
            if is_first {
                sent.push(call.digest());
            }
        }
        let answers = self.shared.ask_all(&pipeline, calls.len()).await;
        let answers = answers.map_err(Failed::into_fault)?;
        let numbers = answers.into_iter().map(|it| {
            let it = it.extract_error().map_err(|error| Failed::of(&error));
            it.and_then(|it| number(&it)).map_err(Failed::into_fault)
        });
        Ok(numbers.collect())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Shared {
    async fn ask(&self, command: &Cmd) -> Result<Value, Failed> {
        let state = self.state.load_full();
        let State::Up(connection, _) = &*state else {
            return Err(Failed::before(&state));
        };
        count(&self.stats.calls);
        let answer = connection.clone().send_packed_command(command).await;
        let answer = answer.and_then(Value::extract_error);
        answer.map_err(|error| self.failed(&state, Failed::of(&error)))
    }

    async fn ask_all(&self, pipeline: &Pipeline, many: usize) -> Result<Vec<Value>, Failed> {
        let state = self.state.load_full();
        let State::Up(connection, _) = &*state else {
            return Err(Failed::before(&state));
        };
        count(&self.stats.calls);
        let mut connection = connection.clone();
        let answers = connection.send_packed_commands(pipeline, 0, many).await;
        answers.map_err(|error| self.failed(&state, Failed::of(&error)))
    }

    /// Takes note of a failure over the connection of `state`.
    fn failed(&self, state: &Arc<State>, failed: Failed) -> Failed {
        match &failed {
            Failed::Lost(cause) => self.lose(state, cause),
            Failed::Refused(_) => count(&self.stats.refused),
            Failed::Down(_) | Failed::NoScript => {}
        }
        failed
    }

    /// The connection of `state` is of no use any more. Of many that find this out one says so.
    fn lose(&self, state: &Arc<State>, cause: &Arc<str>) {
        let down = Arc::new(State::Down(Arc::clone(cause)));
        let before = self.state.compare_and_swap(state, down);
        if Arc::ptr_eq(&before, state) {
            self.stats.up.store(0, Ordering::Relaxed);
            count(&self.stats.lost);
            warn!(redis = %self.settings, %cause, "Redis is out of reach");
            self.up.send_replace(Some(false));
            if let State::Up(_, broken) = &**state {
                broken.cancel();
            }
        }
    }

    /// Connects, watches over the connection, and begins anew when it is lost.
    async fn keep(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        let mut away = Some(Stopwatch::start());
        let mut said = false;
        loop {
            match connect(&self.settings, &self.greeting).await {
                Ok(connected) => {
                    let was_away = away.take().map_or(Duration::ZERO, Stopwatch::elapsed);
                    info!(redis = %self.settings, away = ?was_away, "Redis can be used");
                    let since = Stopwatch::start();
                    self.watch_over(connected).await;
                    away = Some(Stopwatch::start());
                    said = true;
                    if since.elapsed() > STEADY {
                        pause = FIRST_PAUSE;
                        continue; // It may be back already.
                    }
                }
                Err(error) => {
                    count(&self.stats.not_connected);
                    let cause: Arc<str> = error.to_string().into();
                    if said {
                        debug!(redis = %self.settings, %cause, "Redis is still out of reach");
                    } else {
                        warn!(redis = %self.settings, %cause, "Redis is out of reach");
                    }
                    said = true;
                    self.state.store(Arc::new(State::Down(cause)));
                    self.up.send_replace(Some(false));
                }
            }
            tokio::time::sleep(scattered(pause)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Lets everybody use the connection until it is lost.
    async fn watch_over(&self, connected: Connected) {
        let Connected {
            connection,
            driver,
            eviction,
        } = connected;
        if eviction != Eviction::None {
            warn!(redis = %self.settings, "{eviction}");
        }
        let mut driver = AbortOnDrop(driver);
        let broken = CancellationToken::new();
        let state = Arc::new(State::Up(connection.clone(), broken.clone()));
        self.state.store(Arc::clone(&state));
        self.stats.up.store(1, Ordering::Relaxed);
        self.up.send_replace(Some(true));
        let pinging = async {
            let mut connection = connection;
            loop {
                // So that it is known that it is away before a delivery has to find out.
                tokio::time::sleep(PING_EVERY).await;
                let answer = connection.send_packed_command(&cmd("PING")).await;
                let answer = answer.and_then(Value::extract_error);
                if let Err(Failed::Lost(cause)) = answer.map_err(|error| Failed::of(&error)) {
                    self.lose(&state, &cause);
                    return;
                }
            }
        };
        tokio::select! {
            () = broken.cancelled() => {}
            () = pinging => {}
            _ = &mut driver.0 => self.lose(&state, &"the connection was closed".into()),
        }
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum Failed {
    Down(Arc<str>),
    Lost(Arc<str>),
    NoScript,
    Refused(Arc<str>),
}

impl Failed {
    fn of(error: &redis_rs::RedisError) -> Self {
        match Meaning::of(error) {
            Meaning::Lost(cause) => Self::Lost(cause),
            Meaning::NoScript => Self::NoScript,
            Meaning::Refused(answer) => Self::Refused(answer),
        }
    }

    /// Nothing was tried.
    fn before(state: &State) -> Self {
        Self::Down(match state {
            State::Up(..) => "just lost".into(),
            State::Down(cause) => Arc::clone(cause),
        })
    }

    fn into_fault(self) -> Fault {
        match self {
            Self::Down(cause) => Fault::Down(cause),
            Self::Lost(cause) => Fault::Lost(cause),
            Self::NoScript => Fault::Refused("it does not keep the script".into()),
            Self::Refused(answer) => Fault::Refused(answer),
        }
    }
}

fn number(value: &Value) -> Result<i64, Failed> {
    match value {
        Value::Int(number) => Ok(*number),
        _ => Err(Failed::Refused("something that is no number".into())),
    }
}

/// Between a half and the whole of `pause`, so that nodes do not come back together.
fn scattered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(1);
/// A connection that lasted so long was a good one.
const STEADY: Duration = Duration::from_secs(1);
