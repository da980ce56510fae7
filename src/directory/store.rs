//! Where definitions are kept.

use async_trait::async_trait;

use super::{Definition, EndpointId};
use crate::audit::AuditEntry;
use crate::secrets::{SecretChange, SecretRef, StoreError};

/// Keeps endpoints, and says what changed.
#[async_trait]
pub trait EndpointStore: Send + Sync {
    /// The endpoint of that id.
    async fn endpoint(&self, id: &str) -> Result<Option<Definition>, StoreError>;

    /// The endpoint that a literal path leads to.
    async fn alias(&self, path: &str) -> Result<Option<EndpointId>, StoreError>;

    /// Up to `limit` ids and aliases that come after `after` in the order of the store.
    async fn names(&self, after: Option<&str>, limit: u32) -> Result<NamesPage, StoreError>;

    /// Performs `changes`, each with its audit entry, and those of the secrets that go with them: all
    /// of it or nothing, so that an endpoint is never there without its secret, nor the other way round.
    async fn change(
        &self,
        changes: Vec<(EndpointChange, AuditEntry)>,
        secrets: Vec<SecretChange>,
    ) -> Result<(), StoreError>;

    /// The number of the newest change.
    async fn newest_change(&self) -> Result<u64, StoreError>;

    /// What changed after the change of that number.
    async fn changes_since(&self, number: u64) -> Result<Changes, StoreError>;
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
    /// It is deleted.
    Delete(EndpointId),
    /// It is created, or replaced.
    Put(Box<Definition>),
}

/// What happened since somebody last asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// The number of the newest change.
    pub newest: u64,
    /// The changes; `None` if so many happened that they are not kept any more.
    pub changes: Option<Vec<Change>>,
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
}
