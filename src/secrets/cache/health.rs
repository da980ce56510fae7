//! Whether the key service answers: said once, when it changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::{error, info, warn};

use super::KeyError;
use crate::secrets::{KeyServiceError, SecretRef};

/// What the last calls came to.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_down: AtomicBool,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// The service has answered, whatever it said.
    pub(super) fn answered(&self) {
        if self.is_down() && self.is_down.swap(false, Ordering::Relaxed) {
            info!("the key service answers again");
        }
    }

    /// It has not.
    pub(super) fn failed(&self, error: &KeyServiceError, grace: Duration) {
        if !self.is_down.swap(true, Ordering::Relaxed) {
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
