//! Persistent state: endpoints, flows, encrypted secrets, tokens, sessions, the audit log, captured and recorded deliveries.
//!
//! The store traits are defined by `secrets`, `tokens`, `directory`, `flow`, `operators`, `capture` and `deliveries`. This module implements
//! them on SQLite and on PostgreSQL. [`Store`] adds the queries of operators. Both engines speak nearly the same SQL,
//! so the files in `sql` are compiled once for each engine, over the types that its module names.

mod open;
mod overview;
mod postgres;
mod rows;
mod sqlite;
mod tables;
mod transfer;
mod write_health;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::open::{EngineSettings, Migration, OpenError, StoreContents, StoreSettings};
pub use self::overview::{
    AuditFilter, CurrentVersion, EndpointPage, EndpointQuery, EndpointRow, OwnerScope, StateFilter,
};
pub use self::postgres::{PostgresLimits, PostgresSettings, PostgresStore, PostgresUrlError};
pub use self::sqlite::SqliteStore;
pub use self::tables::copied_columns;
pub use self::transfer::{CopyCounts, CopyError, Export, Import, copy};
use crate::audit::{Action, AuditLine, ChainEnd};
use crate::capture::CaptureStore;
use crate::deliveries::DeliveryStore;
use crate::directory::{Definition, EndpointId, EndpointStore};
use crate::flow::FlowStore;
use crate::operators::OperatorStore;
use crate::secrets::{SecretRef, SecretStore, StoreError};
use crate::tokens::TokenStore;

/// A complete store.
#[async_trait]
pub trait Store:
    CaptureStore + DeliveryStore + EndpointStore + FlowStore + OperatorStore + SecretStore + TokenStore
{
    /// Checks that the store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// The error of the last write, if it failed.
    fn write_fault(&self) -> Option<StoreError>;

    /// Writes without a change, to check that the store is writable.
    async fn try_write(&self) -> Result<(), StoreError>;

    /// Closes every connection and flushes the store to disk.
    async fn close(&self);

    /// The endpoints whose id starts with `prefix`, in the order of their ids.
    async fn definitions(&self, prefix: &str) -> Result<Vec<StoredEndpoint>, StoreError>;

    /// One page of endpoints for operators. It examines at most [`EndpointQuery::MAX_EXAMINED`] endpoints.
    async fn endpoint_page(&self, query: &EndpointQuery) -> Result<EndpointPage, StoreError>;

    /// One endpoint with the state of its secret, in one read.
    async fn endpoint_row(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError>;

    /// Up to `limit` endpoints that use `secret`. If `among` is true their challenge is one of `handshakes`,
    /// otherwise it is none of them.
    async fn sharing(
        &self,
        secret: &SecretRef,
        handshakes: &[&str],
        among: bool,
        limit: usize,
    ) -> Result<Vec<EndpointId>, StoreError>;

    /// Up to `limit` organisations that own endpoints in a workspace of this name.
    async fn organisations_of(
        &self,
        workspace: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;

    /// The newest audit entry for `action` on `subject`.
    async fn last(&self, action: Action, subject: &str) -> Result<Option<AuditLine>, StoreError>;

    /// The newest audit entries, the newest first.
    async fn audit(&self, limit: u32) -> Result<Vec<AuditLine>, StoreError>;

    /// Up to `limit` audit entries after line `after`, in order.
    async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditLine>, StoreError>;

    /// Up to `limit` audit entries that match a filter, the newest first.
    async fn audit_page(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditLine>, StoreError>;

    /// The end of the audit log, as it is recorded apart from the entries.
    async fn audit_end(&self) -> Result<ChainEnd, StoreError>;

    /// A consistent snapshot of everything that a copy needs.
    async fn export(&self) -> Result<Box<dyn Export>, StoreError>;

    /// A transaction that fills an empty store. Other writers wait until it ends.
    async fn import(&self) -> Result<Box<dyn Import>, StoreError>;
}

/// A definition with its timestamps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredEndpoint {
    /// The stored definition.
    pub definition: Definition,
    /// When the endpoint was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
