//! The readiness check of the key service. Results are cached, because every probe costs a request to AWS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Stopwatch;
use crate::secrets::{KeyService, KeyServiceError};
use crate::task::{Task, Tasks};

/// Probes the key service, and caches the result for a short time.
pub struct KeyServiceCheck {
    service: Arc<dyn KeyService>,
    times: SecretGrace,
    state: Arc<Mutex<ProbeState>>,
    tasks: Tasks,
}

/// How long cached secrets stay usable without the key service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SecretGrace {
    /// While the key service does not answer.
    pub grace: Duration,
    /// While the key service refuses to decrypt.
    pub time_to_live: Duration,
}

#[derive(Default)]
struct ProbeState {
    /// The last result and its time.
    last: Option<(Stopwatch, Result<(), KeyServiceError>)>,
    /// The time of the last success.
    succeeded_at: Option<Stopwatch>,
    /// Closed when the running probe ends.
    running: Option<watch::Receiver<()>>,
}

impl KeyServiceCheck {
    /// The first probe runs at the first check.
    pub fn new(service: Arc<dyn KeyService>, times: SecretGrace, tasks: Tasks) -> Self {
        Self {
            service,
            times,
            tasks,
            state: Arc::default(),
        }
    }

    /// The state of the key service, and whether deliveries can be accepted. They can while cached secrets stay usable.
    /// Otherwise a load balancer would remove every node of a fleet at once. The call waits for a short time only,
    /// because load balancers have short timeouts.
    pub(super) async fn check(&self) -> (Result<(), String>, bool) {
        if let Some(mut running) = self.start_probe() {
            // The sender is dropped when the probe ends.
            let finished = async { while running.changed().await.is_ok() {} };
            if tokio::time::timeout(MAX_WAIT, finished).await.is_err() {
                return self.failure("no answer yet".to_owned(), self.times.grace);
            }
        }
        let result = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.last.as_ref().map(|(_, result)| result.clone())
        };
        match result {
            Some(Err(error)) if error.is_refusal() => {
                self.failure(error.to_string(), self.times.time_to_live)
            }
            Some(Err(error)) => self.failure(error.to_string(), self.times.grace),
            Some(Ok(())) | None => (Ok(()), true),
        }
    }

    /// The problem of the key service. Deliveries can be accepted for `usable_for` after the last success.
    fn failure(&self, error: String, usable_for: Duration) -> (Result<(), String>, bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let are_usable = state
            .succeeded_at
            .is_some_and(|succeeded_at| succeeded_at.elapsed() < usable_for);
        if are_usable {
            (Err(format!("{error}; cached secrets stay in use")), true)
        } else {
            (Err(error), false)
        }
    }

    /// Starts a probe, unless one runs or the last result is recent. The probe continues if the caller stops waiting.
    fn start_probe(&self) -> Option<watch::Receiver<()>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &state.running {
            return Some(running.clone());
        }
        let is_fresh = state.last.as_ref().is_some_and(|(at, result)| {
            let lifetime = if result.is_ok() {
                SUCCESS_LIFETIME
            } else {
                FAILURE_LIFETIME
            };
            at.elapsed() < lifetime
        });
        if is_fresh {
            return None;
        }
        let (finished, running) = watch::channel(());
        state.running = Some(running.clone());
        let (service, shared) = (Arc::clone(&self.service), Arc::clone(&self.state));
        let tasks = self.tasks.clone();
        tokio::spawn(async move {
            let probe = tasks.catch_panic(PROBE, async move { service.probe().await });
            let result = probe.await.unwrap_or_else(|panicked| {
                let text = format!("the check failed: {panicked}");
                Err(KeyServiceError::Unavailable(text))
            });
            let now = Stopwatch::start();
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if result.is_ok() {
                state.succeeded_at = Some(now);
            }
            state.last = Some((now, result));
            state.running = None;
            drop(state);
            drop(finished);
        });
        Some(running)
    }
}

const PROBE: Task = Task::named("key_service_check");
const SUCCESS_LIFETIME: Duration = Duration::from_secs(30);
const FAILURE_LIFETIME: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_millis(800);
