//! The look-up from a path to an endpoint, from memory where possible.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use moka::policy::EvictionPolicy;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::invalidation::InvalidationCounters;
use super::presence::Presence;
use super::store_health::{DirectoryRevision, StoreHealth, StoreState};
use super::validation::MAX_ALIAS_LEN;
use super::{
    DraftAuth, Endpoint, EndpointId, EndpointStore, PathTemplate, Route, RouteTable, Target,
    Wording,
};
use crate::secrets::StoreError;

/// Finds endpoints. Endpoints and aliases are cached, and so are names that do not exist.
pub struct Directory {
    pub(super) routes: Arc<RouteTable>,
    pub(super) upstream_paths: BTreeMap<String, PathTemplate>,
    pub(super) draft_auth: DraftAuth,
    store: Arc<dyn EndpointStore>,
    presence: Presence,
    endpoints: Cache<EndpointId, Option<Arc<Endpoint>>>,
    aliases: Cache<String, Option<EndpointId>>,
    store_reads: Semaphore,
    generations: InvalidationCounters,
    /// The number of store changes that were applied.
    changes: AtomicU64,
    health: Arc<StoreHealth>,
    stats: Arc<DirectoryStats>,
}

impl Directory {
    /// An empty directory. Call [`load`](Self::load) before the first look-up.
    pub fn new(
        settings: DirectorySettings,
        routes: Arc<RouteTable>,
        store: Arc<dyn EndpointStore>,
    ) -> Self {
        Self {
            routes,
            upstream_paths: settings.upstream_paths,
            draft_auth: settings.draft_auth,
            store,
            presence: Presence::new(),
            endpoints: weighted_cache(settings.capacity),
            aliases: Cache::new(settings.capacity),
            store_reads: Semaphore::new(settings.store_reads),
            generations: InvalidationCounters::new(),
            changes: AtomicU64::new(0),
            health: Arc::default(),
            stats: Arc::default(),
        }
    }

    /// Reads all names from the store. Until then every look-up fails.
    pub async fn load(&self) -> Result<(), StoreError> {
        self.presence.load(&*self.store).await
    }

    /// Finds the endpoint of a path.
    pub async fn find(&self, path: &str) -> Result<EndpointMatch, LookupError> {
        match self.health.get() {
            StoreState::InStep => self.find_in_step(path).await,
            // An unknown endpoint may exist, so the answer is 503. Disabled and foreign endpoints get the same
            // answer, so that it does not reveal that they exist.
            StoreState::Behind => match self.find_in_step(path).await {
                Err(LookupError::NotConfigured(_)) => Err(not_cached().into()),
                found => found,
            },
            StoreState::Expired => Err(StoreError::Unavailable(
                "it has not answered for longer than the grace time".to_owned(),
            )
            .into()),
            StoreState::Replaced => Err(StoreError::Replaced.into()),
        }
    }

    /// The live endpoint of a draft, if it is enabled and has the same owner. Used to detect deliveries that were
    /// sent to the draft by mistake.
    pub async fn live_of(&self, draft: &Endpoint) -> Option<Arc<Endpoint>> {
        let live = Target::live_of(&draft.id)?;
        let found = self.endpoint(&live).await.ok()??;
        let is_ours =
            found.organisation == draft.organisation && found.workspace == draft.workspace;
        Some(found).filter(|live| live.enabled && is_ours)
    }

    /// The error for a caller that must not learn that this path leads to an endpoint.
    pub fn not_found_at(&self, found: &EndpointMatch) -> LookupError {
        let wording = found.route.as_ref().map(|route| route.wording());
        match self.health.get() {
            StoreState::InStep => LookupError::NotConfigured(wording.unwrap_or_default()),
            _ => not_cached().into(),
        }
    }

    async fn find_in_step(&self, path: &str) -> Result<EndpointMatch, LookupError> {
        let Some(resolved) = self.routes.resolve(path) else {
            return self.find_alias(path).await;
        };
        let nothing = LookupError::NotConfigured(resolved.route.wording());
        // A caller of another workspace must not learn that the endpoint exists.
        self.endpoint(&resolved.id)
            .await?
            .filter(|endpoint| endpoint.enabled)
            .filter(|endpoint| match resolved.workspace {
                None => true,
                Some(workspace) => workspace == endpoint.workspace.as_str(),
            })
            .map(|endpoint| EndpointMatch {
                endpoint,
                route: Some(resolved.route),
            })
            .ok_or(nothing)
    }

