//! AES-256-GCM over a secret and its context, for key services with a key in memory.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

use super::{EncryptionContext, KeyServiceError, Secret};

/// A 256-bit key, ready to use and zeroed on drop.
///
/// A ciphertext is a random 96-bit nonce followed by the output of AES-256-GCM (NIST SP 800-38D). One key seals far
/// fewer messages than the 2^32 that random nonces allow.
pub(super) struct SealingKey(Aes256Gcm);

impl SealingKey {
    pub(super) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Encrypts `secret` for this context only.
    pub(super) fn seal(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<Vec<u8>, KeyServiceError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| KeyServiceError::Randomness)?;
        let payload = Payload {
            msg: secret.expose(),
            aad: &context.to_bytes(),
        };
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| KeyServiceError::Corrupt)?;
        let mut ciphertext = nonce.to_vec();
        ciphertext.extend_from_slice(&sealed);
        Ok(ciphertext)
    }

    /// Decrypts the output of [`seal`](Self::seal).
    pub(super) fn open(
        &self,
        ciphertext: &[u8],
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        let (nonce, body) = ciphertext
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(KeyServiceError::Corrupt)?;
        let payload = Payload {
            msg: body,
            aad: &context.to_bytes(),
        };
        self.0
            .decrypt(&Nonce::from(*nonce), payload)
            .map(Secret::new)
            .map_err(|_| KeyServiceError::Corrupt)
    }
}

/// In bytes.
pub(super) const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 12;
