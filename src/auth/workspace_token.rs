//! Workspace tokens: tokens for deliveries to drafts.

use zeroize::Zeroizing;

use super::{TokenHash, TokenId, TokenKind, TokenText};

/// A parsed workspace token, still unproven. It contains the hash of the secret, not the secret.
pub struct WorkspaceToken(TokenText);

impl WorkspaceToken {
    /// Parses a token. Each token has exactly one spelling.
    pub fn read(text: &[u8]) -> Result<Self, ParseWorkspaceTokenError> {
        let read = TokenText::read(TokenKind::Workspace, text);
        read.map(Self).ok_or(ParseWorkspaceTokenError)
    }

    /// The text of a new token, and the hash to store.
    pub fn write(id: TokenId, secret: &[u8; 32]) -> (Zeroizing<String>, TokenHash) {
        TokenText::write(TokenKind::Workspace, id, secret)
    }

    /// The id for the look-up of the stored token.
    pub const fn id(&self) -> &TokenId {
        self.0.id()
    }

    pub(super) fn matches(&self, stored: Option<&TokenHash>) -> bool {
        self.0.matches(stored)
    }
}

/// Text that is not a workspace token. The error does not quote the text, which may be another secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not a workspace token: expected `pwt_`, 16 hexadecimal digits, `_` and 72 hexadecimal digits"
)]
pub struct ParseWorkspaceTokenError;
