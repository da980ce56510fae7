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

/// What was counted and is not written down yet.
#[derive(Debug, Default)]
pub struct Uses(Mutex<HashMap<SecretRef, Vec<VersionUse>>>);

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
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(versions) = counted.get_mut(secret) {
            merge(versions, one);
        } else if counted.len() < MAX_SECRETS {
            counted.insert(secret.clone(), vec![one]);
        }
    }

    fn take(&self) -> HashMap<SecretRef, Vec<VersionUse>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_back(&self, unwritten: HashMap<SecretRef, Vec<VersionUse>>) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (secret, versions) in unwritten {
            if counted.len() < MAX_SECRETS || counted.contains_key(&secret) {
                let known = counted.entry(secret).or_default();
                for one in versions {
                    merge(known, one);
                }
            }
        }
    }

    /// Writes what is counted to `store` until `shutdown`, and once more then.
    pub async fn keep(
        self: Arc<Self>,
        store: Arc<dyn SecretStore>,
        shutdown: watch::Receiver<bool>,
    ) {
        let mut ending = shutdown;
        loop {
            let ended = tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => false,
                _ = ending.changed() => true,
            };
            self.write(&*store).await;
            if ended {
                return;
            }
        }
    }

    async fn write(&self, store: &dyn SecretStore) {
        let counted = self.take();
        if counted.is_empty() {
            return;
        }
        let uses: Vec<(SecretRef, VersionUse)> = counted
            .iter()
            .flat_map(|(secret, versions)| versions.iter().map(|one| (secret.clone(), *one)))
            .collect();
        if let Err(error) = store.add_uses(&uses).await {
            warn!(%error, "what secrets were used for could not be written down; it is tried again");
            self.put_back(counted);
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
