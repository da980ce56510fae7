//! Keys, ready for deliveries.
//!
//! A hot secret costs a delivery one look-up. A cold one is read and decrypted once, however many deliveries
//! wait for it, and whether or not they stay. What is cached is bounded in number, expires, and is zeroed when
//! it goes. The rules, each in one place:
//!
//! ```text
//! seen.rs     what is known about a secret, and what a delivery does with it: use it, refresh it, wait, refuse
//! load.rs     what the store says becomes what is known
//! work.rs     what the key service opens, and what is used where it does not
//! flight.rs   one load a secret at a time, and a bounded number of refreshes
//! pause.rs    how long nobody asks again after a failure
//! health.rs   whether the key service answers: said once, when it changes
//! stats.rs    what is counted
//! ```
//!
//! A change of a secret makes the store be read before the secret is used again. Only what the store says counts
//! then; what the key service has opened before is used under it, so that a change costs no more calls than it
//! needs, and one that comes while the key service is down takes nothing away but what it was meant to end.

mod flight;
mod health;
mod load;
mod pause;
mod seen;
mod stats;
mod work;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use moka::future::Cache;
use tokio::sync::watch;

use self::flight::Flights;
use self::load::Loader;
use self::seen::{Found, Seen, Slot, Use};
pub use self::stats::CacheStats;
use super::{
    Challenges, KeyService, KeyServiceError, Secret, SecretRef, SecretStore, StoreError, Uses,
    VaultError, Window,
};
use crate::audit::Actor;
use crate::auth::{KeyForm, KeyRing, UnusableSecret};
use crate::clock::Clock;
use crate::task::{Pulse, Task, Tasks};

