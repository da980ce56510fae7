//! A load: reads the store, decrypts the valid versions, and records the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::entry::{CacheEntry, CacheTimes, Content, LoadResult, Stamp};
use super::health::log_change;
use super::opener::{Opener, between, failure};
use super::{CacheSettings, CacheStats};
use crate::clock::{Clock, Stopwatch};
use crate::secrets::open::OpenVersion;
use crate::secrets::{KeyService, SecretRef, SecretStore, StoreError, StoredVersion, Vault};

/// Loads secrets from the store and the key service.
pub(super) struct Loader {
    times: CacheTimes,
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
            times: CacheTimes {
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

    pub(super) fn times(&self) -> CacheTimes {
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

    /// The number of invalidations of all secrets.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    pub(super) fn invalidate_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads the valid versions of `secret` and decrypts them.
    pub(super) async fn load(&self, secret: &SecretRef, entry: &CacheEntry) -> LoadResult {
        let before = entry.result();
        let mut carried = before
            .as_ref()
            .map_or_else(Vec::new, |result| result.opened.clone());
        let mut attempts = 0;
        let result = loop {
            // A change during the load is detected by this stamp.
            let stamp = entry.stamp(self.epoch());
            let result = match self.read(secret).await {
                Ok(versions) => {
                    let opener = Opener {
                        service: &*self.service,
                        stats: &self.stats,
                        times: self.times,
                        refresh_after: self.refresh_after(),
                        now: self.clock.now(),
                        secret,
                        before: before.as_deref(),
                    };
                    opener.open(&versions, &carried, stamp).await
                }
                Err(error) => self.without_store(error, before.as_deref(), carried, stamp),
            };
            attempts += 1;
            if entry.stamp(self.epoch()) == stamp || attempts == MAX_ATTEMPTS {
                break result;
            }
            carried = result.opened;
        };
        let error =
            |result: &LoadResult| result.failure.as_ref().map(|failure| failure.error.clone());
        let error_before = before.as_deref().and_then(error);
        log_change(secret, error_before.as_ref(), error(&result).as_ref());
        result
    }

    /// The result of a load that panicked.
    pub(super) fn failed(&self, cause: &dyn std::fmt::Display, entry: &CacheEntry) -> LoadResult {
        let before = entry.result();
        let opened = before
            .as_ref()
            .map_or_else(Vec::new, |it| it.opened.clone());
        let error = StoreError::Unavailable(format!("the load failed: {cause}"));
        // The secret may have changed since. The current stamp makes earlier results invalid then.
        let stamp = entry.stamp(self.epoch());
        self.without_store(error, before.as_deref(), opened, stamp)
    }

    async fn read(&self, secret: &SecretRef) -> Result<Vec<StoredVersion>, StoreError> {
        let reading = async {
            // The semaphore is never closed.
            let _permit = self.store_reads.acquire().await;
            self.store.versions(secret).await
        };
        // Deliveries wait for this. Without the timeout they would pile up while the store hangs.
        let read = tokio::time::timeout(STORE_PATIENCE, reading).await;
        read.unwrap_or_else(|_| Err(StoreError::Unavailable("the read timed out".to_owned())))
    }

    /// The result while the store is down. Earlier values stay valid unless the secret is known to have changed.
    fn without_store(
        &self,
        error: StoreError,
        before: Option<&LoadResult>,
        mut opened: Vec<Arc<OpenVersion>>,
        stamp: Stamp,
    ) -> LoadResult {
        let is_down = matches!(error, StoreError::Unavailable(_));
        let longest = self.times.to_live + self.times.grace;
        opened.retain(|version| is_down && version.opened.elapsed() < longest);
        let known = before.filter(|result| is_down && !opened.is_empty() && result.is_about(stamp));
        let (content, since) = match known {
            Some(result) if matches!(result.content, Content::Bound(_)) => {
                (result.content.clone(), result.since)
            }
            _ => (Content::Nothing, Stopwatch::start()),
        };
        LoadResult {
            stamp,
            content,
            failure: Some(failure(error.into(), true, before, stamp)),
            since,
            refresh_after: self.refresh_after(),
            opened,
        }
    }

    fn refresh_after(&self) -> Duration {
        between(self.times.to_live / 2, self.times.to_live.mul_f64(0.9))
    }
}

/// Concurrent reads of the store: as many as the store has readers.
const STORE_READS: usize = 4;
/// A secret that changes more often during a load is read again by the next delivery.
const MAX_ATTEMPTS: usize = 3;
/// Longer than a read with a queue, shorter than a sender waits.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
