//! Whether the key service does its work, asked seldom: every question is paid for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Stopwatch;
use crate::secrets::{KeyService, KeyServiceError};
use crate::task::{Task, Tasks};

/// Asks the key service, and remembers for a while what came of it.
pub struct KeyServiceCheck {
    service: Arc<dyn KeyService>,
    times: KnownSecrets,
    asked: Arc<Mutex<Asked>>,
    tasks: Tasks,
}

/// How long secrets that are in memory stay in use without the key service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownSecrets {
    /// While it does not answer.
    pub grace: Duration,
    /// While it answers, and refuses.
    pub time_to_live: Duration,
}

#[derive(Default)]
struct Asked {
    /// The last answer, and when it came.
    last: Option<(Stopwatch, Result<(), KeyServiceError>)>,
    /// When it was well the last time, if ever.
    well: Option<Stopwatch>,
    /// Ends when the question that is under way has its answer.
    under_way: Option<watch::Receiver<()>>,
}

impl KeyServiceCheck {
    /// A check of `service`.
    pub fn new(service: Arc<dyn KeyService>, times: KnownSecrets, tasks: Tasks) -> Self {
        Self {
            service,
            times,
            tasks,
            asked: Arc::default(),
        }
    }

    /// What there is to say about it, and whether deliveries can be taken. They can as long as known secrets
    /// stay in use: if every node of a fleet were taken away with the key service, there would be nothing left
    /// of it. Whoever asks waits for a short time only: balancers are not patient, and a service that hangs is
    /// no reason to leave them without an answer.
    pub(super) async fn check(&self) -> (Result<(), String>, bool) {
        if let Some(mut under_way) = self.ask() {
            // The sender goes when there is an answer.
            let answered = async { while under_way.changed().await.is_ok() {} };
            if tokio::time::timeout(PATIENCE, answered).await.is_err() {
                return self.told(Some("no answer yet".to_owned()), self.times.grace);
            }
        }
        let answer = {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.last.as_ref().map(|(_, answer)| answer.clone())
        };
        match answer {
            Some(Err(error)) if error.is_refusal() => {
                self.told(Some(error.to_string()), self.times.time_to_live)
            }
            Some(Err(error)) => self.told(Some(error.to_string()), self.times.grace),
            Some(Ok(())) | None => (Ok(()), true),
        }
    }

    fn told(&self, wrong: Option<String>, stays: Duration) -> (Result<(), String>, bool) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = asked.well.is_some_and(|well| well.elapsed() < stays);
        let wrong = wrong.unwrap_or_default();
        if stays {
            (Err(format!("{wrong}; known secrets stay in use")), true)
        } else {
            (Err(wrong), false)
        }
    }

    /// Asks, if the last answer is old and nobody is asking. The question goes on whoever waits for it.
    fn ask(&self) -> Option<watch::Receiver<()>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = &asked.under_way {
            return Some(under_way.clone());
        }
        let is_fresh = asked.last.as_ref().is_some_and(|(at, answer)| {
            let keep = if answer.is_ok() { KEEP_WELL } else { KEEP_ILL };
            at.elapsed() < keep
        });
        if is_fresh {
            return None;
        }
        let (answered, under_way) = watch::channel(());
        asked.under_way = Some(under_way.clone());
        let (service, shared) = (Arc::clone(&self.service), Arc::clone(&self.asked));
        let tasks = self.tasks.clone();
        tokio::spawn(async move {
            let probe = tasks.contain(PROBE, async move { service.probe().await });
            let answer = probe.await.unwrap_or_else(|panicked| {
                let text = format!("the check failed: {panicked}");
                Err(KeyServiceError::Unavailable(text))
            });
            let now = Stopwatch::start();
            let mut asked = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if answer.is_ok() {
                asked.well = Some(now);
            }
            asked.last = Some((now, answer));
            asked.under_way = None;
            drop(asked);
            drop(answered);
        });
        Some(under_way)
    }
}

const PROBE: Task = Task::named("key_service_check");
const KEEP_WELL: Duration = Duration::from_secs(30);
const KEEP_ILL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_millis(800);
