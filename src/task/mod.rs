//! Supervised background tasks.
//!
//! [`Tasks::supervise`] starts everything that runs beside deliveries. A task that panics, or returns before the
//! shutdown, is restarted with exponential backoff and jitter. A task that stops reporting progress counts as not
//! running, because a hung task is as bad as a dead one.
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

/// The background tasks of a process. Clones share one registry.
#[derive(Clone)]
pub struct Tasks {
    registry: Arc<Registry>,
    /// Tasks may return once this is true.
    ending: watch::Receiver<bool>,
}

struct Registry {
    started: Stopwatch,
    all: ArcSwap<Vec<Arc<TaskState>>>,
    writing: Mutex<()>,
}

/// The name and the liveness rules of a background task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Task {
    name: &'static str,
    silence: Option<Duration>,
    essential: bool,
}

impl Task {
    /// `name` is the label in metrics, readiness and logs. A task without [`beats_within`](Self::beats_within) counts as
    /// running even if it hangs, so it needs a reason to have none.
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            silence: None,
            essential: false,
        }
    }

    /// Requires progress ([`Heartbeat::beat`]) at least this often. Otherwise the task counts as not running.
    #[must_use]
    pub const fn beats_within(self, silence: Duration) -> Self {
        Self {
            silence: Some(silence),
            ..self
        }
    }

    /// Marks a task without which revocations or replays go unnoticed: see [`Tasks::overdue`].
    #[must_use]
    pub const fn essential(self) -> Self {
        Self {
            essential: true,
            ..self
        }
    }
}

/// The handle by which a task reports progress.
#[derive(Clone)]
pub struct Heartbeat {
    tasks: Tasks,
    state: Arc<TaskState>,
}

impl Heartbeat {
    /// Reports progress. It costs two atomic stores.
    pub fn beat(&self) {
        self.state.beat(self.tasks.now());
    }
}

/// The state of a task, for metrics and readiness.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskReport {
    /// The name, which is unique in a list of reports.
    pub name: &'static str,
    /// Whether the task runs and makes progress.
    pub up: bool,
    /// The restarts since the process started.
    pub restarts: u64,
    /// Why the task is down; empty while it is up.
    pub problem: String,
}

impl Tasks {
    /// An empty registry for a process that shuts down when `ending` turns true.
    pub fn new(ending: watch::Receiver<bool>) -> Self {
        let registry = Registry {
            started: Stopwatch::start(),
            all: ArcSwap::default(),
            writing: Mutex::new(()),
        };
        Self {
            registry: Arc::new(registry),
            ending,
        }
    }

    /// The same registry with another shutdown signal, for tasks that outlive the others.
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
        work: impl Fn(Heartbeat) -> W + Send + Sync + 'static,
    ) -> JoinHandle<()>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let state = self.register(task);
        let (tasks, work) = (self.clone(), Arc::new(work));
        let registration = Registration(self.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let mut backoff = FIRST_BACKOFF;
            loop {
                state.record_start(tasks.now());
                let ran = Stopwatch::start();
                let (heartbeat, work) = (
                    Heartbeat {
                        tasks: tasks.clone(),
                        state: Arc::clone(&state),
                    },
                    Arc::clone(&work),
                );
                // The future is created inside, because a panic in `work` itself must not end the supervisor.
                let fault =
                    run_contained(with_faults(task.name, async move { work(heartbeat).await }))
                        .await;
                if fault.is_ok() && *tasks.ending.borrow() {
                    break;
                }
                let fault = if fault.is_ok() {
                    "returned"
                } else {
                    "panicked"
                };
                state.record_stop(tasks.now(), fault);
                if ran.elapsed() >= STEADY_AFTER {
                    backoff = FIRST_BACKOFF;
                }
                let pause = with_jitter(backoff);
                backoff = (backoff * 2).min(LAST_BACKOFF);
                error!(task = task.name, restart_in = ?pause, "a background task {fault}; restarting it");
                tokio::time::sleep(pause).await;
                info!(task = task.name, "a background task was restarted");
            }
            drop(registration);
        })
    }

    /// Runs one-time work that may be needed again, such as loading a secret. A panic becomes an error and counts as a
    /// restart of `task`. The next caller starts the work again.
    pub async fn catch_panic<T: Send + 'static>(
        &self,
        task: Task,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, PanicError> {
        let done = run_contained(with_faults(task.name, work)).await;
        // The task is registered at its first panic, so that it shows in reports only from then on.
        let registered = self.find(task.name);
        match (&done, registered) {
            (Ok(_), None) => {}
            (Ok(_), Some(state)) => {
                if !state.is_up(self.now()) {
                    state.record_start(self.now());
                    state.beat(self.now());
                }
            }
            (Err(PanicError), registered) => {
                let state = registered.unwrap_or_else(|| self.register(task));
                state.record_stop(self.now(), "panicked");
                error!(task = task.name, "a background task panicked");
            }
        }
        done
    }

    fn find(&self, name: &str) -> Option<Arc<TaskState>> {
        let all = self.registry.all.load();
        all.iter().find(|state| state.name() == name).cloned()
    }

    /// The name of an essential task that has not run for `limit` or longer. The gate then fails closed.
    pub fn overdue(&self, limit: Duration) -> Option<&'static str> {
        let all = self.registry.all.load();
        if all.is_empty() {
            return None;
        }
        let now = self.now();
        all.iter()
            .find(|state| state.is_essential() && state.down_for(now) >= limit)
            .map(|state| state.name())
    }

    /// One report for each task name. Several tasks of one name are up only if all of them are.
    pub fn reports(&self) -> Vec<TaskReport> {
        let now = self.now();
        let mut reports: Vec<TaskReport> = Vec::new();
        for state in self.registry.all.load().iter() {
            let report = state.report(now);
            match reports.iter_mut().find(|merged| merged.name == report.name) {
                None => reports.push(report),
                Some(merged) => {
                    merged.restarts += report.restarts;
                    if merged.up && !report.up {
                        merged.up = false;
                        merged.problem = report.problem;
                    }
                }
            }
        }
        reports
    }

    fn register(&self, task: Task) -> Arc<TaskState> {
        let state = Arc::new(TaskState::new(task, self.now()));
        let _writing = self.registry.writing.lock();
        let mut all = Vec::clone(&self.registry.all.load());
        all.push(Arc::clone(&state));
        self.registry.all.store(Arc::new(all));
        state
    }

    fn now(&self) -> Duration {
        self.registry.started.elapsed()
    }
}

