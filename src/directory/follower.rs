//! Follows what other processes change in the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::standing::Standing;
use super::{Bell, Change, Directory, EndpointStore, Position};
use crate::clock::Stopwatch;
use crate::secrets::{KeyCache, StoreError};
use crate::tokens::TokenCache;

/// Keeps a directory, a key cache and a cache of tokens in step with the store.
pub struct Follower {
    pace: Pace,
    store: Arc<dyn EndpointStore>,
    directory: Arc<Directory>,
    keys: Arc<KeyCache>,
    tokens: Arc<TokenCache>,
    seen: Position,
    /// What was forgotten in the last round. It is forgotten once more in the next one, because a
    /// read that began before the change may have put the old value back in between.
    again: Stale,
    bell: Option<Arc<Bell>>,
    in_step: Stopwatch,
}

/// How often a store is asked, and how long it need not answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// The time between two looks at what has changed.
    pub every: Duration,
    /// How long known endpoints go on while the store does not answer.
    pub grace: Duration,
}

impl Follower {
    /// Loads the directory, and follows from there.
    pub async fn start(
        pace: Pace,
        store: Arc<dyn EndpointStore>,
        directory: Arc<Directory>,
        keys: Arc<KeyCache>,
        tokens: Arc<TokenCache>,
    ) -> Result<Self, StoreError> {
        // The number comes first: what changes while the names are read is seen again.
        let seen = store.newest_change().await?;
        directory.load().await?;
        Ok(Self {
            pace,
            bell: store.bell(),
            store,
            directory,
            keys,
            tokens,
            seen,
            again: Stale::These(Vec::new()),
            in_step: Stopwatch::start(),
        })
    }

    /// Follows until `shutdown` turns true.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            tokio::select! {
                () = self.worth_looking() => {}
                changed = shutdown.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
            match self.round().await {
                Ok(()) => self.answered(),
                Err(error) => self.unanswered(&error),
            }
        }
    }

    /// Waits until it is time, or until the store says that something has changed.
    async fn worth_looking(&self) {
        let Some(bell) = &self.bell else {
            return tokio::time::sleep(self.pace.every).await;
        };
        let at_rest = matches!(&self.again, Stale::These(changes) if changes.is_empty());
        let wait = if bell.is_heard() && at_rest && self.standing() == Standing::InStep {
            self.pace.every.max(SAFETY_NET)
        } else {
            self.pace.every
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = bell.rung() => {}
        }
    }

    fn standing(&self) -> Standing {
        self.directory.standing().get()
    }

    fn answered(&mut self) {
        self.in_step = Stopwatch::start();
        if self.directory.stand(Standing::InStep) != Standing::InStep {
            info!("the store answers again: its changes are followed");
        }
    }

    fn unanswered(&mut self, error: &StoreError) {
        let standing = if *error == StoreError::Replaced {
            Standing::Replaced
        } else if self.in_step.elapsed() < self.pace.grace {
            Standing::Behind
        } else {
            Standing::Expired
        };
        if standing == Standing::Replaced {
            // Nothing that is known is about the store that is there now.
            self.keys.forget_all();
            self.tokens.forget_all();
        }
        if self.directory.stand(standing) == standing {
            return;
        }
        match standing {
            Standing::InStep => {}
            Standing::Behind => warn!(
                %error,
                grace = ?self.pace.grace,
                "the store does not answer: known endpoints go on, others get 503"
            ),
            Standing::Expired => warn!(
                %error,
                grace = ?self.pace.grace,
                "the store has not answered for longer than the grace time: every delivery gets 503"
            ),
            Standing::Replaced => warn!(%error, "changes of the store cannot be followed"),
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
                self.tokens.forget_all();
                let forgotten = self.directory.forget_all().await;
                self.directory.changed();
                forgotten
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
        // Deliveries under way went by what was known before: they look again.
        self.directory.changed();
        forgotten
    }
}

/// What may be out of date.
enum Stale {
    Everything,
    These(Vec<Change>),
}

/// The time between two looks where the store says by itself when one is due: short enough for a change to
/// be in force within a second even if it does not.
const SAFETY_NET: Duration = Duration::from_millis(800);
