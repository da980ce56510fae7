//! The connection that everybody uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis_rs::aio::MultiplexedConnection;
use redis_rs::{Cmd, Pipeline, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::fault::Meaning;
use super::{Call, Fault, Greeting, RedisSettings, RedisStats};
use crate::task::{Task, Tasks};

/// A Redis, whether it can be reached at the moment or not.
pub struct Redis {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

pub(super) struct Shared {
    pub(super) settings: RedisSettings,
    pub(super) greeting: Greeting,
    pub(super) state: ArcSwap<State>,
    /// `None` until it was tried.
    pub(super) up: watch::Sender<Option<bool>>,
    pub(super) stats: Arc<RedisStats>,
    pub(super) tasks: Tasks,
}

pub(super) enum State {
    /// The connection, and what tells that somebody has found it broken.
    Up(MultiplexedConnection, CancellationToken),
    Down(Arc<str>),
}

impl Redis {
    /// Looks for it from now on. Whoever wants to know whether it is there asks [`ready`](Self::ready).
    pub fn start(settings: RedisSettings, greeting: Greeting, tasks: &Tasks) -> Self {
        let shared = Arc::new(Shared {
            settings,
            greeting,
            state: ArcSwap::from_pointee(State::Down("not connected yet".into())),
            up: watch::Sender::new(None),
            stats: Arc::default(),
            tasks: tasks.clone(),
        });
        let kept = Arc::clone(&shared);
        let task = Task::named("ledger_keeper")
            .beats_within(
                shared.settings.connect_timeout + shared.settings.response_timeout + KEEPER_SILENCE,
            )
            .essential();
        let keeper = tasks.supervise(task, move |pulse| Arc::clone(&kept).keep(pulse));
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

    /// The tasks that it is kept by.
    pub fn tasks(&self) -> &Tasks {
        &self.shared.tasks
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
    pub(super) fn lose(&self, state: &Arc<State>, cause: &Arc<str>) {
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
}

pub(super) enum Failed {
    Down(Arc<str>),
    Lost(Arc<str>),
    NoScript,
    Refused(Arc<str>),
}

impl Failed {
    pub(super) fn of(error: &redis_rs::RedisError) -> Self {
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

/// Longer than the keeper waits between two attempts, or two pings, on a machine that is busy.
const KEEPER_SILENCE: Duration = Duration::from_secs(10);

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
