//! When tokens were last used: collected in memory and written every few seconds.
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
use crate::task::{Heartbeat, Task};

/// The uses that are not in the store yet.
#[derive(Debug, Default)]
pub struct TokenUses {
    used: Mutex<LastUses>,
    /// Uses that the writer has taken and not written. A writer that panics leaves them to the next one.
    unwritten: tokio::sync::Mutex<LastUses>,
}

type LastUses = HashMap<TokenId, Timestamp>;

impl TokenUses {
    /// Records that a token was used.
    pub fn note(&self, id: &TokenId, at: Timestamp) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut used, *id, at);
    }

    /// Writes recorded uses to `store` until `shutdown` becomes true.
    pub async fn run(
        self: Arc<Self>,
        store: Arc<dyn TokenStore>,
        mut shutdown: watch::Receiver<bool>,
        heartbeat: Heartbeat,
    ) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                // The shutdown calls the final write itself, after the last delivery.
                _ = shutdown.changed() => return,
            }
            self.flush(&*store).await;
            heartbeat.beat();
        }
    }

    /// The background task of [`keep`](Self::run).
    pub const TASK: Task = Task::named("token_uses").beats_within(WRITER_SILENCE);

    /// Writes every recorded use. A failed batch stays for the next call, and deliveries never wait for the store.
    pub async fn flush(&self, store: &dyn TokenStore) {
        let mut unwritten = self.unwritten.lock().await;
        let noted = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, at) in noted {
            put(&mut unwritten, id, at);
        }
        // All nodes write in the same order, so that their transactions cannot deadlock.
        let mut uses: Vec<(TokenId, Timestamp)> =
            unwritten.iter().map(|(id, at)| (*id, *at)).collect();
        uses.sort_unstable();
        for batch in uses.chunks(BATCH) {
            if let Err(error) = store.add_token_uses(batch).await {
                warn!(%error, "the use of tokens could not be recorded; it is retried");
                return;
            }
            for (id, _) in batch {
                unwritten.remove(id);
            }
        }
    }
}

fn put(used: &mut LastUses, id: TokenId, at: Timestamp) {
    if used.len() < MAX_TOKENS || used.contains_key(&id) {
        let last = used.entry(id).or_insert(at);
        *last = at.max(*last);
    }
}

/// A flood of tokens must not fill the memory between two writes.
const MAX_TOKENS: usize = 100_000;
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// A writer that is silent for this long counts as not running.
const WRITER_SILENCE: Duration = Duration::from_mins(1);
/// Small enough that no other transaction waits long.
const BATCH: usize = 100;
