//! What is kept of a token.

use jiff::Timestamp;

use crate::auth::{Grant, TokenId};

/// A token as it is stored. The token itself is nowhere.
#[derive(Clone)]
pub struct TokenRecord {
    /// What it is found by.
    pub id: TokenId,
    /// What it is judged by.
    pub grant: Grant,
    /// What its owner calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl TokenRecord {
    /// Whether it lets anybody in, and why not.
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.grant.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.grant.counts_at(now) {
            TokenState::Active
        } else {
            TokenState::Expired
        }
    }
}

/// A token, and what became of it.
#[derive(Clone)]
pub struct TokenStatus {
    /// The token.
    pub record: TokenRecord,
    /// When it was last used, as far as nodes have written it down.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a token counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a token counts, or has ended in one of two ways"
)]
pub enum TokenState {
    /// It lets its bearer in.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody has ended it.
    Revoked,
}

impl TokenState {
    /// The word in output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}
