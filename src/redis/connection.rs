//! The connection that all deliveries share.

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

use super::connect::{NewConnection, connect};
use super::error::CallError;
use super::{Call, ConnectionSetup, Eviction, RedisFault, RedisSettings, RedisStats};
use crate::clock::Stopwatch;
use crate::task::{Heartbeat, Task, Tasks, with_jitter};

/// A Redis server, whether it can be reached at the moment or not.
pub struct Redis {
    shared: Arc<RedisClient>,
    task: JoinHandle<()>,
}

/// What the handle and the background task share.
struct RedisClient {
    settings: RedisSettings,
    setup: ConnectionSetup,
    state: ArcSwap<State>,
    /// `None` until the first attempt has ended.
    up: watch::Sender<Option<bool>>,
    stats: Arc<RedisStats>,
    tasks: Tasks,
}

enum State {
    /// The connection, and the signal that a call has found it broken.
    Up(MultiplexedConnection, CancellationToken),
    /// Why there is none.
    Down(Arc<str>),
}

impl State {
    /// The error of a call that was not sent.
    fn not_sent(&self) -> CallError {
        CallError::Down(match self {
            Self::Up(..) => "the connection was just lost".into(),
            Self::Down(cause) => Arc::clone(cause),
        })
    }
}

impl Redis {
    /// Starts to connect in the background. Await [`ready`](Self::ready) for the first result.
    pub fn start(settings: RedisSettings, setup: ConnectionSetup, tasks: &Tasks) -> Self {
        let shared = Arc::new(RedisClient {
            settings,
            setup,
            state: ArcSwap::from_pointee(State::Down("not connected yet".into())),
            up: watch::Sender::new(None),
            stats: Arc::default(),
            tasks: tasks.clone(),
        });
        let work = Arc::clone(&shared);
        let task = Task::named("ledger_keeper")
            .beats_within(
                shared.settings.connect_timeout
                    + shared.settings.response_timeout
                    + RECONNECT_SILENCE,
            )
            .essential();
        let task = tasks.supervise(task, move |heartbeat| Arc::clone(&work).run(heartbeat));
        Self { shared, task }
    }

    /// Waits for the end of the first attempt. Returns whether the connection can be used.
    pub async fn ready(&self) -> Result<(), RedisFault> {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.watch().wait_for(Option::is_some).await;
        self.status()
    }

    /// Whether the connection can be used now; the error says why not.
    pub fn status(&self) -> Result<(), RedisFault> {
        match &**self.shared.state.load() {
            State::Up(..) => Ok(()),
            State::Down(cause) => Err(RedisFault::Down(Arc::clone(cause))),
        }
    }

    /// Reports when the connection comes and goes; `None` until the first attempt has ended.
    pub fn watch(&self) -> watch::Receiver<Option<bool>> {
        self.shared.up.subscribe()
    }

    /// The supervisor of the background task.
    pub fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// The counters, for metrics.
    pub fn stats(&self) -> &Arc<RedisStats> {
        &self.shared.stats
    }

    /// The settings. Their `Display` omits the password.
    pub fn settings(&self) -> &RedisSettings {
        &self.shared.settings
    }

    /// Runs a script: one round trip, or two if Redis does not have the script.
    pub async fn run(&self, call: Call<'_>) -> Result<i64, RedisFault> {
        match self.shared.send(&call.by_digest()).await {
            Err(CallError::NoScript) => self.shared.send(&call.by_source()).await,
            result => result,
        }
        .and_then(|it| number(&it))
        .map_err(CallError::into_fault)
    }

