//! The interface of a store of endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Definition, EndpointId, OperatorChange};
use crate::audit::AuditEntry;
use crate::auth::TokenId;
use crate::secrets::{NewSecretVersion, SecretRef, StoreError};
use crate::task::Tasks;

/// Stores endpoints and reports changes.
#[async_trait]
pub trait EndpointStore: Send + Sync {
    /// The endpoint with this id, as it is stored.
    async fn endpoint_record(&self, id: &str) -> Result<Option<EndpointRecord>, StoreError>;

    /// The definition of the endpoint with this id.
    async fn endpoint(&self, id: &str) -> Result<Option<Definition>, StoreError> {
        let record = self.endpoint_record(id).await?;
        Ok(record.map(|record| record.definition))
    }

    /// The endpoint of a literal path.
    async fn alias(&self, path: &str) -> Result<Option<EndpointId>, StoreError>;

    /// Up to `limit` ids and aliases after `after`, in the order of the store.
    async fn names(&self, after: Option<&str>, limit: u32) -> Result<NamesPage, StoreError>;

    /// Applies `changes`, each with its audit entry, and installs the secrets that they need, in one transaction. An
    /// endpoint never exists without its secret, nor the reverse.
    ///
    /// A secret that an endpoint owned or used is retired with it, unless another endpoint uses it: the next owner of
    /// the id must not inherit it. Returns the retired secrets.
    async fn change(
        &self,
        changes: Vec<(EndpointChange, AuditEntry)>,
        secrets: Vec<NewSecretVersion>,
    ) -> Result<Vec<SecretRef>, StoreError>;

    /// An endpoint that is verified with `secret`, if there is one.
    async fn endpoint_using(&self, secret: &SecretRef) -> Result<Option<EndpointId>, StoreError>;

    /// The position of the newest change.
    async fn newest_change(&self) -> Result<Position, StoreError>;

    /// The changes after `seen`.
    async fn changes_since(&self, seen: Position) -> Result<Changes, StoreError>;

    /// The notifier that the store rings after a change, if it supports that. `tasks` supervises the listener.
    ///
    /// A notification only says that [`changes_since`](Self::changes_since) is worth a call. It may come without a
    /// change, and may be lost.
    fn change_notifier(&self, tasks: &Tasks) -> Option<Arc<ChangeNotifier>>;
}

/// An endpoint as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointRecord {
    /// The declared endpoint.
    pub definition: Definition,
    /// The random number of this creation. It changes when the id is created again after a deletion, or moves to
    /// another organisation or workspace. An update keeps it.
    pub generation: i64,
}

/// Notifications of a store.
#[derive(Debug, Default)]
pub struct ChangeNotifier {
    rung: Notify,
    heard: AtomicBool,
}

impl ChangeNotifier {
    /// Wakes the waiter, or the next one.
    pub fn notify(&self) {
        self.rung.notify_one();
    }

    /// Records whether notifications work at the moment.
    pub fn set_listening(&self, heard: bool) {
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// True if notifications work at the moment.
    pub fn is_listening(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Waits for a notification.
    pub async fn notified(&self) {
        self.rung.notified().await;
    }
}

/// A page of names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamesPage {
    /// Ids, and aliases with their leading `/`.
    pub names: Vec<String>,
    /// The last name, if another page follows.
    pub next: Option<String>,
}

/// A change of one endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EndpointChange {
    /// Like [`Put`](Self::Put), for an endpoint that becomes a part of a flow.
    Adopt(Box<Definition>),
    /// Deletes it.
    Delete(EndpointId),
    /// Applies a change of an operator to the endpoint as it is stored at that time.
    Operate(EndpointId, OperatorChange),
    /// Creates or replaces it. Changes by operators are kept ([`Definition::keep_operator_changes`]).
    Put(Box<Definition>),
}

/// The changes since a position.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// The position of the newest change.
    pub newest: Position,
    /// The changes; `None` if they are unknown, so anything may have changed.
    pub changes: Option<Vec<Change>>,
}

/// A position in the history of a store.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Position {
    /// The number of the change; 0 before the first.
    pub number: u64,
    /// A random number of the change. It tells apart two histories with the same numbers.
    pub mark: i64,
}

/// Something that changed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A literal path leads elsewhere or nowhere.
    Alias(String),
    /// An endpoint was created, changed or deleted.
    Endpoint(EndpointId),
    /// A secret has other versions.
    Secret(SecretRef),
    /// A token was created or revoked.
    Token(TokenId),
}
