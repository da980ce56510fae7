//! The value of a secret in memory.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

    /// A new secret: 256 bits of the system's randomness, written as 43 characters that need no
    /// escaping in a header, a URL or a shell (base64url without padding, RFC 4648 §5).
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self::new(URL_SAFE_NO_PAD.encode(*bytes).into_bytes()))
    }

    /// The bytes themselves. Every use is a place to look at in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
