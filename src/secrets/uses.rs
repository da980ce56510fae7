//! How often, and when last, each version of a secret verified a delivery.
//!
//! A rotation can end when nobody uses the old value any more. Uses are counted in memory by the hour and written every
//! few seconds. A process that is killed loses the last seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::warn;

use super::{SecretRef, SecretStore};
use crate::clock::hour_of;
use crate::task::{Heartbeat, Task};

/// The uses that are not in the store yet.
#[derive(Debug, Default)]
pub struct UseCounter {
    counted: Mutex<UseCounts>,
    /// Uses that the writer has taken and not written. A writer that panics leaves them to the next one.
    unwritten: tokio::sync::Mutex<UseCounts>,
}

/// How often a version was used, and when last. Uses that are not written yet are those of one hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VersionUse {
    /// The number of the version.
    pub version: u32,
    /// The number of deliveries that it verified.
    pub deliveries: u64,
    /// When it verified the last one.
    pub last_used_at: Timestamp,
}

impl UseCounter {
    /// Counts a delivery that `version` of `secret` verified.
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

    /// Writes counted uses to `store` until `shutdown` becomes true.
    pub async fn run(
        self: Arc<Self>,
        store: Arc<dyn SecretStore>,
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
    pub const TASK: Task = Task::named("secret_uses").beats_within(WRITER_SILENCE);

    /// Writes every counted use. A failed batch stays for the next call, and deliveries never wait for the store.
    pub async fn flush(&self, store: &dyn SecretStore) {
        let mut unwritten = self.unwritten.lock().await;
        let counted =
            std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        merge_all(&mut unwritten, counted);
        let mut uses: Vec<(SecretRef, VersionUse)> = Vec::new();
        for (secret, versions) in unwritten.iter() {
            uses.extend(versions.iter().map(|one| (secret.clone(), *one)));
        }
        // All nodes write in the same order, so that their transactions cannot deadlock.
        uses.sort_by(|(one, a), (other, b)| {
            (one, a.version, a.last_used_at).cmp(&(other, b.version, b.last_used_at))
        });
        for batch in uses.chunks(BATCH) {
            if let Err(error) = store.add_uses(batch).await {
                warn!(%error, "the use of secrets could not be recorded; it is retried");
                return;
            }
            for (secret, written) in batch {
                if let Some(versions) = unwritten.get_mut(secret) {
                    versions.retain(|one| one != written);
                    if versions.is_empty() {
                        unwritten.remove(secret);
                    }
                }
            }
        }
    }
}

type UseCounts = HashMap<SecretRef, Vec<VersionUse>>;

fn merge_all(counted: &mut UseCounts, more: UseCounts) {
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
    let is_full = versions.len() >= MAX_HOURS;
    let mut of_version = versions
        .iter_mut()
        .filter(|known| known.version == one.version);
    // While the store is away for days, later uses count for an hour that is there already.
    let is_same = |known: &&mut VersionUse| {
        is_full || hour_of(known.last_used_at) == hour_of(one.last_used_at)
    };
    match of_version.find(is_same) {
        Some(known) => {
            known.deliveries = known.deliveries.saturating_add(one.deliveries);
            known.last_used_at = known.last_used_at.max(one.last_used_at);
        }
        None => versions.push(one),
    }
}

/// A flood of secrets must not fill the memory between two writes.
const MAX_SECRETS: usize = 100_000;
/// Hours of all versions of one secret.
const MAX_HOURS: usize = 64;
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// A writer that is silent for this long counts as not running.
const WRITER_SILENCE: Duration = Duration::from_mins(1);
/// Small enough that no other transaction waits long.
const BATCH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_one_version_add_up_and_keep_the_latest_time() {
        let one = |version, deliveries, second| VersionUse {
            version,
            deliveries,
            last_used_at: Timestamp::from_second(second).unwrap(),
        };
        let cases: [(&[VersionUse], &[VersionUse]); 5] = [
            (&[one(1, 1, 10)], &[one(1, 1, 10)]),
            (&[one(1, 1, 10), one(1, 2, 20)], &[one(1, 3, 20)]),
            // Two threads can count out of order.
            (&[one(1, 1, 20), one(1, 1, 10)], &[one(1, 2, 20)]),
            (
                &[one(1, 1, 10), one(2, 1, 15), one(1, 1, 30)],
                &[one(1, 2, 30), one(2, 1, 15)],
            ),
            (
                &[one(1, u64::MAX, 10), one(1, 2, 10)],
                &[one(1, u64::MAX, 10)],
            ),
        ];
        for (counted, expected) in cases {
            let mut versions = Vec::new();
            for version_use in counted {
                merge(&mut versions, *version_use);
            }
            assert_eq!(versions, expected, "{counted:?}");
        }
    }
}