    /// Runs several scripts in one round trip. Each has its own result.
    pub async fn run_all(
        &self,
        calls: &[Call<'_>],
    ) -> Result<Vec<Result<i64, RedisFault>>, RedisFault> {
        let mut pipeline = Pipeline::new();
        let mut sent = Vec::new();
        for call in calls {
            // The first call of each script sends its source: after a reconnect the server may not have it.
            let is_first = !sent.contains(&call.digest());
            pipeline.add_command(if is_first {
                call.by_source()
            } else {
                call.by_digest()
            });
            if is_first {
                sent.push(call.digest());
            }
        }
        let answers = self.shared.send_all(&pipeline, calls.len()).await;
        let answers = answers.map_err(CallError::into_fault)?;
        let numbers = answers.into_iter().map(|it| {
            let it = it.extract_error().map_err(|error| CallError::of(&error));
            it.and_then(|it| number(&it)).map_err(CallError::into_fault)
        });
        Ok(numbers.collect())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RedisClient {
    async fn send(&self, command: &Cmd) -> Result<Value, CallError> {
        let state = self.state.load_full();
        let State::Up(connection, _) = &*state else {
            return Err(state.not_sent());
        };
        count(&self.stats.calls);
        let answer = connection.clone().send_packed_command(command).await;
        let answer = answer.and_then(Value::extract_error);
        answer.map_err(|error| self.record(&state, CallError::of(&error)))
    }

    async fn send_all(&self, pipeline: &Pipeline, replies: usize) -> Result<Vec<Value>, CallError> {
        let state = self.state.load_full();
        let State::Up(connection, _) = &*state else {
            return Err(state.not_sent());
        };
        count(&self.stats.calls);
        let mut connection = connection.clone();
        let answers = connection.send_packed_commands(pipeline, 0, replies).await;
        answers.map_err(|error| self.record(&state, CallError::of(&error)))
    }

    /// Records a failed call on the connection of `state`.
    fn record(&self, state: &Arc<State>, failed: CallError) -> CallError {
        match &failed {
            CallError::Lost(cause) => self.lose(state, cause),
            CallError::Refused(_) => count(&self.stats.refused),
            CallError::Down(_) | CallError::NoScript => {}
        }
        failed
    }

    /// Marks the connection of `state` as broken. Of concurrent callers, exactly one reports it.
    fn lose(&self, state: &Arc<State>, cause: &Arc<str>) {
        let down = Arc::new(State::Down(Arc::clone(cause)));
        let before = self.state.compare_and_swap(state, down);
        if Arc::ptr_eq(&before, state) && matches!(&**state, State::Up(..)) {
            self.stats.up.store(0, Ordering::Relaxed);
            count(&self.stats.lost);
            warn!(redis = %self.settings, %cause, "Redis is out of reach");
            self.up.send_replace(Some(false));
            if let State::Up(_, broken) = &**state {
                broken.cancel();
            }
        }
    }

    /// Connects, watches the connection, and reconnects when it is lost.
    async fn run(self: Arc<Self>, heartbeat: Heartbeat) {
        // The run before this one may have panicked. Its connection is gone then.
        let state = self.state.load_full();
        self.lose(&state, &"not connected yet".into());
        let mut backoff = FIRST_BACKOFF;
        let mut down_since = Some(Stopwatch::start());
        let mut is_reported = false;
        loop {
            heartbeat.beat();
            match connect(&self.settings, &self.setup).await {
                Ok(connected) => {
                    let downtime = down_since.take().map_or(Duration::ZERO, Stopwatch::elapsed);
                    info!(redis = %self.settings, away = ?downtime, "Redis can be used");
                    let since = Stopwatch::start();
                    self.serve(connected, &heartbeat).await;
                    down_since = Some(Stopwatch::start());
                    is_reported = true;
                    if since.elapsed() > STEADY {
                        backoff = FIRST_BACKOFF;
                        continue; // It may be back already.
                    }
                }
                Err(error) => {
                    count(&self.stats.not_connected);
                    let cause: Arc<str> = error.to_string().into();
                    if is_reported {
                        debug!(redis = %self.settings, %cause, "Redis is still out of reach");
                    } else {
                        warn!(redis = %self.settings, %cause, "Redis is out of reach");
                    }
                    is_reported = true;
                    self.state.store(Arc::new(State::Down(cause)));
                    self.up.send_replace(Some(false));
                }
            }
            tokio::time::sleep(with_jitter(backoff)).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// Publishes the connection and returns when it is lost.
    async fn serve(&self, connected: NewConnection, heartbeat: &Heartbeat) {
        let NewConnection {
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
                heartbeat.beat();
                // A lost connection is noticed here, before a delivery has to wait for its timeout.
                tokio::time::sleep(PING_EVERY).await;
                let answer = connection.send_packed_command(&cmd("PING")).await;
                let answer = answer.and_then(Value::extract_error);
                if let Err(CallError::Lost(cause)) = answer.map_err(|error| CallError::of(&error)) {
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

fn number(value: &Value) -> Result<i64, CallError> {
    match value {
        Value::Int(number) => Ok(*number),
        _ => Err(CallError::Refused(
            "the script did not return a number".into(),
        )),
    }
}

/// Longer than the task needs between two attempts or pings, even on a busy machine.
const RECONNECT_SILENCE: Duration = Duration::from_secs(10);

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(1);
/// A connection that lasted this long counts as stable, and the backoff starts anew.
const STEADY: Duration = Duration::from_secs(1);
