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
        TokenState::at(now, self.grant.expires_at, self.grant.revoked_at)
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
    /// It is accepted.
    Active,
    /// Its lifetime has ended.
    Expired,
    /// An operator has revoked it.
    Revoked,
}

impl TokenState {
    /// The state at `now` of a token with an expiry, which may have been revoked.
    ///
    /// A revoked token is revoked at any time: the clock of the node that revoked it may be ahead of this one.
    pub fn at(now: Timestamp, expires_at: Timestamp, revoked_at: Option<Timestamp>) -> Self {
        if revoked_at.is_some() {
            Self::Revoked
        } else if now < expires_at {
            Self::Active
        } else {
            Self::Expired
        }
    }

    /// The word in output and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}
