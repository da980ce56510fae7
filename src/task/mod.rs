//! Supervised background tasks.
//!
//! Everything that runs beside deliveries is started by [`Tasks::supervise`]. A task that panics, or returns while
//! the process is not shutting down, is restarted with exponential backoff and jitter. A task that reports progress
//! and then goes silent counts as not running: a hung task is as bad as a dead one.
//!
//! ```text
//! running ──panic, or return──→ stopped (backoff 100 ms … 10 s) ──→ running, not trusted yet
//!    ↑                                                                   │
//!    └────────── progress reported, or 2 s without another panic ────────┘
//! ```
//!
//! Metrics and readiness read the states. An essential task that has not run for the grace time makes the gate fail
//! closed ([`Tasks::overdue`]).

#[cfg(debug_assertions)]
mod fault;
mod state;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};

use self::state::TaskState;
use crate::clock::Stopwatch;

/// The background tasks of a process.
#[derive(Clone)]
pub struct Tasks {
    registry: Arc<Registry>,
    /// Tasks may return once it is true.
    ending: watch::Receiver<bool>,
}

struct Registry {
    started: Stopwatch,
    all: ArcSwap<Vec<Arc<TaskState>>>,
    adding: Mutex<()>,
}

/// What a background task is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Task {
    name: &'static str,
    silence: Option<Duration>,
    essential: bool,
}

impl Task {
    /// A task. `name` is its label in metrics, readiness and logs. Whoever does not add [`beats_within`](Self::beats_within)
    /// says why: a task that hangs counts as running then.
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            silence: None,
            essential: false,
        }
    }

    /// The task reports progress ([`Pulse::beat`]) at least this often, or counts as not running.
    #[must_use]
    pub const fn beats_within(self, silence: Duration) -> Self {
        Self {
            silence: Some(silence),
            ..self
        }
    }

    /// Without this task revocations or replays go unnoticed: see [`Tasks::overdue`].
    #[must_use]
    pub const fn essential(self) -> Self {
        Self {
            essential: true,
            ..self
        }
    }
}

/// How a task reports progress.
#[derive(Clone)]
pub struct Pulse {
    tasks: Tasks,
    state: Arc<TaskState>,
}

impl Pulse {
    /// Reports progress.
    pub fn beat(&self) {
        self.state.beat(self.tasks.now());
    }
}

/// How a task is doing, for metrics and readiness.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskReport {
    /// Its name.
    pub name: &'static str,
    /// Whether it runs.
    pub up: bool,
    /// How often it was restarted.
    pub restarts: u64,
    /// What is wrong with it; empty if it runs.
    pub problem: String,
}

impl Tasks {
    /// The tasks of a process that shuts down when `ending` turns true.
    pub fn new(ending: watch::Receiver<bool>) -> Self {
        let registry = Registry {
            started: Stopwatch::start(),
            all: ArcSwap::default(),
            adding: Mutex::new(()),
        };
        Self {
            registry: Arc::new(registry),
            ending,
        }
    }