/// The keys that deliveries are judged by.
pub struct KeyCache {
    cache: Cache<SecretRef, Arc<Slot>>,
    flights: Flights,
    loader: Arc<Loader>,
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
        let loader = Arc::new(Loader::new(settings, store, service, clock));
        Self {
            cache: Cache::builder()
                .max_capacity(settings.capacity)
                // Whatever is older may not be used any more, and whoever uses it keeps it fresh.
                .time_to_idle(settings.time_to_live.saturating_add(settings.grace))
                .build(),
            flights: Flights::new(settings.refreshes, Arc::clone(&loader)),
            loader,
            uses: Arc::default(),
        }
    }

    /// Reports its tasks to `tasks`.
    #[must_use]
    pub fn reporting_to(mut self, tasks: Tasks) -> Self {
        self.flights.report_to(tasks);
        self
    }

    /// The keys of a secret, prepared for what they are used for: of every version that counts.
    pub async fn keys(&self, address: &KeyAddress) -> Result<Arc<KeyRing>, KeyError> {
        let keys = self.keys_at_hand(address).await?;
        keys.lacking.map_or(Ok(keys.ring), Err)
    }

    /// The keys of a secret, as many as could be had. At least one could.
    pub async fn keys_at_hand(&self, address: &KeyAddress) -> Result<Keys, KeyError> {
        let slot = self.slot(&address.secret).await;
        for waits in 0..MAX_WAITS {
            let seen = slot.seen().filter(|seen| seen.is_about(self.mark(&slot)));
            let mut usage = seen
                .as_ref()
                .map_or(Use::Load, |seen| seen.usage(self.loader.times()));
            if waits == 0 {
                self.stats().count(usage);
            } else if usage == Use::Load
                && let Some(seen) = &seen
            {
                // It took as long as it may be used. Whoever has waited for it uses it once.
                usage = seen.once();
            }
            if usage == Use::Load {
                self.flights.land(&address.secret, &slot).await;
                continue;
            }
            if matches!(usage, Use::Refresh | Use::GraceAndRefresh) {
                self.flights.refresh(&address.secret, &slot);
            }
            if let Some(seen) = seen {
                return self.of(&seen, usage, &address.form);
            }
        }
        // It changes faster than it can be read.
        Err(StoreError::Conflict(address.secret.to_string()).into())
    }

    /// Binds a secret that has no value yet to what its provider has sent: see [`Vault::bind`](super::Vault::bind).
    pub async fn bind(
        &self,
        secret: &SecretRef,
        value: &Secret,
        window: &Window,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        let version = self
            .loader
            .vault()
            .bind(secret, value, window, actor)
            .await?;
        // The provider's first delivery does not wait for the follower.
        self.forget(secret).await;
        Ok(version)
    }

    /// Forgets what the store said about `secret`: it is read before the secret is used again.
    pub async fn forget(&self, secret: &SecretRef) {
        let cached = self.cache.get(secret).await;
        for slot in cached.into_iter().chain(self.flights.slot(secret)) {
            slot.doubt();
        }
    }

    /// The same for every secret.
    pub fn forget_all(&self) {
        self.loader.doubt_everything();
    }

    /// Drops what is over, also while nobody asks for anything: values are zeroed when they go.
    pub async fn stay_tidy(self: Arc<Self>, mut shutdown: watch::Receiver<bool>, pulse: Pulse) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(TIDY_EVERY) => self.cache.run_pending_tasks().await,
                _ = shutdown.changed() => return,
            }
            pulse.beat();
        }
    }

    /// The task that [`stay_tidy`](Self::stay_tidy) is.
    pub const TASK: Task = Task::named("secret_cache")
        .beats_within(TIDY_SILENCE)
        .essential();

    /// Which versions have proven deliveries.
    pub fn uses(&self) -> &Arc<Uses> {
        &self.uses
    }

    /// What the cache counted.
    pub fn stats(&self) -> &Arc<CacheStats> {
        self.loader.stats()
    }

    async fn slot(&self, secret: &SecretRef) -> Arc<Slot> {
        if let Some(slot) = self.cache.get(secret).await {
            return slot;
        }
        // A full cache may have had no room for it; its load is under way all the same.
        if let Some(slot) = self.flights.slot(secret) {
            return slot;
        }
        self.cache
            .get_with_by_ref(secret, async { Arc::default() })
            .await
    }

    fn mark(&self, slot: &Slot) -> seen::Mark {
        slot.mark(self.loader.epoch())
    }

    fn of(&self, seen: &Seen, usage: Use, form: &KeyForm) -> Result<Keys, KeyError> {
        let trouble = seen.trouble.as_ref().map(|trouble| trouble.error.clone());
        match (&seen.found, trouble) {
            (_, Some(error)) if usage == Use::Refuse => Err(error),
            (Found::Bound(bound), trouble) => {
                let lacking = trouble.filter(|_| bound.is_lacking);
                let ended = bound
                    .until
                    .is_some_and(|until| until <= self.loader.clock().now());
                match lacking {
                    Some(error) if ended => Err(error),
                    lacking => Ok(Keys {
                        ring: bound.secret.keys(form)?,
                        challenges: bound.secret.challenges().cloned(),
                        lacking,
                        until: bound.until,
                    }),
                }
            }
            (Found::Unbound, _) => Err(KeyError::Unbound),
            (Found::Nothing, Some(error)) => Err(error),
            (Found::Nothing, None) => {
                Err(StoreError::Unavailable("nothing is known of it".to_owned()).into())
            }
        }
    }
}

/// Keys that could be had, and why not all of them, if some could not.
pub struct Keys {
    /// The keys.
    pub ring: Arc<KeyRing>,
    /// The challenges that were signed with them, if any were.
    pub challenges: Option<Arc<Challenges>>,
    /// What keeps the others away. Without them nobody can say that a delivery is not genuine.
    pub lacking: Option<KeyError>,
    /// When they end, if the current one is not among them.
    pub until: Option<Timestamp>,
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
    /// How long a key is used without the key service having opened it again.
    pub time_to_live: Duration,
    /// How much longer while the key service or the store cannot be asked.
    pub grace: Duration,
    /// How many keys are refreshed at once.
    pub refreshes: usize,
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

/// One for a load that began before a change, one for the change, and one more.
const MAX_WAITS: usize = 4;
const TIDY_EVERY: Duration = Duration::from_secs(30);
const TIDY_SILENCE: Duration = Duration::from_mins(3);