/// The tasks of a process that never shuts down, for tests.
impl Default for Tasks {
    fn default() -> Self {
        // The last value stays readable after the sender is dropped.
        Self::new(watch::channel(false).1)
    }
}

/// Removes a task from the registry when its supervisor ends, even if it is aborted.
struct Registration(Tasks, Arc<TaskState>);

impl Drop for Registration {
    fn drop(&mut self) {
        let registry = &self.0.registry;
        let _writing = registry.writing.lock();
        let mut all = Vec::clone(&registry.all.load());
        all.retain(|state| !Arc::ptr_eq(state, &self.1));
        registry.all.store(Arc::new(all));
    }
}

/// The work panicked. The panic hook has logged the location.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("panicked")]
pub struct PanicError;

/// Runs `work` as a separate task and waits for it. If the caller is dropped, the task is aborted.
async fn run_contained<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, PanicError> {
    let mut running = AbortOnDrop(tokio::spawn(work));
    match (&mut running.0).await {
        Ok(done) => Ok(done),
        Err(ended) if ended.is_panic() => Err(PanicError),
        // Cancelled: the runtime is shutting down, and the caller with it.
        Err(_) => std::future::pending().await,
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Debug builds let tests make a task panic or hang. Release builds have no such code.
#[cfg(debug_assertions)]
fn with_faults<W: Future + Send>(
    name: &'static str,
    work: W,
) -> impl Future<Output = W::Output> + Send {
    fault::with_faults(name, work)
}

#[cfg(not(debug_assertions))]
fn with_faults<W: Future + Send>(_name: &'static str, work: W) -> W {
    work
}

/// A random duration between half of `pause` and `pause`, so that tasks and nodes do not retry together.
pub fn with_jitter(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(10);
/// After a run of this length, the backoff starts from the beginning.
const STEADY_AFTER: Duration = Duration::from_secs(30);

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
        panic!("timed out waiting for the condition");
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
        let _running = tasks.supervise(task, move |heartbeat| {
            let counted = Arc::clone(&counted);
            async move {
                assert!(counted.fetch_add(1, Ordering::SeqCst) >= 2, "planted");
                heartbeat.beat();
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
        assert_eq!(tasks.catch_panic(task, async { 1 }).await, Ok(1));
        assert_eq!(tasks.reports(), []);
        let failed: Result<(), _> = tasks.catch_panic(task, async { panic!("planted") }).await;
        assert_eq!(failed, Err(PanicError));
        assert!(!report(&tasks, "planted").up);
        assert_eq!(tasks.catch_panic(task, async { 1 }).await, Ok(1));
        assert!(report(&tasks, "planted").up);
        assert_eq!(report(&tasks, "planted").restarts, 1);
    }

    #[test]
    fn jitter_spreads_a_pause_over_its_second_half() {
        for pause in [FIRST_BACKOFF, LAST_BACKOFF, Duration::from_hours(1)] {
            let pauses: Vec<Duration> = (0..200).map(|_| with_jitter(pause)).collect();
            let all_fit = pauses.iter().all(|it| (pause / 2..=pause).contains(it));
            assert!(all_fit, "{pause:?}: {pauses:?}");
            // 200 of them in one quarter of the range would be no spread.
            let early = pauses.iter().filter(|it| **it < pause / 4 * 3).count();
            assert!((1..200).contains(&early), "{pause:?}: {early}");
        }
    }
}
