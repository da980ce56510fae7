//! Who still uses which version of a secret: counted in memory, written down now and then.
//!
//! A rotation with an overlap ends well if nobody needs the old value any more. So every proof counts for
//! the version that made it. A process that is killed loses what it has counted in the last seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::warn;

use super::{SecretRef, SecretStore};
use crate::task::{Pulse, Task};

/// What was counted and is not written down yet.
#[derive(Debug, Default)]
pub struct Uses {
    counted: Mutex<Counted>,
    /// What the writer has taken and could not write yet. A writer that panics leaves it to the next one.
    unwritten: tokio::sync::Mutex<Counted>,
}

/// How often a version was used, and when last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VersionUse {
    /// The number of the version.
    pub version: u32,
    /// The deliveries that it has proven.
    pub deliveries: u64,
    /// When it proved the last one.
    pub last_used_at: Timestamp,
}

impl Uses {
    /// Counts a delivery that `version` of `secret` has proven.
    pub fn count(&self, secret: &SecretRef, version: u32, at: Timestamp) {
        let one = VersionUse {
            version,
            deliveries: 1,
            last_used_at: at,
        };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(versions) = counted.get_mut(secret) {
            merge(versions, one);
        } else if counted.len() < MAX_SECRETS {
            counted.insert(secret.clone(), vec![one]);
        }
    }

    fn take(&self) -> Counted {
        std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what is counted to `store`, again and again.
    pub async fn keep(
        self: Arc<Self>,
        store: Arc<dyn SecretStore>,
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
    pub const TASK: Task = Task::named("secret_uses").beats_within(WRITER_SILENCE);

    /// Writes what is counted and not written yet.
    pub async fn write_rest(&self, store: &dyn SecretStore) {
        self.write(store).await;
    }

    /// What cannot be written stays with the writer: deliveries that count are not held up by it.
    async fn write(&self, store: &dyn SecretStore) {
        let mut unwritten = self.unwritten.lock().await;
        take_in(&mut unwritten, self.take());
        let mut uses: Vec<(SecretRef, VersionUse)> = Vec::new();
        for (secret, versions) in unwritten.iter() {
            uses.extend(versions.iter().map(|one| (secret.clone(), *one)));
        }
        // In one order at every node, so that two of them never wait for each other.
        uses.sort_by(|(one, a), (other, b)| (one, a.version).cmp(&(other, b.version)));
        for batch in uses.chunks(BATCH) {
            if let Err(error) = store.add_uses(batch).await {
                warn!(%error, "what secrets were used for could not be written down; it is tried again");
                return;
            }
            for (secret, written) in batch {
                if let Some(versions) = unwritten.get_mut(secret) {
                    versions.retain(|one| one.version != written.version);
                    if versions.is_empty() {
                        unwritten.remove(secret);
                    }
                }
            }
        }
    }
}

type Counted = HashMap<SecretRef, Vec<VersionUse>>;

fn take_in(counted: &mut Counted, more: Counted) {
    for (secret, versions) in more {
        if counted.len() < MAX_SECRETS || counted.contains_key(&secret) {
            let known = counted.entry(secret).or_default();
            for one in versions {
                merge(known, one);
            }
        }
    }
}

fn merge(versions: &mut Vec<VersionUse>, one: VersionUse) {
    match versions
        .iter_mut()
        .find(|known| known.version == one.version)
    {
        Some(known) => {
            known.deliveries = known.deliveries.saturating_add(one.deliveries);
            known.last_used_at = known.last_used_at.max(one.last_used_at);
        }
        None => versions.push(one),
    }
}

/// More secrets than that are not counted before the next time that something is written.
const MAX_SECRETS: usize = 100_000;
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// A writer that has not come round for so long does not run.
const WRITER_SILENCE: Duration = Duration::from_mins(1);
/// A transaction of so many is over before anybody waits for it.
const BATCH: usize = 100;
