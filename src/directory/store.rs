//! Where definitions are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Definition, EndpointId, Operation};
use crate::audit::AuditEntry;
use crate::auth::TokenId;
use crate::secrets::{Installation, SecretRef, StoreError};
use crate::task::Tasks;

/// Keeps endpoints, and says what changed.
#[async_trait]
pub trait EndpointStore: Send + Sync {
    /// The endpoint of that id, as it is stored.
    async fn endpoint_record(&self, id: &str) -> Result<Option<EndpointRecord>, StoreError>;

    /// The definition of the endpoint of that id.
    async fn endpoint(&self, id: &str) -> Result<Option<Definition>, StoreError> {
        let record = self.endpoint_record(id).await?;
        Ok(record.map(|record| record.definition))
    }

    /// The endpoint that a literal path leads to.
    async fn alias(&self, path: &str) -> Result<Option<EndpointId>, StoreError>;

    /// Up to `limit` ids and aliases that come after `after` in the order of the store.
    async fn names(&self, after: Option<&str>, limit: u32) -> Result<NamesPage, StoreError>;

    /// Performs `changes`, each with its audit entry, and installs the secrets that they need: all of
    /// it or nothing, so that an endpoint is never there without its secret, nor the other way round.
    ///
    /// A secret that an endpoint had or was judged by ends with it, unless another endpoint is judged
    /// by it: whoever gets the id next must not inherit it. What has ended is given back.
    async fn change(
        &self,
        changes: Vec<(EndpointChange, AuditEntry)>,
        secrets: Vec<Installation>,
    ) -> Result<Vec<SecretRef>, StoreError>;

    /// An endpoint that is judged by `secret`, if there is one.
    async fn judged_by(&self, secret: &SecretRef) -> Result<Option<EndpointId>, StoreError>;

    /// The newest change.
    async fn newest_change(&self) -> Result<Position, StoreError>;

    /// What changed after `seen`.
    async fn changes_since(&self, seen: Position) -> Result<Changes, StoreError>;

    /// A bell that the store rings when something has changed, if it can: it is worth looking then. `tasks` keeps
    /// whoever listens for it. What
    /// changed is found by [`changes_since`](Self::changes_since) alone; a bell may ring for nothing, and
    /// one that does not ring proves nothing.
    fn bell(&self, tasks: &Tasks) -> Option<Arc<Bell>>;
}

/// An endpoint as a store holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointRecord {
    /// The definition.
    pub definition: Definition,
    /// The number of its creation. It stays when the endpoint is changed. An endpoint of the same id that is made after a
    /// deletion has another one, and so has one that goes to another organisation or workspace.
    pub generation: i64,
}

/// What a store rings.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Notify,
    heard: AtomicBool,
}

impl Bell {
    /// Wakes whoever waits, or the next one who does.
    pub fn ring(&self) {
        self.rung.notify_one();
    }

    /// Says whether it would ring now, if something changed.
    pub fn set_heard(&self, heard: bool) {
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// Whether it would ring now, if something changed.
    pub fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Waits until it rings.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }
}

/// A part of all names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamesPage {
    /// Ids, and aliases with their leading `/`.
    pub names: Vec<String>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<String>,
}

/// A change of one endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EndpointChange {
    /// It becomes a part of a flow, which it is not so far. In all else as [`Put`](Self::Put).
    Adopt(Box<Definition>),
    /// It is deleted.
    Delete(EndpointId),
    /// Something is done to it as it is then, whatever has become of it since somebody looked.
    Operate(EndpointId, Operation),
    /// It is created, or replaced. What operators have done to it stays
    /// ([`Definition::keep_operated`]).
    Put(Box<Definition>),
}

/// What happened since somebody last asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// The newest change.
    pub newest: Position,
    /// The changes; `None` if it is not known which, and everything may be different.
    pub changes: Option<Vec<Change>>,
}

/// A place in the history of a store.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Position {
    /// The number of the change; 0 before the first.
    pub number: u64,
    /// What tells it from a change of the same number in another history.
    pub mark: i64,
}

/// Something that is not as it was.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A literal path leads elsewhere, or nowhere.
    Alias(String),
    /// An endpoint was created, changed or deleted.
    Endpoint(EndpointId),
    /// A secret has other versions.
    Secret(SecretRef),
    /// A token was made, or revoked.
    Token(TokenId),
}