    /// The same tasks, for those that end later than the others.
    #[must_use]
    pub fn ending_with(&self, ending: watch::Receiver<bool>) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            ending,
        }
    }

    /// Starts a task and keeps it running. `work` is called for every start.
    ///
    /// The task ends when its future returns after the shutdown has begun, or when the handle is aborted.
    pub fn supervise<W>(
        &self,
        task: Task,
        work: impl Fn(Pulse) -> W + Send + Sync + 'static,
    ) -> JoinHandle<()>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let state = self.register(task);
        let (tasks, work) = (self.clone(), Arc::new(work));
        let retired = Retired(self.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let mut backoff = FIRST_BACKOFF;
            loop {
                state.started(tasks.now());
                let ran = Stopwatch::start();
                let (pulse, work) = (
                    Pulse {
                        tasks: tasks.clone(),
                        state: Arc::clone(&state),
                    },
                    Arc::clone(&work),
                );
                // The call of `work` is inside, too: a panic in it must not end the supervisor.
                let fault = contained(watched(task.name, async move { work(pulse).await })).await;
                if fault.is_ok() && *tasks.ending.borrow() {
                    break;
                }
                let fault = if fault.is_ok() {
                    "returned"
                } else {
                    "panicked"
                };
                state.stopped(tasks.now(), fault);
                if ran.elapsed() >= STEADY {
                    backoff = FIRST_BACKOFF;
                }
                let pause = scattered(backoff);
                backoff = (backoff * 2).min(LAST_BACKOFF);
                error!(task = task.name, restart_in = ?pause, "a background task {fault}; it is restarted");
                tokio::time::sleep(pause).await;
                info!(task = task.name, "a background task is started again");
            }
            drop(retired);
        })
    }

    /// Runs work that is needed once and may be needed again, such as the load of a secret. A panic becomes an
    /// error and counts as a restart of `task`: whoever needs the work next starts it again.
    pub async fn contain<T: Send + 'static>(
        &self,
        task: Task,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Panicked> {
        let done = contained(watched(task.name, work)).await;
        // The first panic registers the task: before that there is nothing to say about it.
        let known = self.find(task.name);
        match (&done, known) {
            (Ok(_), None) => {}
            (Ok(_), Some(state)) => {
                if !state.is_up(self.now()) {
                    state.started(self.now());
                    state.beat(self.now());
                }
            }
            (Err(Panicked), known) => {
                let state = known.unwrap_or_else(|| self.register(task));
                state.stopped(self.now(), "panicked");
                error!(task = task.name, "a background task panicked");
            }
        }
        done
    }

    fn find(&self, name: &str) -> Option<Arc<TaskState>> {
        let all = self.registry.all.load();
        all.iter().find(|state| state.name() == name).cloned()
    }

    /// An essential task that has not run for `limit` or longer.
    pub fn overdue(&self, limit: Duration) -> Option<&'static str> {
        let all = self.registry.all.load();
        if all.is_empty() {
            return None;
        }
        let now = self.now();
        all.iter()
            .find(|state| state.is_essential() && state.absent_for(now) >= limit)
            .map(|state| state.name())
    }

    /// How every task is doing. Tasks of one name are one report.
    pub fn reports(&self) -> Vec<TaskReport> {
        let now = self.now();
        let mut reports: Vec<TaskReport> = Vec::new();
        for state in self.registry.all.load().iter() {
            let report = state.report(now);
            match reports.iter_mut().find(|known| known.name == report.name) {
                None => reports.push(report),
                Some(known) => {
                    known.restarts += report.restarts;
                    if known.up && !report.up {
                        known.up = false;
                        known.problem = report.problem;
                    }
                }
            }
        }
        reports
    }

    fn register(&self, task: Task) -> Arc<TaskState> {
        let state = Arc::new(TaskState::new(task, self.now()));
        let _one_at_a_time = self.registry.adding.lock();
        let mut all = Vec::clone(&self.registry.all.load());
        all.push(Arc::clone(&state));
        self.registry.all.store(Arc::new(all));
        state
    }

    fn now(&self) -> Duration {
        self.registry.started.elapsed()
    }
}

/// Tasks of a process that never shuts down, as in a test.
impl Default for Tasks {
    fn default() -> Self {
        // What the sender said last stays, also when it is gone.
        Self::new(watch::channel(false).1)
    }
}

/// Takes a task off the list when its supervisor ends, however it ends.
struct Retired(Tasks, Arc<TaskState>);

impl Drop for Retired {
    fn drop(&mut self) {
        let registry = &self.0.registry;
        let _one_at_a_time = registry.adding.lock();
        let mut all = Vec::clone(&registry.all.load());
        all.retain(|state| !Arc::ptr_eq(state, &self.1));
        registry.all.store(Arc::new(all));
    }
}

/// Work that panicked. The panic hook has logged where.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it panicked")]
pub struct Panicked;

