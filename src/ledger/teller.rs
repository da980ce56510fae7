//! The task that tells Redis what it has missed, and what it may have forgotten.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::info;

use super::backlog::Backlog;
use super::both::Both;
use super::shared::{Outcome, Settlement};
use super::{Entries, Entry, Token};
use crate::task::Pulse;

impl Both {
    /// Tells Redis what it could not be told before, as soon as it is there.
    pub(super) async fn tell(self: Arc<Self>, pulse: Pulse) {
        let mut up = self.shared.redis().watch();
        loop {
            tokio::select! {
                is_up = up.wait_for(|up| *up == Some(true)) => match is_up {
                    Ok(_) => {}
                    Err(_) => return,
                },
                () = tokio::time::sleep(BEAT_EVERY) => {
                    pulse.beat();
                    continue;
                }
            }
            // If it is lost meanwhile and comes back, all of it is said again.
            up.mark_unchanged();
            self.tell_again(&pulse).await;
            loop {
                pulse.beat();
                tokio::select! {
                    _ = up.changed() => break,
                    () = self.backlog.some() => self.tell_some().await,
                    () = tokio::time::sleep(BEAT_EVERY) => {}
                }
            }
        }
    }

    /// Every window that is open and that this node knows of.
    async fn tell_again(&self, pulse: &Pulse) {
        let before = self.retold.load(Ordering::Relaxed);
        for part in self.own.firm() {
            for entries in part.chunks(TOLD_AT_ONCE) {
                pulse.beat();
                let one = |entry: &Entry| {
                    let entries = Entries::from([Some(*entry), None, None, None, None, None, None]);
                    Settlement::new(&entries, Token(0), Outcome::Accepted)
                };
                let settlements: Vec<Settlement> = entries.iter().map(one).collect();
                let Ok(answers) = self.shared.settle_all(&settlements).await else {
                    return; // Lost again; it begins anew.
                };
                for (settlement, answer) in settlements.iter().zip(&answers) {
                    if answer.is_ok() {
                        self.retold.fetch_add(1, Ordering::Relaxed);
                    } else {
                        self.backlog.keep(settlement);
                    }
                }
            }
        }
        let windows = self.retold.load(Ordering::Relaxed) - before;
        if windows > 0 {
            info!(windows, "Redis was told of every open window again");
        }
    }

    /// The oldest of what waits.
    async fn tell_some(&self) {
        let mut untold = Untold {
            backlog: &self.backlog,
            settlements: self.backlog.take(),
        };
        if let Ok(answers) = self.shared.settle_all(&untold.settlements).await {
            let mut answers = answers.iter();
            untold
                .settlements
                .retain(|_| answers.next().is_none_or(Result::is_err));
        }
        let must_wait = !untold.settlements.is_empty();
        drop(untold);
        if self.backlog.len() == 0 {
            info!("Redis was told what it had missed");
        }
        if must_wait {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Settlements that go back to the backlog unless Redis has taken them, even if the task panics meanwhile.
struct Untold<'a> {
    backlog: &'a Backlog,
    settlements: Vec<Settlement>,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        for settlement in &self.settlements {
            self.backlog.keep(settlement);
        }
    }
}

/// So many in one round trip, so that deliveries pass in between.
const TOLD_AT_ONCE: usize = 128;
const BEAT_EVERY: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
