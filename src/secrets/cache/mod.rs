//! The key cache: prepared keys for deliveries.
//!
//! A hot secret costs a delivery one look-up. A cold one is read and decrypted once, however many deliveries wait for it,
//! and whether or not they stay. Entries are bounded in number, expire, and are zeroed on drop.
//!
//! ```text
//! entry.rs    what is known about a secret, and what a delivery does: use, refresh, wait or refuse
//! load.rs     one load: reads the store, retries after a concurrent change
//! opener.rs   decrypts the valid versions, or falls back to values that were decrypted before
//! flight.rs   single-flight loads and background refreshes
//! health.rs   whether the key service answers
//! stats.rs    counters
//! ```
//!
//! After a change of a secret, the store is read before the secret is used again, and only the versions in the store are
//! valid. Values that were decrypted before are reused for them. A change therefore costs few calls, and a change during an
//! outage of the key service ends only what it was meant to end.

mod entry;
mod flight;
mod health;
mod load;
mod opener;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use moka::future::Cache;
use tokio::sync::watch;

use self::entry::{CacheDecision, CacheEntry, Content, LoadResult, Stamp};
use self::flight::Flights;
use self::load::Loader;
pub use self::stats::CacheStats;
use super::{
    ExpectationWindow, KeyService, KeyServiceError, Secret, SecretRef, SecretStore,
    SignedChallenges, StoreError, UseCounter, VaultError,
};
use crate::audit::Actor;
use crate::auth::{KeyForm, KeyRing, SecretError};
use crate::clock::Clock;
use crate::task::{Heartbeat, Task, Tasks};

/// The keys that deliveries are judged by.
pub struct KeyCache {
    cache: Cache<SecretRef, Arc<CacheEntry>>,
    flights: Flights,
    loader: Arc<Loader>,
    uses: Arc<UseCounter>,
}

impl KeyCache {
    /// An empty cache.
    pub fn new(
        settings: CacheSettings,
        store: Arc<dyn SecretStore>,
        service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let loader = Arc::new(Loader::new(settings, store, service, clock));
        Self {
            cache: Cache::builder()
                .max_capacity(settings.capacity)
                // An older entry may not be used any more. An entry in use is refreshed before.
                .time_to_idle(settings.time_to_live.saturating_add(settings.grace))
                .build(),
            flights: Flights::new(settings.refreshes, Arc::clone(&loader)),
            loader,
            uses: Arc::default(),
        }
    }

    /// Reports the state of loads to `tasks`.
    #[must_use]
    pub fn reporting_to(mut self, tasks: Tasks) -> Self {
        self.flights.report_to(tasks);
        self
    }

    /// The key ring of a secret. It fails unless every valid version is available.
    pub async fn keys(&self, address: &KeyAddress) -> Result<Arc<KeyRing>, KeyError> {
        let keys = self.available_keys(address).await?;
        keys.missing_key.map_or(Ok(keys.ring), Err)
    }

    /// The key ring of a secret with the versions that are available. There is at least one.
    pub async fn available_keys(&self, address: &KeyAddress) -> Result<Keys, KeyError> {
        let entry = self.entry(&address.secret).await;
        for waits in 0..MAX_WAITS {
            let result = entry
                .result()
                .filter(|result| result.is_about(self.stamp(&entry)));
            let mut usage = result.as_ref().map_or(CacheDecision::Load, |result| {
                result.usage(self.loader.times())
            });
            if waits == 0 {
                self.stats().count(usage);
            } else if usage == CacheDecision::Load
                && let Some(result) = &result
            {
                // The load took as long as the TTL. The deliveries that waited for it may use the result once.
                usage = result.once();
            }
            if usage == CacheDecision::Load {
                self.flights.wait(&address.secret, &entry).await;
                continue;
            }
            if matches!(
                usage,
                CacheDecision::Refresh | CacheDecision::GraceAndRefresh
            ) {
                self.flights.refresh(&address.secret, &entry);
            }
            if let Some(result) = result {
                return self.keys_from(&result, usage, &address.form);
            }
        }
        // The secret changes faster than it can be read.
        Err(StoreError::Conflict(address.secret.to_string()).into())
    }

    /// Binds a secret to the value that its provider sent in a challenge: see [`Vault::bind`](super::Vault::bind).
    pub async fn bind(
        &self,
        secret: &SecretRef,
        value: &Secret,
        window: &ExpectationWindow,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        let version = self
            .loader
            .vault()
            .bind(secret, value, window, actor)
            .await?;
        // The first delivery of the provider must not wait for the follower.
        self.forget(secret).await;
        Ok(version)
    }

