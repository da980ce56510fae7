//! The look-up: from a path to an endpoint, in memory wherever that is possible.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::cache::weighed;
use super::generations::Generations;
use super::mistake::MAX_ALIAS_LEN;
use super::presence::Presence;
use super::standing::{Moment, Standing, StandingNow};
use super::{
    DirectorySettings, DirectoryStats, DraftAuth, Endpoint, EndpointId, EndpointStore, Found,
    LookupError, PathTemplate, RouteTable, Target, Wording,
};
use crate::secrets::StoreError;

/// Finds endpoints.
pub struct Directory {
    pub(super) routes: Arc<RouteTable>,
    pub(super) upstream_paths: BTreeMap<String, PathTemplate>,
    pub(super) draft_auth: DraftAuth,
    store: Arc<dyn EndpointStore>,
    presence: Presence,
    endpoints: Cache<EndpointId, Option<Arc<Endpoint>>>,
    aliases: Cache<String, Option<EndpointId>>,
    store_reads: Semaphore,
    generations: Generations,
    /// How many changes of the store were applied here.
    changes: AtomicU64,
    standing: Arc<StandingNow>,
    stats: Arc<DirectoryStats>,
}

impl Directory {
    /// A directory that has not looked at the store yet: see [`load`](Self::load).
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
            endpoints: weighed(settings.capacity),
            aliases: Cache::new(settings.capacity),
            store_reads: Semaphore::new(settings.store_reads),
            generations: Generations::new(),
            changes: AtomicU64::new(0),
            standing: Arc::default(),
            stats: Arc::default(),
        }
    }

    /// Learns which names exist. Until then, none does.
    pub async fn load(&self) -> Result<(), StoreError> {
        self.presence.load(&*self.store).await
    }

    /// Finds the endpoint of a path.
    pub async fn find(&self, path: &str) -> Result<Found, LookupError> {
        match self.standing.get() {
            Standing::InStep => self.find_known(path).await,
            // What is not known here may be there: "nothing is configured" would be a guess. It is the
            // same for what is disabled or somebody else's, or the difference would tell that it exists.
            Standing::Behind => match self.find_known(path).await {
                Err(LookupError::NotConfigured(_)) => Err(behind().into()),
                found => found,
            },
            Standing::Expired => Err(StoreError::Unavailable(
                "it has not answered for longer than the grace time".to_owned(),
            )
            .into()),
            Standing::Replaced => Err(StoreError::Replaced.into()),
        }
    }

    /// The endpoint that a draft becomes when it is released, as far as that can be had. One of that name may
    /// belong to somebody else.
    pub async fn live_of(&self, draft: &Endpoint) -> Option<Arc<Endpoint>> {
        let live = Target::live_of(&draft.id)?;
        let found = self.endpoint(&live).await.ok()??;
        let is_ours =
            found.organisation == draft.organisation && found.workspace == draft.workspace;
        Some(found).filter(|live| live.enabled && is_ours)
    }

    /// What is said of a path that leads to nothing, for whoever must not learn that this one leads to
    /// something.
    pub fn nothing_at(&self, found: &Found) -> LookupError {
        let wording = found.route.as_ref().map(|route| route.wording());
        match self.standing.get() {
            Standing::InStep => LookupError::NotConfigured(wording.unwrap_or_default()),
            _ => behind().into(),
        }
    }

    async fn find_known(&self, path: &str) -> Result<Found, LookupError> {
        let Some(resolved) = self.routes.resolve(path) else {
            return self.find_alias(path).await;
        };
        let nothing = LookupError::NotConfigured(resolved.route.wording());
        // Whoever does not own the endpoint must not learn that it exists.
        self.endpoint(&resolved.id)
            .await?
            .filter(|endpoint| endpoint.enabled)
            .filter(|endpoint| match resolved.workspace {
                None => true,
                Some(workspace) => workspace == endpoint.workspace.as_str(),
            })
            .map(|endpoint| Found {
                endpoint,
                route: Some(resolved.route),
            })
            .ok_or(nothing)
    }

    /// The routes.
    pub fn routes(&self) -> &Arc<RouteTable> {
        &self.routes
    }

    /// How it stands to its store.
    pub fn standing(&self) -> &Arc<StandingNow> {
        &self.standing
    }

    /// The moment: another one after a change of the store was applied here. Whoever takes it before a look-up, and finds
    /// the same one later, goes by nothing that has changed meanwhile.
    pub fn moment(&self) -> Moment {
        Moment {
            changes: self.changes.load(Ordering::Acquire),
            standing: self.standing.get(),
        }
    }

    /// Begins a new moment. It comes after everything was forgotten that the change is about, so that nobody who has
    /// read it before takes the new moment for the one of that read.
    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// What the directory counted.
    pub fn stats(&self) -> &Arc<DirectoryStats> {
        &self.stats
    }

    /// Forgets what is known about an endpoint, and that it did not exist.
    pub(super) async fn forget_endpoint(&self, id: &EndpointId) -> Result<(), StoreError> {
        self.know(id.as_str()).await?;
        self.generations.forget(id.as_str());
        self.endpoints.invalidate(id).await;
        Ok(())
    }

    /// Forgets what is known about an alias, and that it did not exist.
    pub(super) async fn forget_alias(&self, path: &str) -> Result<(), StoreError> {
        self.know(path).await?;
        self.generations.forget(path);
        self.aliases.invalidate(path).await;
        Ok(())
    }

    /// Forgets everything and learns anew which names exist.
    pub(super) async fn forget_all(&self) -> Result<(), StoreError> {
        self.load().await?;
        self.forget_cached();
        Ok(())
    }

    /// Says how it stands to its store, and gives how it stood. What is about another store is forgotten.
    pub(super) fn stand(&self, standing: Standing) -> Standing {
        let was = self.standing.set(standing);
        if standing == Standing::Replaced {
            self.forget_cached();
        }
        was
    }

    fn forget_cached(&self) {
        self.generations.forget_all();
        self.endpoints.invalidate_all();
        self.aliases.invalidate_all();
    }

    async fn find_alias(&self, path: &str) -> Result<Found, LookupError> {
        let nothing = LookupError::NotConfigured(Wording::Webhook);
        let Some(id) = self.alias(path).await? else {
            return Err(nothing);
        };
        self.endpoint(&id)
            .await?
            .filter(|endpoint| endpoint.enabled)
            .map(|endpoint| Found {
                endpoint,
                route: None,
            })
            .ok_or(nothing)
    }

    async fn know(&self, name: &str) -> Result<(), StoreError> {
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
                for _ in 0..READS {
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
                Err(unsettled())
            })
            .await;
        if self.generations.of(id.as_str()) != generation {
            // What was read may have been put in after it was forgotten.
            self.endpoints.invalidate(id).await;
        }
        found.map_err(|error: Arc<StoreError>| LookupError::Store((*error).clone()))
    }

    async fn alias(&self, path: &str) -> Result<Option<EndpointId>, LookupError> {
        // What cannot be an alias is no key of a cache either, however long a sender makes it.
        if path.len() > MAX_ALIAS_LEN || !self.presence.may_contain(path) {
            self.stats.absent.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        let generation = self.generations.of(path);
        let found = self
            .aliases
            .try_get_with_by_ref(path, async {
                let _permit = self.read_permit().await?;
                for _ in 0..READS {
                    let generation = self.generations.of(path);
                    let read = self.store.alias(path).await?;
                    if self.generations.of(path) == generation {
                        return Ok(read);
                    }
                }
                Err(unsettled())
            })
            .await;
        if self.generations.of(path) != generation {
            self.aliases.invalidate(path).await;
        }
        found.map_err(|error: Arc<StoreError>| LookupError::Store((*error).clone()))
    }

    async fn read_permit(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        // The follower asks all the time: nobody else has to find out whether the store is back.
        if self.standing.get() != Standing::InStep {
            return Err(behind());
        }
        self.stats.misses.fetch_add(1, Ordering::Relaxed);
        match tokio::time::timeout(PERMIT_TIMEOUT, self.store_reads.acquire()).await {
            // It may have gone away meanwhile.
            Ok(_) if self.standing.get() != Standing::InStep => Err(behind()),
            // The semaphore is never closed.
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(StoreError::Unavailable("too many wait for it".to_owned())),
        }
    }
}

fn behind() -> StoreError {
    StoreError::Unavailable("it does not answer, and this is not known here".to_owned())
}

fn unsettled() -> StoreError {
    StoreError::Unavailable("what was read kept changing".to_owned())
}

/// How often something is read that changes while it is read.
const READS: usize = 4;
/// How long a read waits for others. A store that hangs is known to within this time.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
