//! What encrypts secrets at rest.

use async_trait::async_trait;

use super::{EncryptionContext, Secret};

/// Encrypts and decrypts versions of secrets.
#[async_trait]
pub trait KeyService: Send + Sync {
    /// The name that goes with its ciphertexts: `local`, later `aws`.
    fn name(&self) -> &'static str;

    /// Encrypts `secret` so that it decrypts only with the same context.
    async fn encrypt(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<Sealed, KeyServiceError>;

    /// Decrypts what [`encrypt`](Self::encrypt) gave.
    async fn decrypt(
        &self,
        sealed: &Sealed,
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError>;
}

/// An encrypted secret, and what is needed to know who can open it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// The key service that made it.
    pub service: String,
    /// The id of the key inside that service.
    pub key_id: String,
    /// The ciphertext, in a form of the service's own.
    pub ciphertext: Vec<u8>,
}

/// A key service that did not do its work.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyServiceError {
    /// The ciphertext is damaged, or belongs to another secret or version.
    #[error("the ciphertext does not decrypt here: it is damaged, or it belongs to another secret")]
    Corrupt,

    /// The ciphertext was made with a key that this service does not have.
    #[error(
        "encrypted with key {wanted} of the key service `{service}`, but the key here is {here}"
    )]
    OtherKey {
        /// The service that the ciphertext names.
        service: String,
        /// The key that the ciphertext names.
        wanted: String,
        /// The key that there is.
        here: String,
    },

    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    Randomness,
}
