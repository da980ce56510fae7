//! When tokens were last used: kept in memory, written down now and then, as what secrets are used for.
//!
//! A process that is killed loses the last seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::warn;

use super::TokenStore;
use crate::auth::TokenId;

/// What was used and is not written down yet.
#[derive(Debug, Default)]
pub struct TokenUses(Mutex<Used>);

type Used = HashMap<TokenId, Timestamp>;

impl TokenUses {
    /// Notes that a token was used.
    pub fn note(&self, id: &TokenId, at: Timestamp) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut used, *id, at);
    }

    /// Writes what is noted to `store`, again and again.
    pub async fn keep(
        self: Arc<Self>,
        store: Arc<dyn TokenStore>,
        shutdown: watch::Receiver<bool>,
    ) {
        let (mut ending, mut unwritten) = (shutdown, Used::new());
        loop {
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                _ = ending.changed() => break,
            }
            self.write(&*store, &mut unwritten).await;
        }
        // Whoever ends the process writes the rest, when the last delivery is through.
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, at) in unwritten {
            put(&mut used, id, at);
        }
    }

    /// Writes what is noted and not written yet.
    pub async fn write_rest(&self, store: &dyn TokenStore) {
        self.write(store, &mut Used::new()).await;
    }

    /// What cannot be written stays with the writer: deliveries that are noted are not held up by it.
    async fn write(&self, store: &dyn TokenStore, unwritten: &mut Used) {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, at) in noted {
            put(unwritten, id, at);
        }
        // In one order at every node, so that two of them never wait for each other.
        let mut uses: Vec<(TokenId, Timestamp)> = unwritten.drain().collect();
        uses.sort_unstable();
        for (position, batch) in uses.chunks(BATCH).enumerate() {
            if let Err(error) = store.add_token_uses(batch).await {
                warn!(%error, "when tokens were used could not be written down; it is tried again");
                unwritten.extend(uses.iter().skip(position * BATCH).copied());
                return;
            }
        }
    }
}

fn put(used: &mut Used, id: TokenId, at: Timestamp) {
    if used.len() < MAX_TOKENS || used.contains_key(&id) {
        let last = used.entry(id).or_insert(at);
        *last = at.max(*last);
    }
}

/// More tokens than that are not noted before the next time that something is written.
const MAX_TOKENS: usize = 100_000;
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// A transaction of so many is over before anybody waits for it.
const BATCH: usize = 100;
