//! What is kept: endpoints, encrypted secrets, the audit log, refused deliveries.
//!
//! The traits that deliveries need belong to `secrets` and `directory`; this module implements them,
//! today on SQLite. What only people need is in [`Store`].

mod sqlite;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::sqlite::{Contents, OpenError, SqliteStore};
use crate::audit::Action;
use crate::capture::CaptureStore;
use crate::directory::{Definition, EndpointId, EndpointStore};
use crate::secrets::{SecretRef, SecretStore, StoreError};

/// A whole store.
#[async_trait]
pub trait Store: CaptureStore + EndpointStore + SecretStore {
    /// Whether it answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Ends every connection, so that nothing but the store itself is left on the disk.
    async fn close(&self);

    /// The endpoints whose id begins with `prefix`, in the order of their ids.
    async fn definitions(&self, prefix: &str) -> Result<Vec<Stored>, StoreError>;

    /// Up to `limit` endpoints that are judged by `secret`, and whose handshake is one of `handshakes`,
    /// or none of them, as `among` says.
    async fn sharing(
        &self,
        secret: &SecretRef,
        handshakes: &[&str],
        among: bool,
        limit: usize,
    ) -> Result<Vec<EndpointId>, StoreError>;

    /// The newest line of the audit log that says that `action` was done to `subject`.
    async fn last(&self, action: Action, subject: &str) -> Result<Option<AuditLine>, StoreError>;

    /// The newest lines of the audit log, the newest first.
    async fn audit(&self, limit: u32) -> Result<Vec<AuditLine>, StoreError>;
}

/// A definition and when it changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// The definition.
    pub definition: Definition,
    /// When the endpoint was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A line of the audit log as it was stored.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct AuditLine {
    /// Its number, from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Through what and from where.
    pub origin: String,
    /// What was done; see [`Action`].
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// A few words more.
    pub detail: String,
}
