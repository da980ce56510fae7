//! The bounded queue of captures, and the one task that writes them to the store.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{Mutex, mpsc, watch};
use tracing::warn;

use super::render::render;
use super::{CaptureStore, NewCapture, RefusedDelivery};
use crate::clock::Clock;
use crate::gate::Reason;
use crate::task::{Heartbeat, Task};

/// The sending end of the queue.
pub struct CaptureQueue(mpsc::Sender<NewCapture>);

/// Writes queued captures to the store.
pub struct CaptureWriter {
    pending: Mutex<PendingCaptures>,
    store: Arc<dyn CaptureStore>,
    clock: Arc<dyn Clock>,
}

/// The receiving end, and captures that are not written yet. After a panic, the next run continues with both.
struct PendingCaptures {
    queue: mpsc::Receiver<NewCapture>,
    batch: Vec<NewCapture>,
}

impl CaptureQueue {
    /// Creates the queue and its writer.
    pub fn new(store: Arc<dyn CaptureStore>, clock: Arc<dyn Clock>) -> (Self, CaptureWriter) {
        let (sender, queue) = mpsc::channel(MAX_QUEUED);
        let keeper = CaptureWriter {
            pending: Mutex::new(PendingCaptures {
                queue,
                batch: Vec::new(),
            }),
            store,
            clock,
        };
        (Self(sender), keeper)
    }

    /// Queues a refused delivery, if its endpoint keeps captures and the queue has room. Otherwise nothing is copied.
    pub fn offer(&self, refused: &RefusedDelivery<'_>) {
        let Some(rule) = refused.endpoint.capture else {
            return;
        };
        if !is_explainable(refused.reason) {
            return;
        }
        // Under a flood, most refusals end here and cost nothing more.
        let Ok(room) = self.0.try_reserve() else {
            return;
        };
        let kept_for = SignedDuration::from_secs(i64::from(rule.for_seconds));
        room.send(NewCapture {
            endpoint: refused.endpoint.id.clone(),
            request_id: refused.request_id.to_owned(),
            at: refused.at,
            ends_at: refused.at.checked_add(kept_for).unwrap_or(refused.at),
            last: rule.last,
            reason: refused.reason.word(),
            http: render(refused),
        });
    }
}

impl CaptureWriter {
    /// The supervised task that calls [`run`](Self::run).
    pub const TASK: Task = Task::named("captures").beats_within(SILENCE);

    /// Writes until `shutdown`. A failed write is retried; meanwhile the queue fills and drops captures.
    pub async fn run(self: Arc<Self>, mut shutdown: watch::Receiver<bool>, heartbeat: Heartbeat) {
        let mut pending = self.pending.lock().await;
        let pending = &mut *pending;
        loop {
            let pause = if pending.batch.is_empty() {
                EXPIRE_EVERY
            } else {
                RETRY_EVERY
            };
            tokio::select! {
                first = pending.queue.recv(), if pending.batch.is_empty() => {
                    let Some(first) = first else {
                        // All senders are gone. The task must not return before the shutdown.
                        let _ = shutdown.wait_for(|ending| *ending).await;
                        return;
                    };
                    pending.batch.push(first);
                }
                () = tokio::time::sleep(pause) => {}
                _ = shutdown.changed() => break,
            }
            self.write(pending).await;
            heartbeat.beat();
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                _ = shutdown.changed() => break,
            }
        }
        pending.batch.extend(pending.queue.try_recv());
        if !pending.batch.is_empty() {
            self.write(pending).await;
        }
    }

    async fn write(&self, pending: &mut PendingCaptures) {
        while pending.batch.len() < MAX_QUEUED
            && let Ok(next) = pending.queue.try_recv()
        {
            pending.batch.push(next);
        }
        let batch = pending.batch.clone();
        match self.store.keep(batch, self.clock.now()).await {
            Ok(()) => pending.batch.clear(),
            Err(error) => {
                warn!(%error, "captures could not be written; retrying");
            }
        }
    }
}

/// Whether `explain` can say more about this reason.
const fn is_explainable(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Proof(_)
            | Reason::AuthMissing
            | Reason::MethodNotSigned
            | Reason::SecretUnbound
            | Reason::SignatureAtDraft
    )
}

/// The most captures in the queue, of up to 128 KiB each.
const MAX_QUEUED: usize = 32;
const WRITE_EVERY: Duration = Duration::from_secs(1);
const RETRY_EVERY: Duration = Duration::from_secs(4);
const EXPIRE_EVERY: Duration = Duration::from_mins(1);
/// Without progress for this time, the task counts as not running.
const SILENCE: Duration = Duration::from_mins(3);
