//! Whether the key service does its work, asked seldom: every question is paid for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::Stopwatch;
use crate::secrets::{KeyService, KeyServiceError};

/// Asks the key service, and remembers for a while what came of it.
pub struct KeyServiceCheck {
    service: Arc<dyn KeyService>,
    /// How long known secrets stay in use without it.
    grace: Duration,
    /// Whoever asks while somebody else is asking waits for the same answer.
    last: Mutex<Option<Asked>>,
}

struct Asked {
    at: Stopwatch,
    answer: Result<(), KeyServiceError>,
    /// When it was well the last time, if ever.
    well: Option<Stopwatch>,
}

impl KeyServiceCheck {
    /// A check of `service`, whose secrets stay in use for `grace` without it.
    pub fn new(service: Arc<dyn KeyService>, grace: Duration) -> Self {
        Self {
            service,
            grace,
            last: Mutex::new(None),
        }
    }

    /// What there is to say about it, and whether deliveries can be taken. They can for the time of grace: if
    /// every node of a fleet were taken away with the key service, there would be nothing left of it.
    pub(super) async fn check(&self) -> (Result<(), String>, bool) {
        let mut last = self.last.lock().await;
        let is_old = |asked: &Asked| {
            let keep = if asked.answer.is_ok() {
                KEEP_WELL
            } else {
                KEEP_ILL
            };
            asked.at.elapsed() >= keep
        };
        if last.as_ref().is_none_or(is_old) {
            let at = Stopwatch::start();
            let answer = self.service.probe().await;
            let well = if answer.is_ok() {
                Some(at)
            } else {
                last.as_ref().and_then(|asked| asked.well)
            };
            *last = Some(Asked { at, answer, well });
        }
        match last.as_ref().map(|asked| (&asked.answer, asked.well)) {
            Some((Err(error), well)) => {
                let in_grace =
                    !error.is_refusal() && well.is_some_and(|well| well.elapsed() < self.grace);
                let told = if in_grace {
                    format!("{error}; known secrets stay in use")
                } else {
                    error.to_string()
                };
                (Err(told), in_grace)
            }
            _ => (Ok(()), true),
        }
    }
}

const KEEP_WELL: Duration = Duration::from_secs(30);
const KEEP_ILL: Duration = Duration::from_secs(1);
