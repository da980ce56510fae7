//! The state of one task: when it last made progress, and whether it counts as running.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{Task, TaskReport};

/// The state of a task. Times are milliseconds since the registry was created.
///
/// Deliveries read it, so it consists of atomics. Only the task and its supervisor write it.
pub(super) struct TaskState {
    task: Task,
    restarts: AtomicU64,
    /// The start of the current run; [`STOPPED`] while the task is stopped.
    started_at: AtomicU64,
    /// Whether this run counts as up. The first run does at once, a restarted one after it makes progress.
    trusted: AtomicBool,
    /// The last time at which the task was known to run.
    progress_at: AtomicU64,
    /// Why the task last stopped.
    fault: Mutex<&'static str>,
}

impl TaskState {
    pub(super) fn new(task: Task, now: Duration) -> Self {
        Self {
            task,
            restarts: AtomicU64::new(0),
            started_at: AtomicU64::new(ms(now)),
            trusted: AtomicBool::new(true),
            progress_at: AtomicU64::new(ms(now)),
            fault: Mutex::new(""),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.task.name
    }

    pub(super) fn is_essential(&self) -> bool {
        self.task.essential
    }

    /// Records the start of a run.
    pub(super) fn record_start(&self, now: Duration) {
        self.started_at.store(ms(now), Ordering::Release);
    }

    /// Records a run that panicked or returned too early.
    pub(super) fn record_stop(&self, now: Duration, fault: &'static str) {
        if self.task.silence.is_none() && self.is_up(now) {
            self.progress_at.store(ms(now), Ordering::Release);
        }
        self.started_at.store(STOPPED, Ordering::Release);
        self.trusted.store(false, Ordering::Release);
        *self.fault.lock() = fault;
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Records progress.
    pub(super) fn beat(&self, now: Duration) {
        self.progress_at.store(ms(now), Ordering::Release);
        self.trusted.store(true, Ordering::Release);
    }

    pub(super) fn is_up(&self, now: Duration) -> bool {
        let started_at = self.started_at.load(Ordering::Acquire);
        let trusted = self.trusted.load(Ordering::Acquire);
        match self.task.silence {
            _ if started_at == STOPPED => false,
            Some(silence) => trusted && self.silent_for(now) <= silence,
            None => {
                trusted || now.saturating_sub(Duration::from_millis(started_at)) >= TRUSTED_AFTER
            }
        }
    }

    /// The time since the task was last known to run; zero while it is up.
    pub(super) fn down_for(&self, now: Duration) -> Duration {
        if self.is_up(now) {
            Duration::ZERO
        } else {
            self.silent_for(now)
        }
    }

    pub(super) fn report(&self, now: Duration) -> TaskReport {
        let up = self.is_up(now);
        let fault = *self.fault.lock();
        let problem = if up {
            String::new()
        } else if self.started_at.load(Ordering::Acquire) == STOPPED {
            fault.to_owned()
        } else if self.trusted.load(Ordering::Acquire) {
            format!("no progress for {} s", self.silent_for(now).as_secs())
        } else {
            format!("{fault}, starting again")
        };
        TaskReport {
            name: self.task.name,
            up,
            restarts: self.restarts.load(Ordering::Relaxed),
            problem,
        }
    }

    fn silent_for(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(
            self.progress_at.load(Ordering::Acquire),
        ))
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(STOPPED - 1)
}

const STOPPED: u64 = u64::MAX;
/// A restarted task that reports no progress counts as up after this time without a panic.
const TRUSTED_AFTER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_silent_task_counts_as_absent_since_its_last_progress() {
        let state = TaskState::new(Task::named("t").beats_within(s(5)), s(10));
        state.beat(s(20));
        assert!(state.is_up(s(25)));
        assert_eq!(state.down_for(s(25)), s(0));
        assert!(!state.is_up(s(26)));
        assert_eq!(state.down_for(s(26)), s(6));
        assert_eq!(state.report(s(26)).problem, "no progress for 6 s");
        state.beat(s(27));
        assert!(state.is_up(s(27)));
    }

    #[test]
    fn a_task_that_keeps_panicking_is_absent_since_before_the_first_panic() {
        for task in [Task::named("t").beats_within(s(5)), Task::named("t")] {
            let state = TaskState::new(task, s(0));
            state.beat(s(9));
            state.record_stop(s(10), "panicked");
            for again in 11..60 {
                state.record_start(s(again));
                state.record_stop(s(again), "panicked");
            }
            let down = state.down_for(s(60));
            assert!(down >= s(50), "{down:?}");
            state.record_start(s(60));
            assert_eq!(state.report(s(60)).problem, "panicked, starting again");
        }
    }

    #[test]
    fn a_restarted_task_without_progress_reports_is_trusted_after_a_while() {
        let state = TaskState::new(Task::named("t"), s(0));
        state.record_stop(s(10), "panicked");
        state.record_start(s(11));
        assert!(!state.is_up(s(12)));
        assert!(state.is_up(s(13)));
    }
}
