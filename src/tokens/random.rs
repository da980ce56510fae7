//! Random secrets and tokens.

use zeroize::Zeroizing;

use super::TokenError;
use crate::auth::{TokenHash, TokenId, TokenKind, TokenText, read_secret, write_secret};

/// 256 random bits: the secret of a token, a login link or a session.
pub struct RandomSecret(Zeroizing<[u8; 32]>);

impl RandomSecret {
    /// A new secret.
    pub fn draw() -> Result<Self, TokenError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| TokenError::Randomness)?;
        Ok(Self(bytes))
    }

    /// Parses [`text`](Self::text).
    pub fn read(text: &str) -> Option<Self> {
        read_secret(text.as_bytes()).map(Self)
    }

    /// The secret as 64 hexadecimal digits.
    pub fn text(&self) -> Zeroizing<String> {
        write_secret(&self.0)
    }

    /// The hash to store.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }

    /// The random bits.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A token of random bits. The text is shown once and never stored.
pub struct RandomToken {
    /// The public id.
    pub id: TokenId,
    /// The token itself.
    pub text: Zeroizing<String>,
    /// The hash to store.
    pub hash: TokenHash,
}

impl RandomToken {
    /// A new token of a kind.
    pub fn draw(kind: TokenKind) -> Result<Self, TokenError> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|_| TokenError::Randomness)?;
        let id = TokenId::new(id);
        let (text, hash) = TokenText::write(kind, id, RandomSecret::draw()?.bytes());
        Ok(Self { id, text, hash })
    }
}
