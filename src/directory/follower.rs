//! Follows what other processes change in the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::{Change, Directory, EndpointStore, Position};
use crate::secrets::{KeyCache, StoreError};

/// Keeps a directory and a key cache in step with the store.
pub struct Follower {
    every: Duration,
    store: Arc<dyn EndpointStore>,
    directory: Arc<Directory>,
    keys: Arc<KeyCache>,
    seen: Position,
    /// What was forgotten in the last round. It is forgotten once more in the next one, because a
    /// read that began before the change may have put the old value back in between.
    again: Stale,
    in_step: Arc<AtomicBool>,
}

impl Follower {
    /// Loads the directory, and follows from there, with a look at the store `every` so often.
    pub async fn start(
        every: Duration,
        store: Arc<dyn EndpointStore>,
        directory: Arc<Directory>,
        keys: Arc<KeyCache>,
    ) -> Result<Self, StoreError> {
        // The number comes first: what changes while the names are read is seen again.
        let seen = store.newest_change().await?;
        directory.load().await?;
        Ok(Self {
            every,
            store,
            directory,
            keys,
            seen,
            again: Stale::These(Vec::new()),
            in_step: Arc::new(AtomicBool::new(true)),
        })
    }

    /// Whether the last round succeeded.
    pub fn in_step(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.in_step)
    }

    /// Follows until `shutdown` turns true.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut rounds = tokio::time::interval(self.every);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*shutdown.borrow() {
            tokio::select! {
                _ = rounds.tick() => {}
                changed = shutdown.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
            let in_step = match self.round().await {
                Ok(()) => {
                    self.directory.lose_store(false);
                    true
                }
                Err(error) => {
                    // Nothing that is known is about the store that is there now.
                    let lost = error == StoreError::Replaced;
                    self.directory.lose_store(lost);
                    if lost {
                        self.keys.forget_all();
                    }
                    if self.in_step.load(Ordering::Relaxed) {
                        warn!(%error, "changes of the store cannot be followed");
                    }
                    false
                }
            };
            if self.in_step.swap(in_step, Ordering::Relaxed) != in_step && in_step {
                info!("changes of the store are followed again");
            }
        }
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        self.forget_all(&self.again).await?;
        let news = self.store.changes_since(self.seen).await?;
        let stale = news.changes.map_or(Stale::Everything, Stale::These);
        self.forget_all(&stale).await?;
        self.again = stale;
        self.seen = news.newest;
        Ok(())
    }

    async fn forget_all(&self, stale: &Stale) -> Result<(), StoreError> {
        match stale {
            Stale::Everything => {
                self.keys.forget_all();
                self.directory.forget_all().await
            }
            Stale::These(changes) => {
                for change in changes {
                    self.forget(change).await?;
                }
                Ok(())
            }
        }
    }

    async fn forget(&self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::Alias(path) => self.directory.forget_alias(path).await,
            Change::Endpoint(id) => self.directory.forget_endpoint(id).await,
            Change::Secret(secret) => {
                self.keys.forget(secret).await;
                Ok(())
            }
        }
    }
}

/// What may be out of date.
enum Stale {
    Everything,
    These(Vec<Change>),
}
