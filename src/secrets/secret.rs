//! The value of a secret in memory.

use zeroize::Zeroizing;

/// Secret bytes.
///
/// The type has no `Debug`, `Display`, `Clone`, `PartialEq` or `Serialize`: it cannot reach a log by
/// accident or be compared in a time that tells something. It is zeroed when it is dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new secret: 256 bits of the system's randomness, written as 64 characters that need no
    /// escaping in a header, a URL or a shell (base 16, RFC 4648 §8). A scheme whose keys are written
    /// in base 64 can read them too.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self::new(hex::encode(*bytes).into_bytes()))
    }

    /// The bytes themselves. Every use is a place to look at in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
