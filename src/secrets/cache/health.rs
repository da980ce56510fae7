//! Whether the key service answers. Only changes are logged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tracing::{error, info, warn};

use super::KeyError;
use crate::clock::Stopwatch;
use crate::secrets::{KeyServiceError, SecretRef};

/// The state of the key service, from its last answer.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_down: AtomicBool,
    report: Mutex<Report>,
}

/// What was logged last. A service that flaps is not logged each time.
#[derive(Debug, Default)]
struct Report {
    is_down: bool,
    at: Option<Stopwatch>,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// Records an answer, including a refusal.
    pub(super) fn answered(&self) {
        if self.is_down() && self.is_down.swap(false, Ordering::Relaxed) {
            let mut report = self.report.lock();
            if std::mem::take(&mut report.is_down) {
                info!("the key service answers again");
            }
        }
    }

    /// Records a failure. Failures in this process, before the call, say nothing about the service.
    pub(super) fn failed(&self, error: &KeyServiceError, grace: Duration) {
        if matches!(error, KeyServiceError::Busy | KeyServiceError::Randomness) {
            return;
        }
        self.is_down.store(true, Ordering::Relaxed);
        let mut report = self.report.lock();
        if !report.is_down && report.at.is_none_or(|at| at.elapsed() >= MIN_INTERVAL) {
            *report = Report {
                is_down: true,
                at: Some(Stopwatch::start()),
            };
            warn!(
                %error,
            "the key service does not answer: cached secrets stay in use for {grace:?} past their TTL, others get \
                 503"
            );
        }
    }
}

/// Logs that a secret cannot be decrypted, or that it can be again, when that changes.
pub(super) fn log_change(secret: &SecretRef, before: Option<&KeyError>, now: Option<&KeyError>) {
    let refusal = |error: Option<&KeyError>| matches!(error, Some(KeyError::Service(error)) if error.is_refusal());
    match (refusal(before), now) {
        (false, Some(error)) if refusal(now) => {
            error!(%secret, %error, "a secret cannot be decrypted; its deliveries get 503");
        }
        (true, None) => info!(%secret, "the secret can be decrypted again"),
        _ => {}
    }
}

/// The minimum time between two logged outages.
const MIN_INTERVAL: Duration = Duration::from_secs(5);
