//! What encrypts secrets at rest.

use async_trait::async_trait;

use super::{EncryptionContext, Secret, SecretRef};

/// Encrypts and decrypts versions of secrets.
///
/// It answers in bounded time, however long whatever stands behind it takes.
#[async_trait]
pub trait KeyService: Send + Sync {
    /// The name that goes with its ciphertexts: `local` or `aws`.
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

    /// Whether the service does its work: it encrypts and decrypts something that is no secret.
    async fn probe(&self) -> Result<(), KeyServiceError> {
        let probe = SecretRef::new("readiness", "probe").map_err(|_| KeyServiceError::Corrupt)?;
        let context = EncryptionContext::new(&probe, 1);
        let secret = Secret::new(b"probe".to_vec());
        let sealed = self.encrypt(&secret, &context).await?;
        self.decrypt(&sealed, &context).await.map(drop)
    }

    /// Whether [`encrypt`](Self::encrypt) would make it with the same key and in the same form today.
    async fn is_current(&self, sealed: &Sealed) -> Result<bool, KeyServiceError>;
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

/// A key service that did not do its work. What a service has said is in it, and no credential ever.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyServiceError {
    /// The service does not know these credentials, or they do not sign as they should.
    #[error("the key service does not accept the credentials: {0}")]
    BadCredentials(String),

    /// Too many calls are under way already, and none of them ended in time.
    #[error("too many calls to the key service are under way")]
    Busy,

    /// The ciphertext is damaged, or belongs to another secret or version.
    #[error("the ciphertext does not decrypt here: it is damaged, or it belongs to another secret")]
    Corrupt,

    /// The service knows who asks, and that it may not.
    #[error("the key service denies it: {0}")]
    Denied(String),

    /// The key is not there, disabled, about to be deleted, or one for something else.
    #[error("the key cannot be used: {0}")]
    KeyUnusable(String),

    /// There are no credentials to ask with, or they have expired.
    #[error("no valid credentials for the key service: {0}")]
    NoCredentials(String),

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

    /// The service is asked more often than it allows.
    #[error("the key service is asked too often: {0}")]
    Throttled(String),

    /// The service did not answer in time.
    #[error("the key service did not answer in time")]
    TimedOut,

    /// The service cannot be reached, has failed itself, or said what nobody understands.
    #[error("the key service cannot be used: {0}")]
    Unavailable(String),
}

impl KeyServiceError {
    /// The words of all variants, in the order of [`kind`](Self::kind)'s numbers.
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

    /// Its position in [`KINDS`](Self::KINDS).
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

    /// Whether the service has answered, and the answer is no: asking again changes nothing until somebody
    /// has done something about it. Everything else passes by itself.
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
