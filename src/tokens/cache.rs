//! The cache of workspace tokens that deliveries use.
//!
//! A token that was seen before is answered from memory, and so is an unknown id. Unknown ids have a cache of their
//! own, so a flood of invented ids cannot evict known tokens. Reads for ids use few connections of the store. The
//! follower of store changes invalidates entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{TokenStore, TokenUses};
use crate::auth::{Grant, TokenId};
use crate::secrets::StoreError;

/// The tokens that deliveries are judged by.
pub struct TokenCache {
    store: Arc<dyn TokenStore>,
    known: Cache<TokenId, Arc<Grant>>,
    absent: Cache<TokenId, ()>,
    reads: Semaphore,
    /// The number of invalidations. A read that overlaps one may be stale and is not cached.
    forgotten: AtomicU64,
    uses: Arc<TokenUses>,
}

impl TokenCache {
    /// An empty cache for `capacity` tokens and as many unknown ids. It runs at most `reads` reads of the store at
    /// once.
    pub fn new(capacity: u64, reads: usize, store: Arc<dyn TokenStore>) -> Self {
        Self {
            store,
            known: Cache::new(capacity),
            absent: Cache::new(capacity),
            reads: Semaphore::new(reads),
            forgotten: AtomicU64::new(0),
            uses: Arc::default(),
        }
    }

    /// The grant of a token; `None` if there is no token with this id.
    ///
    /// While the store is known to be down, only cached tokens count. An unknown id is then an error, because
    /// somebody may have created the token meanwhile.
    pub async fn find(
        &self,
        id: &TokenId,
        store_answers: bool,
    ) -> Result<Option<Arc<Grant>>, StoreError> {
        if let Some(grant) = self.known.get(id).await {
            return Ok(Some(grant));
        }
        if !store_answers {
            let text = "it does not answer, and the token is not cached";
            return Err(StoreError::Unavailable(text.to_owned()));
        }
        if self.absent.contains_key(id) {
            return Ok(None);
        }
        let forgotten = self.forgotten.load(Ordering::Acquire);
        let found = self.known.try_get_with_by_ref(id, self.read(id)).await;
        if matches!(
            found.as_ref().map_err(|miss| &**miss),
            Err(LookupMiss::Absent)
        ) {
            self.absent.insert(*id, ()).await;
        }
        if self.forgotten.load(Ordering::Acquire) != forgotten {
            // The read may have stored its result after the invalidation.
            self.known.invalidate(id).await;
            self.absent.invalidate(id).await;
        }
        match found {
            Ok(grant) => Ok(Some(grant)),
            Err(miss) => match &*miss {
                LookupMiss::Absent => Ok(None),
                LookupMiss::Store(error) => Err(error.clone()),
            },
        }
    }

    /// Invalidates a token, including the knowledge that it did not exist.
    pub async fn forget(&self, id: &TokenId) {
        self.forgotten.fetch_add(1, Ordering::Release);
        self.known.invalidate(id).await;
        self.absent.invalidate(id).await;
    }

    /// Invalidates every token.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::Release);
        self.known.invalidate_all();
        self.absent.invalidate_all();
    }

    /// The times of use that were not written yet.
    pub fn uses(&self) -> &Arc<TokenUses> {
        &self.uses
    }

    async fn read(&self, id: &TokenId) -> Result<Arc<Grant>, LookupMiss> {
        let _permit = self.permit().await?;
        for _ in 0..READS {
            let forgotten = self.forgotten.load(Ordering::Acquire);
            let read = self.store.grant(id).await?;
            if self.forgotten.load(Ordering::Acquire) == forgotten {
                return read.map(Arc::new).ok_or(LookupMiss::Absent);
            }
        }
        let text = "the record changed during every read".to_owned();
        Err(StoreError::Unavailable(text).into())
    }

    async fn permit(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        match tokio::time::timeout(PERMIT_TIMEOUT, self.reads.acquire()).await {
            // The semaphore is never closed.
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(StoreError::Unavailable(
                "too many reads are waiting".to_owned(),
            )),
        }
    }
}

/// A look-up without a grant.
enum LookupMiss {
    Absent,
    Store(StoreError),
}

impl From<StoreError> for LookupMiss {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How often a record is read that changes during the read.
const READS: usize = 4;
/// The timeout for a turn to read.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
