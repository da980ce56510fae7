//! Keys, ready for deliveries.
//!
//! A hot secret costs a delivery one look-up. A cold one is read and decrypted once, however many
//! deliveries wait for it. What is cached is bounded in number, expires, and is zeroed when it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::open::OpenSecret;
use super::{
    EncryptionContext, KeyService, KeyServiceError, SealedVersion, Secret, SecretRef, SecretStore,
    StoreError, Uses, Vault, VaultError, Window,
};
use crate::audit::Actor;
use crate::auth::{KeyForm, KeyRing, UnusableSecret};
use crate::clock::Clock;

/// The keys that deliveries are judged by.
pub struct KeyCache {
    cache: Cache<SecretRef, Entry>,
    store: Arc<dyn SecretStore>,
    service: Arc<dyn KeyService>,
    clock: Arc<dyn Clock>,
    stats: Arc<CacheStats>,
    uses: Arc<Uses>,
}

impl KeyCache {
    /// An empty cache.
    pub fn new(
        settings: CacheSettings,
        store: Arc<dyn SecretStore>,
        service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            cache: Cache::builder()
                .max_capacity(settings.capacity)
                .time_to_live(settings.time_to_live)
                .build(),
            store,
            service,
            clock,
            stats: Arc::default(),
            uses: Arc::default(),
        }
    }

    /// The keys of a secret, prepared for what they are used for.
    pub async fn keys(&self, address: &KeyAddress) -> Result<Arc<KeyRing>, KeyError> {
        let entry = if let Some(entry) = self.cache.get(&address.secret).await {
            self.stats.hits.fetch_add(1, Ordering::Relaxed);
            entry
        } else {
            self.stats.misses.fetch_add(1, Ordering::Relaxed);
            self.cache
                .try_get_with_by_ref(&address.secret, self.load(&address.secret))
                .await
                .map_err(|error: Arc<KeyError>| (*error).clone())?
        };
        match entry {
            Entry::Bound(secret) => secret.keys(&address.form),
            Entry::Unbound => Err(KeyError::Unbound),
        }
    }

    /// Binds a secret that has no value yet to what its provider has sent: see [`Vault::bind`].
    pub async fn bind(
        &self,
        secret: &SecretRef,
        value: &Secret,
        window: &Window,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        let (store, service) = (Arc::clone(&self.store), Arc::clone(&self.service));
        let vault = Vault::new(store, service, Arc::clone(&self.clock));
        let version = vault.bind(secret, value, window, actor).await?;
        // The provider's first delivery does not wait for the follower.
        self.forget(secret).await;
        Ok(version)
    }

    /// Forgets what is known about `secret`: the next delivery reads it anew.
    pub async fn forget(&self, secret: &SecretRef) {
        self.cache.invalidate(secret).await;
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.cache.invalidate_all();
    }

    /// Which versions have proven deliveries.
    pub fn uses(&self) -> &Arc<Uses> {
        &self.uses
    }

    /// What the cache counted.
    pub fn stats(&self) -> &Arc<CacheStats> {
        &self.stats
    }

    async fn load(&self, secret: &SecretRef) -> Result<Entry, KeyError> {
        let versions = self.store.versions(secret).await?;
        let Some(current) = versions.iter().find(|version| version.ends_at.is_none()) else {
            return Ok(Entry::Unbound);
        };
        let now = self.clock.now();
        // Versions come newest first, so this is the youngest that still counts.
        let previous = versions.iter().find_map(|version| match version.ends_at {
            Some(until) if now < until => Some((version, until)),
            _ => None,
        });
        let current = self.decrypt(secret, current).await?;
        let previous = match previous {
            Some((version, until)) => Some((self.decrypt(secret, version).await?, until)),
            None => None,
        };
        Ok(Entry::Bound(Arc::new(OpenSecret::new(current, previous))))
    }

    async fn decrypt(
        &self,
        secret: &SecretRef,
        version: &SealedVersion,
    ) -> Result<(u32, Secret), KeyError> {
        let context = EncryptionContext::new(secret, version.version);
        self.stats.service_calls.fetch_add(1, Ordering::Relaxed);
        let value = self
            .service
            .decrypt(&version.sealed, &context)
            .await
            .inspect_err(|_| {
                self.stats.service_failures.fetch_add(1, Ordering::Relaxed);
            })?;
        Ok((version.version, value))
    }
}

/// A secret and what it is used for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyAddress {
    /// The secret.
    pub secret: SecretRef,
    /// What its key is prepared for.
    pub form: KeyForm,
}

/// The bounds of a [`KeyCache`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheSettings {
    /// How many keys are kept.
    pub capacity: u64,
    /// How long a key is kept.
    pub time_to_live: Duration,
}

/// What a [`KeyCache`] counts.
#[derive(Debug, Default)]
pub struct CacheStats {
    hits: AtomicU64,
    misses: AtomicU64,
    service_calls: AtomicU64,
    service_failures: AtomicU64,
}

impl CacheStats {
    /// Deliveries that found their key.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Deliveries that did not.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Calls to the key service.
    pub fn service_calls(&self) -> u64 {
        self.service_calls.load(Ordering::Relaxed)
    }

    /// Calls to the key service that failed.
    pub fn service_failures(&self) -> u64 {
        self.service_failures.load(Ordering::Relaxed)
    }
}

/// Keys that could not be had.
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

    /// The secret has a value that makes no key for the scheme.
    #[error(transparent)]
    Unusable(#[from] UnusableSecret),
}

#[derive(Clone)]
enum Entry {
    Bound(Arc<OpenSecret>),
    Unbound,
}
