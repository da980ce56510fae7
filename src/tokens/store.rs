//! Where tokens are kept.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{TokenRecord, TokenStatus};
use crate::audit::AuditEntry;
use crate::auth::{Grant, TokenId};
use crate::secrets::StoreError;

/// Keeps tokens.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// What a token with that id is judged by, whether it has ended or not.
    async fn grant(&self, id: &TokenId) -> Result<Option<Grant>, StoreError>;

    /// Up to `limit` tokens that come after `after`, in the order of their ids; of one workspace only, if one is
    /// named.
    async fn tokens(
        &self,
        workspace: Option<&str>,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Vec<TokenStatus>, StoreError>;

    /// Adds a token. An id that is there already is a [`StoreError::Conflict`].
    ///
    /// Those that have ended are forgotten on this occasion: a month later, or after as long as they had
    /// lived, if that is shorter. The audit log still tells of them.
    async fn add_token(&self, record: &TokenRecord, audit: AuditEntry) -> Result<(), StoreError>;

    /// Ends a token at `at`. False, and nothing is written down, if there was none to end.
    async fn revoke_token(
        &self,
        id: &TokenId,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Writes down when tokens were last used.
    async fn add_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), StoreError>;
}