    /// The route table.
    pub fn routes(&self) -> &Arc<RouteTable> {
        &self.routes
    }

    /// Whether the directory is in step with the store.
    pub fn health(&self) -> &Arc<StoreHealth> {
        &self.health
    }

    /// The current moment, which changes with every store change that is applied. If it is the same before a look-up
    /// and later, nothing that was looked up has changed meanwhile.
    pub fn revision(&self) -> DirectoryRevision {
        DirectoryRevision {
            changes: self.changes.load(Ordering::Acquire),
            health: self.health.get(),
        }
    }

    /// Starts a new moment. It must come after the invalidation: otherwise a stale read could be attributed to the
    /// new moment.
    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The counters, for metrics.
    pub fn stats(&self) -> &Arc<DirectoryStats> {
        &self.stats
    }

    /// Invalidates an endpoint, including the knowledge that it did not exist.
    pub(super) async fn forget_endpoint(&self, id: &EndpointId) -> Result<(), StoreError> {
        self.add_name(id.as_str()).await?;
        self.generations.forget(id.as_str());
        self.endpoints.invalidate(id).await;
        Ok(())
    }

    /// Invalidates an alias, including the knowledge that it did not exist.
    pub(super) async fn forget_alias(&self, path: &str) -> Result<(), StoreError> {
        self.add_name(path).await?;
        self.generations.forget(path);
        self.aliases.invalidate(path).await;
        Ok(())
    }

    /// Invalidates everything and reads all names again.
    pub(super) async fn forget_all(&self) -> Result<(), StoreError> {
        self.load().await?;
        self.forget_cached();
        Ok(())
    }

    /// Sets the state towards the store and returns the previous one. A replaced store invalidates everything.
    pub(super) fn set_health(&self, health: StoreState) -> StoreState {
        let was = self.health.set(health);
        if health == StoreState::Replaced {
            self.forget_cached();
        }
        was
    }

    fn forget_cached(&self) {
        self.generations.forget_all();
        self.endpoints.invalidate_all();
        self.aliases.invalidate_all();
    }

    async fn find_alias(&self, path: &str) -> Result<EndpointMatch, LookupError> {
        let nothing = LookupError::NotConfigured(Wording::Webhook);
        let Some(id) = self.alias(path).await? else {
            return Err(nothing);
        };
        self.endpoint(&id)
            .await?
            .filter(|endpoint| endpoint.enabled)
            .map(|endpoint| EndpointMatch {
                endpoint,
                route: None,
            })
            .ok_or(nothing)
    }

    async fn add_name(&self, name: &str) -> Result<(), StoreError> {
        if !self.presence.add(name) {
            self.load().await?;
        }
        Ok(())
    }

