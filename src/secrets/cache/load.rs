//! A load: the store is read, the versions that count are opened, and what is known begins there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::health::tell;
use super::pause::between;
use super::seen::{Found, Mark, Seen, Slot, Times};
use super::work::{Work, trouble};
use super::{CacheSettings, CacheStats};
use crate::clock::{Clock, Stopwatch};
use crate::secrets::open::OpenVersion;
use crate::secrets::{KeyService, SealedVersion, SecretRef, SecretStore, StoreError, Vault};

/// Loads secrets.
pub(super) struct Loader {
    times: Times,
    store: Arc<dyn SecretStore>,
    service: Arc<dyn KeyService>,
    clock: Arc<dyn Clock>,
    stats: Arc<CacheStats>,
    epoch: AtomicU64,
    store_reads: Semaphore,
}

impl Loader {
    pub(super) fn new(
        settings: CacheSettings,
        store: Arc<dyn SecretStore>,
        service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            times: Times {
                to_live: settings.time_to_live,
                grace: settings.grace,
            },
            store,
            service,
            clock,
            stats: Arc::default(),
            epoch: AtomicU64::new(0),
            store_reads: Semaphore::new(STORE_READS),
        }
    }

    pub(super) fn times(&self) -> Times {
        self.times
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn stats(&self) -> &Arc<CacheStats> {
        &self.stats
    }

    pub(super) fn vault(&self) -> Vault {
        let (store, service) = (Arc::clone(&self.store), Arc::clone(&self.service));
        Vault::new(store, service, Arc::clone(&self.clock))
    }

    /// How often everything has changed.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    pub(super) fn doubt_everything(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads and opens the versions of `secret` that count.
    pub(super) async fn load(&self, secret: &SecretRef, slot: &Slot) -> Seen {
        let before = slot.seen();
        let mut kept = before
            .as_ref()
            .map_or_else(Vec::new, |seen| seen.kept.clone());
        let mut attempts = 0;
        let seen = loop {
            // What changes while the store and the key service are asked is seen by this.
            let mark = slot.mark(self.epoch());
            let seen = match self.read(secret).await {
                Ok(versions) => {
                    let work = Work {
                        service: &*self.service,
                        stats: &self.stats,
                        times: self.times,
                        refresh_after: self.refresh_after(),
                        now: self.clock.now(),
                        secret,
                        before: before.as_deref(),
                    };
                    work.open(&versions, kept, mark).await
                }
                Err(error) => self.without_store(error, before.as_deref(), kept, mark),
            };
            attempts += 1;
            if slot.mark(self.epoch()) == mark || attempts == MAX_ATTEMPTS {
                break seen;
            }
            kept = seen.kept;
        };
        let error = |seen: &Seen| seen.trouble.as_ref().map(|trouble| trouble.error.clone());
        let error_before = before.as_deref().and_then(error);
        tell(secret, error_before.as_ref(), error(&seen).as_ref());
        seen
    }

    /// What is known when a load ended without a result.
    pub(super) fn failed(&self, cause: &dyn std::fmt::Display, slot: &Slot) -> Seen {
        let before = slot.seen();
        let kept = before.as_ref().map_or_else(Vec::new, |it| it.kept.clone());
        let error = StoreError::Unavailable(format!("the load failed: {cause}"));
        // The secret may have changed since: then nothing is known of it.
        let mark = slot.mark(self.epoch());
        self.without_store(error, before.as_deref(), kept, mark)
    }

    async fn read(&self, secret: &SecretRef) -> Result<Vec<SealedVersion>, StoreError> {
        let reading = async {
            // The semaphore is never closed.
            let _permit = self.store_reads.acquire().await;
            self.store.versions(secret).await
        };
        // Deliveries wait for it. While a store hangs there would be no end of them.
        let read = tokio::time::timeout(STORE_PATIENCE, reading).await;
        read.unwrap_or_else(|_| Err(StoreError::Unavailable("too many wait for it".to_owned())))
    }

    /// What is known stays known while the store is away, unless it is known to have changed.
    fn without_store(
        &self,
        error: StoreError,
        before: Option<&Seen>,
        mut kept: Vec<Arc<OpenVersion>>,
        mark: Mark,
    ) -> Seen {
        let is_away = matches!(error, StoreError::Unavailable(_));
        let longest = self.times.to_live + self.times.grace;
        kept.retain(|version| is_away && version.opened.elapsed() < longest);
        let known = before.filter(|seen| is_away && !kept.is_empty() && seen.is_about(mark));
        let (found, since) = match known {
            Some(seen) if matches!(seen.found, Found::Bound(_)) => (seen.found.clone(), seen.since),
            _ => (Found::Nothing, Stopwatch::start()),
        };
        Seen {
            mark,
            found,
            trouble: Some(trouble(error.into(), true, before, mark)),
            since,
            refresh_after: self.refresh_after(),
            kept,
        }
    }

    fn refresh_after(&self) -> Duration {
        between(self.times.to_live / 2, self.times.to_live.mul_f64(0.9))
    }
}

/// Reads of the store that may be under way at once; the store itself has as many readers.
const STORE_READS: usize = 4;
/// A secret that changes more often while it is loaded is read again by the next delivery.
const MAX_ATTEMPTS: usize = 3;
/// Longer than a read takes, with those before it; shorter than a sender waits.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
