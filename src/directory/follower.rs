//! Follows the changes of the store and invalidates the caches.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{info, warn};

use super::store_health::{FOLLOWER_SILENCE, StoreState};
use super::{Change, ChangeNotifier, Directory, EndpointStore, Position};
use crate::secrets::{KeyCache, StoreError};
use crate::task::{Heartbeat, Task, Tasks};
use crate::tokens::TokenCache;

/// Keeps the directory, the key cache and the token cache in step with the store.
pub struct Follower {
    pace: FollowerSettings,
    store: Arc<dyn EndpointStore>,
    directory: Arc<Directory>,
    keys: Arc<KeyCache>,
    tokens: Arc<TokenCache>,
    notifier: Option<Arc<ChangeNotifier>>,
    /// Where the first run starts. A later run starts at the current end and invalidates everything, because it
    /// cannot know how far the run before it got.
    first: Mutex<Option<FollowerPosition>>,
}

/// How far the changes were read.
struct FollowerPosition {
    seen: Position,
    /// What the last round invalidated. It is invalidated once more, because a read that began before the change may
    /// have stored the old value in between.
    repeat: StaleNames,
}

/// How often the store is polled, and how long an outage is tolerated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FollowerSettings {
    /// The polling interval.
    pub every: Duration,
    /// How long known endpoints are served while the store does not answer.
    pub grace: Duration,
}

impl Follower {
    /// Loads the directory and starts there.
    pub async fn start(
        pace: FollowerSettings,
        store: Arc<dyn EndpointStore>,
        directory: Arc<Directory>,
        keys: Arc<KeyCache>,
        tokens: Arc<TokenCache>,
        tasks: &Tasks,
    ) -> Result<Self, StoreError> {
        // The position is read first, so changes during the load are read again.
        let seen = store.newest_change().await?;
        directory.load().await?;
        directory.health().follow(pace.grace, tasks.clone());
        let first = FollowerPosition {
            seen,
            repeat: StaleNames::Changes(Vec::new()),
        };
        Ok(Self {
            pace,
            notifier: store.change_notifier(tasks),
            store,
            directory,
            keys,
            tokens,
            first: Mutex::new(Some(first)),
        })
    }

    /// The background task of [`run`](Self::run).
    pub const TASK: Task = Task::named("follower")
        .beats_within(FOLLOWER_SILENCE)
        .essential();

    /// Follows until `shutdown` becomes true. It may be called again after a panic.
    pub async fn run(self: Arc<Self>, mut shutdown: watch::Receiver<bool>, heartbeat: Heartbeat) {
        let mut place = self.first.lock().take();
        while !*shutdown.borrow() {
            tokio::select! {
                () = self.wait_for_round(place.as_ref()) => {}
                changed = shutdown.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
            let began = self.directory.health().now_ms();
            match self.round(place.as_ref()).await {
                Ok(next) => {
                    place = Some(next);
                    self.record_round(began);
                }
                Err(error) => self.record_failure(&error),
            }
            self.directory.health().round_ended();
            heartbeat.beat();
        }
    }

    /// Waits for the polling interval or for a notification of the store.
    async fn wait_for_round(&self, place: Option<&FollowerPosition>) {
        let Some(place) = place else {
            return tokio::time::sleep(self.pace.every).await;
        };
        let Some(notifier) = &self.notifier else {
            return tokio::time::sleep(self.pace.every).await;
        };
        let is_settled =
            matches!(&place.repeat, StaleNames::Changes(changes) if changes.is_empty());
        let wait = if notifier.is_listening() && is_settled && self.state() == StoreState::InStep {
            self.pace.every.max(NOTIFIED_INTERVAL)
        } else {
            self.pace.every
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = notifier.notified() => {}
        }
    }

    fn state(&self) -> StoreState {
        self.directory.health().get()
    }

    fn record_round(&self, began: u64) {
        self.directory.health().complete_round(began);
        if self.directory.set_health(StoreState::InStep) != StoreState::InStep {
            info!("the store answers again: its changes are followed");
        }
    }

    fn record_failure(&self, error: &StoreError) {
        let health = if *error == StoreError::Replaced {
            StoreState::Replaced
        } else if self.directory.health().behind_for() < self.pace.grace {
            StoreState::Behind
        } else {
            StoreState::Expired
        };
        if health == StoreState::Replaced {
            // Every cached entry describes another store.
            self.keys.forget_all();
            self.tokens.forget_all();
        }
        if self.directory.set_health(health) == health {
            return;
        }
        match health {
            StoreState::InStep => {}
            StoreState::Behind => warn!(
                %error,
                grace = ?self.pace.grace,
                "the store does not answer: known endpoints are served, others get 503"
            ),
            StoreState::Expired => warn!(
                %error,
                grace = ?self.pace.grace,
                "the store has not answered for longer than the grace time: every delivery gets 503"
            ),
            StoreState::Replaced => warn!(%error, "changes of the store cannot be followed"),
        }
    }

    /// Invalidates what has changed since `place`, and returns the next place.
    async fn round(
        &self,
        place: Option<&FollowerPosition>,
    ) -> Result<FollowerPosition, StoreError> {
        let Some(place) = place else {
            let seen = self.store.newest_change().await?;
            self.forget_all(&StaleNames::Everything).await?;
            return Ok(FollowerPosition {
                seen,
                repeat: StaleNames::Everything,
            });
        };
        self.forget_all(&place.repeat).await?;
        let found = self.store.changes_since(place.seen).await?;
        let stale = found
            .changes
            .map_or(StaleNames::Everything, StaleNames::Changes);
        self.forget_all(&stale).await?;
        Ok(FollowerPosition {
            seen: found.newest,
            repeat: stale,
        })
    }

    async fn forget_all(&self, stale: &StaleNames) -> Result<(), StoreError> {
        match stale {
            StaleNames::Everything => {
                self.keys.forget_all();
                self.tokens.forget_all();
                let forgotten = self.directory.forget_all().await;
                self.directory.changed();
                forgotten
            }
            StaleNames::Changes(changes) => {
                for change in changes {
                    self.forget(change).await?;
                }
                Ok(())
            }
        }
    }

    async fn forget(&self, change: &Change) -> Result<(), StoreError> {
        let forgotten = match change {
            Change::Alias(path) => self.directory.forget_alias(path).await,
            Change::Endpoint(id) => self.directory.forget_endpoint(id).await,
            Change::Secret(secret) => {
                self.keys.forget(secret).await;
                Ok(())
            }
            Change::Token(id) => {
                self.tokens.forget(id).await;
                Ok(())
            }
        };
        // Deliveries in progress must check their endpoint and keys again.
        self.directory.changed();
        forgotten
    }
}

/// What may be out of date.
enum StaleNames {
    Everything,
    Changes(Vec<Change>),
}

/// The polling interval while notifications work. It bounds the delay of a lost notification to less than a second.
const NOTIFIED_INTERVAL: Duration = Duration::from_millis(800);
