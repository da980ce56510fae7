//! The stored part of a token.

use jiff::Timestamp;

use crate::auth::{Grant, TokenId};

/// A token as it is stored: the hash of its secret, never the token.
#[derive(Clone)]
pub struct TokenRecord {
    /// The public id, a part of the token text.
    pub id: TokenId,
    /// The owner, the hash and the expiry.
    pub grant: Grant,
    /// The description that its owner gave it.
    pub label: String,
    /// When it was created.
    pub created_at: Timestamp,
}

impl TokenRecord {
    /// The state of the token at `now`.
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.grant.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.grant.is_valid_at(now) {
            TokenState::Active
        } else {
            TokenState::Expired
        }
    }
}

/// A token and its last use.
#[derive(Clone)]
pub struct TokenStatus {
    /// The stored part.
    pub record: TokenRecord,
    /// The last use that a node has written to the store.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a token is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a token is valid, expired or revoked"
)]
pub enum TokenState {
    /// Deliveries are accepted with it.
    Active,
    /// Its lifetime has ended.
    Expired,
    /// An operator has revoked it.
    Revoked,
}

impl TokenState {
    /// The word in output and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}
