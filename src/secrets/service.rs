//! The interface of a key service.

use async_trait::async_trait;

use super::{EncryptionContext, Secret, SecretRef};

/// Encrypts and decrypts versions of secrets.
///
/// Every call returns within a bounded time, however slow the service behind it is.
#[async_trait]
pub trait KeyService: Send + Sync {
    /// The name that is stored with its ciphertexts: `local` or `aws`.
    fn name(&self) -> &'static str;

    /// True if this service can decrypt `sealed`, as far as the stored names tell.
    fn has_key_of(&self, sealed: &EncryptedSecret) -> bool {
        sealed.service == self.name()
    }

    /// Encrypts `secret` for this context only.
    async fn encrypt(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<EncryptedSecret, KeyServiceError>;

    /// Decrypts the output of [`encrypt`](Self::encrypt).
    async fn decrypt(
        &self,
        sealed: &EncryptedSecret,
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError>;

    /// Checks the service: it encrypts and decrypts a value that is not secret.
    async fn probe(&self) -> Result<(), KeyServiceError> {
        let probe = SecretRef::new("readiness", "probe").map_err(|_| KeyServiceError::Corrupt)?;
        let context = EncryptionContext::new(&probe, 1);
        let secret = Secret::new(b"probe".to_vec());
        let sealed = self.encrypt(&secret, &context).await?;
        self.decrypt(&sealed, &context).await.map(drop)
    }

    /// True if [`encrypt`](Self::encrypt) would use the same key and format today.
    async fn is_current(&self, sealed: &EncryptedSecret) -> Result<bool, KeyServiceError>;
}

/// A ciphertext with the names of its key service and key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EncryptedSecret {
    /// The key service that encrypted it.
    pub service: String,
    /// The id of the key in that service.
    pub key_id: String,
    /// The ciphertext, in a format of the service.
    pub ciphertext: Vec<u8>,
}

/// A failed call of a key service. The text of the service is kept, except where it may quote a credential.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyServiceError {
    /// The service does not know the credentials, or the signature of the call is wrong.
    #[error("the key service rejects the credentials: {0}")]
    BadCredentials(String),

    /// No call slot became free in time.
    #[error("too many calls to the key service are in progress")]
    Busy,

    /// The ciphertext is damaged, or belongs to another secret or version.
    #[error("the ciphertext does not decrypt: it is damaged, or it belongs to another secret")]
    Corrupt,

    /// The credentials are valid and lack a permission.
    #[error("the key service denies access: {0}")]
    Denied(String),

    /// The key does not exist, is disabled or scheduled for deletion, or has another usage.
    #[error("the key cannot be used: {0}")]
    KeyUnusable(String),

    /// There are no credentials, or they have expired.
    #[error("no valid credentials for the key service: {0}")]
    NoCredentials(String),

    /// The ciphertext was encrypted with a key that this service does not have.
    #[error(
        "encrypted with key {wanted} of the key service `{service}`, but this key service has {here}"
    )]
    OtherKey {
        /// The service that encrypted it.
        service: String,
        /// The key that encrypted it.
        wanted: String,
        /// The key of this service.
        here: String,
    },

    /// The random number generator of the system failed.
    #[error("the system provides no random bytes")]
    Randomness,

    /// The service limits the rate of calls.
    #[error("the key service limits the rate of calls: {0}")]
    Throttled(String),

    /// The service did not answer in time.
    #[error("the key service did not answer in time")]
    TimedOut,

    /// The service cannot be reached, failed, or sent an answer that is not valid.
    #[error("the key service is unavailable: {0}")]
    Unavailable(String),
}

impl KeyServiceError {
    /// The words of all variants, indexed by [`kind`](Self::kind). Metrics use them as labels.
    pub const KINDS: [&'static str; 11] = [
        "bad_credentials",
        "busy",
        "corrupt",
        "denied",
        "key_unusable",
        "no_credentials",
        "other_key",
        "randomness",
        "throttled",
        "timed_out",
        "unavailable",
    ];

    /// The index of this variant in [`KINDS`](Self::KINDS).
    pub const fn kind(&self) -> usize {
        match self {
            Self::BadCredentials(_) => 0,
            Self::Busy => 1,
            Self::Corrupt => 2,
            Self::Denied(_) => 3,
            Self::KeyUnusable(_) => 4,
            Self::NoCredentials(_) => 5,
            Self::OtherKey { .. } => 6,
            Self::Randomness => 7,
            Self::Throttled(_) => 8,
            Self::TimedOut => 9,
            Self::Unavailable(_) => 10,
        }
    }

    /// True if the service answered and refused: a retry is useless until somebody changes something. Every other
    /// failure is temporary.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::BadCredentials(_)
            | Self::Corrupt
            | Self::Denied(_)
            | Self::KeyUnusable(_)
            | Self::OtherKey { .. } => true,
            Self::Busy
            | Self::NoCredentials(_)
            | Self::Randomness
            | Self::Throttled(_)
            | Self::TimedOut
            | Self::Unavailable(_) => false,
        }
    }
}
