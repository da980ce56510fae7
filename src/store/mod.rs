//! What is kept: endpoints, flows, encrypted secrets, the audit log, refused deliveries.
//!
//! The traits that deliveries need belong to `secrets`, `tokens` and `directory`, that of flows to `flow`; this module implements them, on
//! SQLite and on PostgreSQL. What only people need is in [`Store`]. The two speak nearly the same SQL: the
//! files in `sql` are compiled once for each of them, over the types that its module names.

mod open;
mod postgres;
mod rows;
mod sqlite;
mod tables;
mod transfer;
mod write_health;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::open::{Contents, EngineSettings, Migrated, OpenError, StoreSettings};
pub use self::postgres::{PostgresLimits, PostgresSettings, PostgresStore, PostgresUrlError};
pub use self::sqlite::SqliteStore;
pub use self::tables::copied_columns;
pub use self::transfer::{Copied, CopyError, Export, Import, copy};
use crate::audit::{Action, AuditLine, End};
use crate::capture::CaptureStore;
use crate::directory::{Definition, EndpointId, EndpointStore};
use crate::flow::FlowStore;
use crate::secrets::{SecretRef, SecretStore, StoreError};
use crate::tokens::TokenStore;

/// A whole store.
#[async_trait]
pub trait Store: CaptureStore + EndpointStore + FlowStore + SecretStore + TokenStore {
    /// Whether it answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Why the last write failed; `None` if it did not.
    fn write_fault(&self) -> Option<StoreError>;

    /// Writes something that changes nothing, to find out whether the store can be written.
    async fn try_write(&self) -> Result<(), StoreError>;

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

    /// Up to `limit` organisations that own endpoints of a workspace of that name.
    async fn organisations_of(
        &self,
        workspace: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;

    /// The newest line of the audit log that says that `action` was done to `subject`.
    async fn last(&self, action: Action, subject: &str) -> Result<Option<AuditLine>, StoreError>;

    /// The newest lines of the audit log, the newest first.
    async fn audit(&self, limit: u32) -> Result<Vec<AuditLine>, StoreError>;

    /// Up to `limit` lines of the audit log that come after line `after`, in their order.
    async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditLine>, StoreError>;

    /// Where the audit log says that it ends.
    async fn audit_end(&self) -> Result<End, StoreError>;

    /// Everything that counts, as it is now, for a copy.
    async fn export(&self) -> Result<Box<dyn Export>, StoreError>;

    /// A place for a copy. Nobody else writes until it is there.
    async fn import(&self) -> Result<Box<dyn Import>, StoreError>;
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
