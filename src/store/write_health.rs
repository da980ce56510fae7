//! Whether writes succeed.
//!
//! A store that can be read and not written, such as one on a full disk, still serves deliveries. But rotations fail,
//! and captures and counters wait. Readiness and metrics report that until a write succeeds.

use parking_lot::Mutex;
use tracing::{info, warn};

use crate::secrets::StoreError;

/// The error of the last write, if it failed.
#[derive(Debug, Default)]
pub(super) struct WriteHealth(Mutex<Option<StoreError>>);

impl WriteHealth {
    /// Records the result of a write and returns it.
    pub(super) fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let now = match &result {
            Ok(_) => None,
            Err(error @ StoreError::Unavailable(_)) => Some(error.clone()),
            // The store answered and refused, so it can be written.
            Err(_) => return result,
        };
        let mut last = self.0.lock();
        match (&*last, &now) {
            (None, Some(error)) => warn!(%error, "writes to the store fail"),
            (Some(_), None) => info!("writes to the store succeed again"),
            _ => {}
        }
        *last = now;
        result
    }

    /// The error of the last write, if it failed.
    pub(super) fn fault(&self) -> Option<StoreError> {
        self.0.lock().clone()
    }
}