/// Runs `work` as a task of its own and waits for it. The task is aborted when the caller stops waiting.
async fn contained<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Panicked> {
    let mut running = AbortOnDrop(tokio::spawn(work));
    match (&mut running.0).await {
        Ok(done) => Ok(done),
        Err(ended) if ended.is_panic() => Err(Panicked),
        // The runtime shuts down, and the caller with it.
        Err(_) => std::future::pending().await,
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Debug builds let tests make a task panic or hang; a release build has no such code.
#[cfg(debug_assertions)]
fn watched<W: Future + Send>(
    name: &'static str,
    work: W,
) -> impl Future<Output = W::Output> + Send {
    fault::watched(name, work)
}

#[cfg(not(debug_assertions))]
fn watched<W: Future + Send>(_name: &'static str, work: W) -> W {
    work
}

/// A random duration between half of `pause` and `pause`, so that nodes do not retry together.
pub fn scattered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(10);
/// A task that ran so long starts with the first backoff again.
const STEADY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn until(mut holds: impl FnMut() -> bool) {
        for _ in 0..12_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never holds");
    }

    fn report(tasks: &Tasks, name: &str) -> TaskReport {
        let mut reports = tasks.reports().into_iter();
        reports.find(|report| report.name == name).unwrap()
    }

    #[tokio::test]
    async fn a_task_that_panics_is_restarted_and_counted_until_it_makes_progress() {
        let tasks = Tasks::default();
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let task = Task::named("planted").beats_within(Duration::from_mins(5));
        let _running = tasks.supervise(task, move |pulse| {
            let counted = Arc::clone(&counted);
            async move {
                assert!(counted.fetch_add(1, Ordering::SeqCst) >= 2, "planted");
                pulse.beat();
                std::future::pending::<()>().await;
            }
        });
        until(|| report(&tasks, "planted").restarts >= 1).await;
        until(|| report(&tasks, "planted").up).await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
        let report = report(&tasks, "planted");
        assert_eq!((report.restarts, &*report.problem), (2, ""));
    }

    #[tokio::test]
    async fn a_panic_before_the_first_await_does_not_end_the_supervisor() {
        let tasks = Tasks::default();
        let _running = tasks.supervise(Task::named("planted"), |_| {
            assert!(std::hint::black_box(false), "planted");
            std::future::pending::<()>()
        });
        until(|| report(&tasks, "planted").restarts >= 2).await;
        assert!(!report(&tasks, "planted").up);
        assert_eq!(report(&tasks, "planted").problem, "panicked");
    }

    #[tokio::test]
    async fn a_task_that_returns_is_restarted_unless_the_process_shuts_down() {
        let (shutdown, ending) = watch::channel(false);
        let tasks = Tasks::new(ending);
        let running = tasks.supervise(Task::named("planted"), |_| async {});
        until(|| report(&tasks, "planted").restarts >= 2).await;
        shutdown.send_replace(true);
        running.await.unwrap();
        assert_eq!(tasks.reports(), []);
    }

    #[tokio::test]
    async fn an_aborted_supervisor_takes_its_task_with_it() {
        let tasks = Tasks::default();
        let (held, mut dropped) = watch::channel(());
        let held = Mutex::new(Some(held));
        let running = tasks.supervise(Task::named("planted"), move |_| {
            let held = held.lock().take();
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        });
        tokio::task::yield_now().await;
        running.abort();
        while dropped.changed().await.is_ok() {}
        assert_eq!(tasks.reports(), []);
    }

    #[tokio::test]
    async fn a_panic_in_contained_work_is_an_error_and_shows_until_the_work_succeeds() {
        let tasks = Tasks::default();
        let task = Task::named("planted");
        assert_eq!(tasks.contain(task, async { 1 }).await, Ok(1));
        assert_eq!(tasks.reports(), []);
        let failed: Result<(), _> = tasks.contain(task, async { panic!("planted") }).await;
        assert_eq!(failed, Err(Panicked));
        assert!(!report(&tasks, "planted").up);
        assert_eq!(tasks.contain(task, async { 1 }).await, Ok(1));
        assert!(report(&tasks, "planted").up);
        assert_eq!(report(&tasks, "planted").restarts, 1);
    }
}
