//! The phases of a shutdown.
//!
//! ```text
//! drain: no new connections ──→ served: no delivery is left ──→ closing: only health and metrics are left
//! ```

use tokio::sync::watch;

/// Signals the phases to the tasks. Dropping it signals all phases, so that no task outlives its server.
pub(super) struct Phases {
    drain: watch::Sender<bool>,
    served: watch::Sender<bool>,
    closing: watch::Sender<bool>,
}

impl Phases {
    /// Turns true when the server stops accepting connections. Deliveries in flight continue.
    pub(super) fn draining(&self) -> watch::Receiver<bool> {
        self.drain.subscribe()
    }

    /// Turns true when no delivery is left that needs background tasks.
    pub(super) fn served(&self) -> watch::Receiver<bool> {
        self.served.subscribe()
    }

    /// Turns true when everything except the admin listener has ended.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    pub(super) fn drain(&self) {
        self.drain.send_replace(true);
    }

    pub(super) fn end_background_tasks(&self) {
        self.served.send_replace(true);
    }

    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            drain: watch::Sender::new(false),
            served: watch::Sender::new(false),
            closing: watch::Sender::new(false),
        }
    }
}

impl Drop for Phases {
    fn drop(&mut self) {
        self.drain();
        self.end_background_tasks();
        self.close();
    }
}
