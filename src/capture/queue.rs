//! Between deliveries, which never wait, and the one task that writes.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::render::render;
use super::{CaptureStore, Captured, Refused};
use crate::clock::Clock;
use crate::gate::Reason;

/// Where refused deliveries are offered.
pub struct Captures(mpsc::Sender<Captured>);

/// The task that writes.
pub struct Keeper {
    offered: mpsc::Receiver<Captured>,
    store: Arc<dyn CaptureStore>,
    clock: Arc<dyn Clock>,
}

impl Captures {
    /// A queue, and the task at its other end.
    pub fn new(store: Arc<dyn CaptureStore>, clock: Arc<dyn Clock>) -> (Self, Keeper) {
        let (sender, offered) = mpsc::channel(QUEUE);
        let keeper = Keeper {
            offered,
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
    /// Writes until `shutdown`. What cannot be written is lost, and said.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        loop {
            let first = tokio::select! {
                first = self.offered.recv() => match first {
                    Some(first) => Some(first),
                    None => return,
                },
                () = tokio::time::sleep(FORGET_EVERY) => None,
                _ = shutdown.changed() => break,
            };
            self.keep(first).await;
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                _ = shutdown.changed() => break,
            }
        }
        let last = self.offered.try_recv().ok();
        if last.is_some() {
            self.keep(last).await;
        }
    }

    async fn keep(&mut self, first: Option<Captured>) {
        let mut batch: Vec<Captured> = first.into_iter().collect();
        while let Ok(next) = self.offered.try_recv() {
            batch.push(next);
            if batch.len() >= QUEUE {
                break;
            }
        }
        if let Err(error) = self.store.keep(batch, self.clock.now()).await {
            warn!(%error, "refused deliveries could not be kept");
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
const FORGET_EVERY: Duration = Duration::from_mins(1);
