//! Tokens, ready for deliveries.
//!
//! A token that was seen before is answered from memory, and so is an id that nobody has. Invented ids get a
//! cache of their own, so that no flood of them drives out what is known, and their reads of the store get
//! few of its connections. Whoever follows the changes of the store says what has to be forgotten.

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
    /// How often something was forgotten. What is read meanwhile may be older than that, and is not kept.
    forgotten: AtomicU64,
    uses: Arc<TokenUses>,
}

impl TokenCache {
    /// An empty cache of `capacity` tokens, that reads the store `reads` times at once.
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

    /// What a token with that id is judged by; `None` if there is no such token.
    ///
    /// While the store is known not to answer it is not asked, and only what is known counts: that an id was
    /// nobody's is no answer then, because somebody may have it by now.
    pub async fn find(
        &self,
        id: &TokenId,
        store_answers: bool,
    ) -> Result<Option<Arc<Grant>>, StoreError> {
        if let Some(grant) = self.known.get(id).await {
            return Ok(Some(grant));
        }
        if !store_answers {
            let text = "it does not answer, and this token is not known here";
            return Err(StoreError::Unavailable(text.to_owned()));
        }
        if self.absent.contains_key(id) {
            return Ok(None);
        }
        let forgotten = self.forgotten.load(Ordering::Acquire);
        let found = self.known.try_get_with_by_ref(id, self.read(id)).await;
        if matches!(found.as_ref().map_err(|miss| &**miss), Err(Miss::Absent)) {
            self.absent.insert(*id, ()).await;
        }
        if self.forgotten.load(Ordering::Acquire) != forgotten {
            // What was read may have been put in after it was forgotten.
            self.known.invalidate(id).await;
            self.absent.invalidate(id).await;
        }
        match found {
            Ok(grant) => Ok(Some(grant)),
            Err(miss) => match &*miss {
                Miss::Absent => Ok(None),
                Miss::Store(error) => Err(error.clone()),
            },
        }
    }

    /// Forgets what is known about a token, and that there was none.
    pub async fn forget(&self, id: &TokenId) {
        self.forgotten.fetch_add(1, Ordering::Release);
        self.known.invalidate(id).await;
        self.absent.invalidate(id).await;
    }

    /// The same for every token.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::Release);
        self.known.invalidate_all();
        self.absent.invalidate_all();
    }

    /// When tokens were used.
    pub fn uses(&self) -> &Arc<TokenUses> {
        &self.uses
    }

    async fn read(&self, id: &TokenId) -> Result<Arc<Grant>, Miss> {
        let _permit = self.permit().await?;
        for _ in 0..READS {
            let forgotten = self.forgotten.load(Ordering::Acquire);
            let read = self.store.grant(id).await?;
            if self.forgotten.load(Ordering::Acquire) == forgotten {
                return read.map(Arc::new).ok_or(Miss::Absent);
            }
        }
        let text = "what was read kept changing".to_owned();
        Err(StoreError::Unavailable(text).into())
    }

    async fn permit(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        match tokio::time::timeout(PERMIT_TIMEOUT, self.reads.acquire()).await {
            // The semaphore is never closed.
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(StoreError::Unavailable("too many wait for it".to_owned())),
        }
    }
}

/// Why there is nothing to be judged by.
enum Miss {
    Absent,
    Store(StoreError),
}

impl From<StoreError> for Miss {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How often something is read that changes while it is read.
const READS: usize = 4;
/// How long a read waits for others.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
