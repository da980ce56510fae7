//! Between deliveries, which never wait, and the one task that writes.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{Mutex, mpsc, watch};
use tracing::warn;

use super::render::render;
use super::{CaptureStore, Captured, Refused};
use crate::clock::Clock;
use crate::gate::Reason;
use crate::task::{Pulse, Task};

/// Where refused deliveries are offered.
pub struct Captures(mpsc::Sender<Captured>);

/// The task that writes.
pub struct Keeper {
    taken: Mutex<Taken>,
    store: Arc<dyn CaptureStore>,
    clock: Arc<dyn Clock>,
}

/// The other end of the queue, and what was taken from it. A run that panics leaves it to the next one.
struct Taken {
    offered: mpsc::Receiver<Captured>,
    unwritten: Vec<Captured>,
}

impl Captures {
    /// A queue, and the task at its other end.
    pub fn new(store: Arc<dyn CaptureStore>, clock: Arc<dyn Clock>) -> (Self, Keeper) {
        let (sender, offered) = mpsc::channel(QUEUE);
        let keeper = Keeper {
            taken: Mutex::new(Taken {
                offered,
                unwritten: Vec::new(),
            }),
            store,
            clock,
        };
        (Self(sender), keeper)
    }

    /// Offers a delivery, if its endpoint wants it and there is room. It is not copied otherwise.
    pub fn offer(&self, refused: &Refused<'_>) {
        let Some(rule) = refused.endpoint.capture else {
            return;
        };
        if !is_about_the_proof(refused.reason) {
            return;
        }
        // Under a flood most find no room, and cost nothing more than this question.
        let Ok(room) = self.0.try_reserve() else {
            return;
        };
        let kept_for = SignedDuration::from_secs(i64::from(rule.for_seconds));
        room.send(Captured {
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

impl Keeper {
    /// The task that [`run`](Self::run) is.
    pub const TASK: Task = Task::named("captures").beats_within(SILENCE);

    /// Writes until `shutdown`. What the store does not take is tried again; new ones find no room meanwhile.
    pub async fn run(self: Arc<Self>, mut shutdown: watch::Receiver<bool>, pulse: Pulse) {
        let mut taken = self.taken.lock().await;
        let taken = &mut *taken;
        loop {
            let pause = if taken.unwritten.is_empty() {
                FORGET_EVERY
            } else {
                RETRY_EVERY
            };
            tokio::select! {
                first = taken.offered.recv(), if taken.unwritten.is_empty() => {
                    let Some(first) = first else {
                        // The last delivery has ended. The task returns when it may.
                        let _ = shutdown.wait_for(|ending| *ending).await;
                        return;
                    };
                    taken.unwritten.push(first);
                }
                () = tokio::time::sleep(pause) => {}
                _ = shutdown.changed() => break,
            }
            self.keep(taken).await;
            pulse.beat();
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                _ = shutdown.changed() => break,
            }
        }
        taken.unwritten.extend(taken.offered.try_recv());
        if !taken.unwritten.is_empty() {
            self.keep(taken).await;
        }
    }

    async fn keep(&self, taken: &mut Taken) {
        while taken.unwritten.len() < QUEUE
            && let Ok(next) = taken.offered.try_recv()
        {
            taken.unwritten.push(next);
        }
        let batch = taken.unwritten.clone();
        match self.store.keep(batch, self.clock.now()).await {
            Ok(()) => taken.unwritten.clear(),
            Err(error) => {
                warn!(%error, "refused deliveries could not be kept; it is tried again");
            }
        }
    }
}

/// Whether it was refused for what `explain` can explain.
const fn is_about_the_proof(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Proof(_)
            | Reason::AuthMissing
            | Reason::MethodNotSigned
            | Reason::SecretUnbound
            | Reason::SignatureAtDraft
    )
}

/// At most so many wait: 128 KiB each.
const QUEUE: usize = 32;
const WRITE_EVERY: Duration = Duration::from_secs(1);
const RETRY_EVERY: Duration = Duration::from_secs(4);
const FORGET_EVERY: Duration = Duration::from_mins(1);
/// A writer that has not come round for so long does not run.
const SILENCE: Duration = Duration::from_mins(3);
