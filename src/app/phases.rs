//! The phases in which a server ends.
//!
//! ```text
//! drain: no new connections ──→ served: no delivery is left ──→ closing: nothing is left but health and metrics
//! ```

use tokio::sync::watch;

/// Announces the phases to the tasks. Dropped, it announces all of them: no task outlives its server.
pub(super) struct Phases {
    drain: watch::Sender<bool>,
    served: watch::Sender<bool>,
    closing: watch::Sender<bool>,
}

impl Phases {
    /// Turns true when the server takes no new connections. Deliveries in flight continue.
    pub(super) fn draining(&self) -> watch::Receiver<bool> {
        self.drain.subscribe()
    }

    /// Turns true when no delivery is left that background tasks could work for.
    pub(super) fn served(&self) -> watch::Receiver<bool> {
        self.served.subscribe()
    }

    /// Turns true when everything else has ended.
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
