//! The audit lines of denied requests. They are written beside the requests, so that no answer waits for one: the time
//! of an answer must not tell whether a foreign object exists.

use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::warn;

use crate::audit::Actor;
use crate::control::Control;

/// A bounded queue of denials. The control plane bounds how many of them reach the audit log.
pub(super) struct Denials {
    queue: Sender<Denial>,
    waiting: Mutex<Receiver<Denial>>,
}

struct Denial {
    actor: Actor,
    subject: String,
    detail: String,
}

impl Denials {
    pub(super) fn new() -> Self {
        let (queue, waiting) = channel(QUEUE);
        Self {
            queue,
            waiting: Mutex::new(waiting),
        }
    }

    /// Records a denial, if there is room.
    pub(super) fn record(&self, actor: Actor, subject: String, detail: String) {
        let denial = Denial {
            actor,
            subject,
            detail,
        };
        if self.queue.try_send(denial).is_err() {
            warn!("a denied request is missing in the audit log, because too many came at once");
        }
    }

    /// Writes denials as they come. It never returns.
    pub(super) async fn write(&self, control: &Control) {
        let mut waiting = self.waiting.lock().await;
        while let Some(denial) = waiting.recv().await {
            write(control, &denial).await;
        }
    }

    /// Writes the denials that are left at the end.
    pub(super) async fn write_rest(&self, control: &Control) {
        let mut waiting = self.waiting.lock().await;
        while let Ok(denial) = waiting.try_recv() {
            write(control, &denial).await;
        }
    }
}

async fn write(control: &Control, denial: &Denial) {
    let Denial {
        actor,
        subject,
        detail,
    } = denial;
    control.record_denied(actor, subject, detail).await;
}

const QUEUE: usize = 256;