    /// Invalidates a secret: the store is read before it is used again.
    pub async fn forget(&self, secret: &SecretRef) {
        let cached = self.cache.get(secret).await;
        for entry in cached.into_iter().chain(self.flights.entry(secret)) {
            entry.invalidate();
        }
    }

    /// Invalidates every secret.
    pub fn forget_all(&self) {
        self.loader.invalidate_all();
    }

    /// Drops expired entries while the gate is idle, so that their values are zeroed in time.
    pub async fn run_eviction(
        self: Arc<Self>,
        mut shutdown: watch::Receiver<bool>,
        heartbeat: Heartbeat,
    ) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(TIDY_EVERY) => self.cache.run_pending_tasks().await,
                _ = shutdown.changed() => return,
            }
            heartbeat.beat();
        }
    }

    /// The background task of [`run_eviction`](Self::run_eviction).
    pub const TASK: Task = Task::named("secret_cache")
        .beats_within(TIDY_SILENCE)
        .essential();

    /// The use counters that were not written yet.
    pub fn uses(&self) -> &Arc<UseCounter> {
        &self.uses
    }

    /// The counters, for metrics.
    pub fn stats(&self) -> &Arc<CacheStats> {
        self.loader.stats()
    }

    async fn entry(&self, secret: &SecretRef) -> Arc<CacheEntry> {
        if let Some(entry) = self.cache.get(secret).await {
            return entry;
        }
        // A full cache may have dropped the entry of a load that is still in progress.
        if let Some(entry) = self.flights.entry(secret) {
            return entry;
        }
        self.cache
            .get_with_by_ref(secret, async { Arc::default() })
            .await
    }

    fn stamp(&self, entry: &CacheEntry) -> Stamp {
        entry.stamp(self.loader.epoch())
    }

    fn keys_from(
        &self,
        result: &LoadResult,
        usage: CacheDecision,
        form: &KeyForm,
    ) -> Result<Keys, KeyError> {
        let failure = result.failure.as_ref().map(|failure| failure.error.clone());
        match (&result.content, failure) {
            (_, Some(error)) if usage == CacheDecision::Refuse => Err(error),
            (Content::Bound(bound), failure) => {
                let missing_key = failure.filter(|_| bound.is_incomplete);
                let ended = bound
                    .until
                    .is_some_and(|until| until <= self.loader.clock().now());
                match missing_key {
                    Some(error) if ended => Err(error),
                    missing_key => Ok(Keys {
                        ring: bound.secret.keys(form)?,
                        challenges: bound.secret.challenges().cloned(),
                        missing_key,
                        until: bound.until,
                    }),
                }
            }
            (Content::Unbound, _) => Err(KeyError::Unbound),
            (Content::Nothing, Some(error)) => Err(error),
            (Content::Nothing, None) => {
                Err(StoreError::Unavailable("the secret was never loaded".to_owned()).into())
            }
        }
    }
}

/// The available keys of a secret.
pub struct Keys {
    /// The keys, prepared for the requested form.
    pub ring: Arc<KeyRing>,
    /// The challenges that were signed with these keys, if any.
    pub challenges: Option<Arc<SignedChallenges>>,
    /// Why a valid version is missing, if one is. A delivery that no available key verifies may still be genuine
    /// then.
    pub missing_key: Option<KeyError>,
    /// When these keys expire, if the current version is not among them.
    pub until: Option<Timestamp>,
}

/// A secret and the form of key that is needed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyAddress {
    /// The address of the secret.
    pub secret: SecretRef,
    /// What its key is prepared for.
    pub form: KeyForm,
}

/// The limits of a [`KeyCache`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheSettings {
    /// The maximum number of secrets.
    pub capacity: u64,
    /// How long a decrypted value is used before it must be decrypted again.
    pub time_to_live: Duration,
    /// How much longer it is used while the key service or the store is down.
    pub grace: Duration,
    /// The maximum number of concurrent refreshes.
    pub refreshes: usize,
}

/// A key that is not available.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key service failed.
    #[error(transparent)]
    Service(#[from] KeyServiceError),

    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// The secret has no value.
    #[error("no secret is bound")]
    Unbound,

    /// The value is not a key for the scheme.
    #[error(transparent)]
    Unusable(#[from] SecretError),
}

/// One for a load that began before a change, one for the change, and two more for further changes.
const MAX_WAITS: usize = 4;
const TIDY_EVERY: Duration = Duration::from_secs(30);
const TIDY_SILENCE: Duration = Duration::from_mins(3);
