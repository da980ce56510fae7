//! The interface of a store of tokens.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{TokenRecord, TokenStatus};
use crate::audit::AuditEntry;
use crate::auth::{Grant, TokenId};
use crate::secrets::StoreError;

/// Stores tokens.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The grant of the token with this id, including expired and revoked ones.
    async fn grant(&self, id: &TokenId) -> Result<Option<Grant>, StoreError>;

    /// Up to `limit` tokens after `after`, in the order of their ids, optionally of one workspace.
    async fn tokens(
        &self,
        workspace: Option<&str>,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Vec<TokenStatus>, StoreError>;

    /// Adds a token. An existing id is a [`StoreError::Conflict`].
    ///
    /// It also deletes tokens that ended long ago: after a month, or after their own lifetime if that is shorter. The
    /// audit log keeps their history.
    async fn add_token(&self, record: &TokenRecord, audit: AuditEntry) -> Result<(), StoreError>;

    /// Revokes a token at `at`. Returns false, and writes no audit entry, if it had already ended.
    async fn revoke_token(
        &self,
        id: &TokenId,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Records when tokens were last used.
    async fn add_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), StoreError>;
}
