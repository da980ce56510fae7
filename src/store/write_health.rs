//! Whether the store takes what is written.
//!
//! A store that can be read and not written, such as one on a full disk, keeps deliveries going. But rotations
//! fail, and captures and counts wait. Readiness and metrics say so, from the first failed write to the next
//! successful one.

use parking_lot::Mutex;
use tracing::{info, warn};

use crate::secrets::StoreError;

/// What the last write came to.
#[derive(Debug, Default)]
pub(super) struct WriteHealth(Mutex<Option<StoreError>>);

impl WriteHealth {
    /// Notes the result of a write, and gives it back.
    pub(super) fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let now = match &result {
            Ok(_) => None,
            Err(error @ StoreError::Unavailable(_)) => Some(error.clone()),
            // The store has understood the question and said no.
            Err(_) => return result,
        };
        let mut last = self.0.lock();
        match (&*last, &now) {
            (None, Some(error)) => warn!(%error, "nothing can be written to the store"),
            (Some(_), None) => info!("the store can be written again"),
            _ => {}
        }
        *last = now;
        result
    }

    /// Why the last write failed, if it did.
    pub(super) fn fault(&self) -> Option<StoreError> {
        self.0.lock().clone()
    }
}