    async fn endpoint(&self, id: &EndpointId) -> Result<Option<Arc<Endpoint>>, LookupError> {
        if !self.presence.may_contain(id.as_str()) {
            self.stats.absent.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        if let Some(known) = self.endpoints.get(id).await {
            self.stats.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(known);
        }
        let generation = self.generations.of(id.as_str());
        let found = self
            .endpoints
            .try_get_with_by_ref(id, async {
                let _permit = self.read_permit().await?;
                for _ in 0..MAX_READS {
                    let generation = self.generations.of(id.as_str());
                    let read = self.store.endpoint_record(id.as_str()).await?;
                    if self.generations.of(id.as_str()) == generation {
                        return match read {
                            None => Ok(None),
                            Some(record) => Endpoint::compile(&record, self)
                                .map(|endpoint| Some(Arc::new(endpoint)))
                                .ok_or_else(|| StoreError::Unfit(id.to_string())),
                        };
                    }
                }
                Err(unstable())
            })
            .await;
        if self.generations.of(id.as_str()) != generation {
            // The read may have stored its result after the invalidation.
            self.endpoints.invalidate(id).await;
        }
        found.map_err(|error: Arc<StoreError>| LookupError::Store((*error).clone()))
    }

    async fn alias(&self, path: &str) -> Result<Option<EndpointId>, LookupError> {
        // A path that cannot be an alias is never cached, however many a sender invents.
        if path.len() > MAX_ALIAS_LEN || !self.presence.may_contain(path) {
            self.stats.absent.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        let generation = self.generations.of(path);
        let found = self
            .aliases
            .try_get_with_by_ref(path, async {
                let _permit = self.read_permit().await?;
                for _ in 0..MAX_READS {
                    let generation = self.generations.of(path);
                    let read = self.store.alias(path).await?;
                    if self.generations.of(path) == generation {
                        return Ok(read);
                    }
                }
                Err(unstable())
            })
            .await;
        if self.generations.of(path) != generation {
            self.aliases.invalidate(path).await;
        }
        found.map_err(|error: Arc<StoreError>| LookupError::Store((*error).clone()))
    }

    async fn read_permit(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        // The follower polls the store, so deliveries need not wait for it during an outage.
        if self.health.get() != StoreState::InStep {
            return Err(not_cached());
        }
        self.stats.misses.fetch_add(1, Ordering::Relaxed);
        match tokio::time::timeout(PERMIT_TIMEOUT, self.store_reads.acquire()).await {
            // The store may have failed while this read waited.
            Ok(_) if self.health.get() != StoreState::InStep => Err(not_cached()),
            // The semaphore is never closed.
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(StoreError::Unavailable(
                "too many reads are waiting".to_owned(),
            )),
        }
    }
}

/// The settings of a [`Directory`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirectorySettings {
    /// How many endpoints, and how many aliases, are cached. An endpoint with a payload contract counts as several,
    /// by its memory.
    pub capacity: u64,
    /// How many reads of the store may run at once.
    pub store_reads: usize,
    /// The path templates of upstreams by name. They apply where an endpoint has none of its own.
    pub upstream_paths: BTreeMap<String, PathTemplate>,
    /// Who may deliver to drafts that do not say so themselves.
    pub draft_auth: DraftAuth,
}

/// An endpoint that accepts deliveries at a path.
#[derive(Clone, Debug)]
pub struct EndpointMatch {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The route that led to it; `None` for an alias.
    pub route: Option<Arc<Route>>,
}

/// A look-up that found no endpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// There is none, or it is disabled, or the workspace in the path does not own it.
    #[error("nothing is configured there")]
    NotConfigured(Wording),

    /// The store does not answer, so the endpoint may exist.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Counters of a [`Directory`] since the start.
#[derive(Debug, Default)]
pub struct DirectoryStats {
    absent: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl DirectoryStats {
    /// Look-ups of names that the presence filter rejected.
    pub fn absent(&self) -> u64 {
        self.absent.load(Ordering::Relaxed)
    }

    /// Look-ups of endpoints that were cached.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Reads of the store.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }
}

/// A cache whose capacity counts endpoints without a contract.
fn weighted_cache(capacity: u64) -> Cache<EndpointId, Option<Arc<Endpoint>>> {
    // An entry that outweighs the whole cache would never be kept, so its weight is capped.
    let max_weight = u32::try_from(capacity / 2).unwrap_or(u32::MAX).max(1);
    Cache::builder()
        .max_capacity(capacity)
        // The default policy admits a heavy entry only if it is requested more often than everything that it would
        // evict.
        .eviction_policy(EvictionPolicy::lru())
        .weigher(move |_, endpoint: &Option<Arc<Endpoint>>| {
            weight(endpoint.as_deref()).min(max_weight)
        })
        .build()
}

fn weight(endpoint: Option<&Endpoint>) -> u32 {
    let rules = endpoint.and_then(|endpoint| endpoint.payload.as_ref());
    let bytes = rules.map_or(0, |rules| rules.memory_bytes());
    u32::try_from(bytes / BASE_BYTES).map_or(u32::MAX, |more| more.saturating_add(1))
}

fn not_cached() -> StoreError {
    StoreError::Unavailable("it does not answer, and the endpoint is not cached".to_owned())
}

fn unstable() -> StoreError {
    StoreError::Unavailable("the record changed during every read".to_owned())
}

/// How often a record is read that changes during the read.
const MAX_READS: usize = 4;
/// The timeout for a turn to read. It bounds how long a hanging store goes unnoticed.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The measured size of an endpoint without a contract.
const BASE_BYTES: usize = 2500;
