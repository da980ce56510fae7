//! The interface of a store of operator tokens, login links, sessions and idempotency keys.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    IdempotencyKey, IdempotencyState, LoginLink, OperatorToken, RequestDigest, Session, SignOut,
    StoredAnswer,
};
use crate::audit::AuditEntry;
use crate::auth::{TokenHash, TokenId};
use crate::secrets::StoreError;

/// Stores what operators sign in with. Uses of operator tokens are recorded by
/// [`TokenStore::add_token_uses`](crate::tokens::TokenStore::add_token_uses), as those of workspace tokens.
#[async_trait]
pub trait OperatorStore: Send + Sync {
    /// The operator token with this id, including expired and revoked ones.
    async fn operator_token(&self, id: &TokenId) -> Result<Option<OperatorToken>, StoreError>;

    /// Up to `limit` operator tokens after `after`, in the order of their ids.
    async fn operator_tokens(
        &self,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Vec<OperatorToken>, StoreError>;

    /// Adds an operator token. An existing id is a [`StoreError::Conflict`].
    ///
    /// It also deletes operator tokens that ended long ago, as
    /// [`TokenStore::add_token`](crate::tokens::TokenStore::add_token) does.
    async fn add_operator_token(
        &self,
        token: &OperatorToken,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// Revokes an operator token at `at`. Returns false, and writes no audit entry, if it had already ended.
    async fn revoke_operator_token(
        &self,
        id: &TokenId,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Adds a login link, and deletes those that have expired at `now`.
    async fn add_login_link(
        &self,
        hash: &TokenHash,
        link: &LoginLink,
        now: Timestamp,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// The unused login link with this hash, including an expired one.
    async fn login_link(&self, hash: &TokenHash) -> Result<Option<LoginLink>, StoreError>;

    /// Uses a login link up and adds the session that it starts, in one transaction.
    ///
    /// Returns false, and changes nothing, if the link is unknown, used or expired when the session starts. It also
    /// deletes ended sessions, and the oldest of a person with more than [`Session::MAX_OF_SUBJECT`].
    async fn redeem_login_link(
        &self,
        link: &TokenHash,
        session_hash: &TokenHash,
        session: &Session,
        audit: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// The session with this hash, including one that has ended by itself.
    async fn session(&self, hash: &TokenHash) -> Result<Option<Session>, StoreError>;

    /// Records a use of a session. An ended session is not revived.
    async fn touch_session(&self, hash: &TokenHash, now: Timestamp) -> Result<(), StoreError>;

    /// Ends a session. Returns false, and writes no audit entry, if there is none.
    async fn end_session(&self, hash: &TokenHash, audit: AuditEntry) -> Result<bool, StoreError>;

    /// Ends the sessions of a person and deletes the person's unused login links. Without any of them it writes no
    /// audit entry.
    async fn end_sessions_of(
        &self,
        subject: &str,
        audit: AuditEntry,
    ) -> Result<SignOut, StoreError>;

    /// Reserves the idempotency key of a principal for a request, unless it is in use. Keys older than a day are
    /// deleted, and the oldest of a principal with more than [`MAX_IDEMPOTENCY_KEYS`].
    async fn reserve_key(
        &self,
        principal: &str,
        key: &IdempotencyKey,
        request: &RequestDigest,
        now: Timestamp,
    ) -> Result<IdempotencyState, StoreError>;

    /// Stores the answer to the request of a reserved key.
    async fn store_answer(
        &self,
        principal: &str,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
    ) -> Result<(), StoreError>;

    /// Releases a reserved key, because its request changed nothing.
    async fn release_key(&self, principal: &str, key: &IdempotencyKey) -> Result<(), StoreError>;
}

/// The number of idempotency keys that are kept for one principal.
pub const MAX_IDEMPOTENCY_KEYS: u32 = 1000;
