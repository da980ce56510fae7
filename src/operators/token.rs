//! Operator tokens: the credentials of scripts at the admin API.

use jiff::Timestamp;

use super::{Principal, PrincipalKind, RoleGrant};
use crate::auth::{TokenHash, TokenId};
use crate::tokens::TokenState;

/// An operator token as it is stored: the hash of its secret, never the token.
#[derive(Clone)]
pub struct OperatorToken {
    /// The public id, a part of the token text.
    pub id: TokenId,
    /// The hash of the token's secret.
    pub hash: TokenHash,
    /// The name in lists and in the audit log.
    pub label: String,
    /// What the token allows.
    pub grants: Vec<RoleGrant>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// The last use that is in the store. Uses within a minute are written once.
    pub last_used_at: Option<Timestamp>,
}

impl OperatorToken {
    /// The state of the token at `now`.
    pub fn state(&self, now: Timestamp) -> TokenState {
        TokenState::at(now, self.expires_at, self.revoked_at)
    }

    /// Whether the token is valid at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.state(now) == TokenState::Active
    }

    /// The principal that the token signs in.
    pub fn into_principal(self) -> Principal {
        Principal {
            subject: self.label,
            kind: PrincipalKind::Token {
                id: self.id.to_string(),
            },
            grants: self.grants,
        }
    }
}
