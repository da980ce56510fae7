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
use crate::task::{Pulse, Task};

/// What was used and is not written down yet.
#[derive(Debug, Default)]
pub struct TokenUses {
    used: Mutex<Used>,
    /// What the writer has taken and could not write yet. A writer that panics leaves it to the next one.
    unwritten: tokio::sync::Mutex<Used>,
}

type Used = HashMap<TokenId, Timestamp>;

impl TokenUses {
    /// Notes that a token was used.
    pub fn note(&self, id: &TokenId, at: Timestamp) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut used, *id, at);
    }

    /// Writes what is noted to `store`, again and again.
    pub async fn keep(
        self: Arc<Self>,
        store: Arc<dyn TokenStore>,
        mut shutdown: watch::Receiver<bool>,
        pulse: Pulse,
    ) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                // Whoever ends the process writes the rest, when the last delivery is through.
                _ = shutdown.changed() => return,
            }
            self.write(&*store).await;
            pulse.beat();
        }
    }

    /// The task that [`keep`](Self::keep) is.
    pub const TASK: Task = Task::named("token_uses").beats_within(WRITER_SILENCE);

    /// Writes what is noted and not written yet.
    pub async fn write_rest(&self, store: &dyn TokenStore) {
        self.write(store).await;
    }

    /// What cannot be written stays with the writer: deliveries that are noted are not held up by it.
    async fn write(&self, store: &dyn TokenStore) {
        let mut unwritten = self.unwritten.lock().await;
        let noted = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, at) in noted {
            put(&mut unwritten, id, at);
        }
        // In one order at every node, so that two of them never wait for each other.
        let mut uses: Vec<(TokenId, Timestamp)> =
            unwritten.iter().map(|(id, at)| (*id, *at)).collect();
        uses.sort_unstable();
        for batch in uses.chunks(BATCH) {
            if let Err(error) = store.add_token_uses(batch).await {
                warn!(%error, "when tokens were used could not be written down; it is tried again");
                return;
            }
            for (id, _) in batch {
                unwritten.remove(id);
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
/// A writer that has not come round for so long does not run.
const WRITER_SILENCE: Duration = Duration::from_mins(1);
/// A transaction of so many is over before anybody waits for it.
const BATCH: usize = 100;
