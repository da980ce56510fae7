//! The value of a secret in memory.

use zeroize::Zeroizing;

/// Secret bytes, zeroed on drop.
///
/// The type has no `Debug`, `Display`, `Clone`, `PartialEq` or `Serialize`. It cannot be logged by accident or
/// compared in variable time.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of `bytes` without a copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new secret: 256 random bits as 64 hex digits (RFC 4648 §8), which need no escaping in a header, a URL or a
    /// shell. Schemes with base64 keys can read it too.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self::new(hex::encode(*bytes).into_bytes()))
    }

    /// The bytes. Every call deserves a look in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
