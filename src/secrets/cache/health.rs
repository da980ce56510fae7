//! Whether the key service answers: said once, when it changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tracing::{error, info, warn};

use super::KeyError;
use crate::clock::Stopwatch;
use crate::secrets::{KeyServiceError, SecretRef};

/// What the last calls came to.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_down: AtomicBool,
    told: Mutex<Told>,
}

/// What was said last. A service that fails now and then is not told of each time.
#[derive(Debug, Default)]
struct Told {
    is_down: bool,
    at: Option<Stopwatch>,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// The service has answered, whatever it said.
    pub(super) fn answered(&self) {
        if self.is_down() && self.is_down.swap(false, Ordering::Relaxed) {
            let mut told = self.told.lock();
            if std::mem::take(&mut told.is_down) {
                info!("the key service answers again");
            }
        }
    }

    /// The service has failed. What failed here, before it was asked, says nothing about it.
    pub(super) fn failed(&self, error: &KeyServiceError, grace: Duration) {
        if matches!(error, KeyServiceError::Busy | KeyServiceError::Randomness) {
            return;
        }
        self.is_down.store(true, Ordering::Relaxed);
        let mut told = self.told.lock();
        if !told.is_down && told.at.is_none_or(|at| at.elapsed() >= SELDOM) {
            *told = Told {
                is_down: true,
                at: Some(Stopwatch::start()),
            };
            warn!(
                %error,
                "the key service does not answer: known secrets stay in use for {grace:?} past their time, \
                 others get 503"
            );
        }
    }
}

/// Says that a secret cannot be opened, or can be again, where it was otherwise before.
pub(super) fn tell(secret: &SecretRef, before: Option<&KeyError>, now: Option<&KeyError>) {
    let refusal = |error: Option<&KeyError>| matches!(error, Some(KeyError::Service(error)) if error.is_refusal());
    match (refusal(before), now) {
        (false, Some(error)) if refusal(now) => {
            error!(%secret, %error, "a secret cannot be decrypted; its deliveries get 503");
        }
        (true, None) => info!(%secret, "the secret can be decrypted again"),
        _ => {}
    }
}

/// The shortest time between two outages that are told.
const SELDOM: Duration = Duration::from_secs(5);
