//! Several key services as one: what was encrypted by any of them opens, what is new goes to one. And none, where a
//! command that only reads must not create a key.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::{EncryptionContext, KeyService, KeyServiceError, Sealed, Secret};

/// The service that encrypts, and those whose ciphertexts are still in the store.
pub struct KeyServices {
    current: Arc<dyn KeyService>,
    others: Vec<Arc<dyn KeyService>>,
}

impl KeyServices {
    /// Encrypts with `current`, decrypts with whichever has encrypted.
    pub fn new(current: Arc<dyn KeyService>, others: Vec<Arc<dyn KeyService>>) -> Self {
        Self { current, others }
    }
}

#[async_trait]
impl KeyService for KeyServices {
    fn name(&self) -> &'static str {
        self.current.name()
    }

    async fn encrypt(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<Sealed, KeyServiceError> {
        self.current.encrypt(secret, context).await
    }

    async fn decrypt(
        &self,
        sealed: &Sealed,
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        let mut services = std::iter::once(&self.current).chain(&self.others);
        match services.find(|service| service.name() == sealed.service) {
            Some(service) => service.decrypt(sealed, context).await,
            None => Err(KeyServiceError::OtherKey {
                service: sealed.service.clone(),
                wanted: sealed.key_id.clone(),
                here: format!("one of `{}`", self.current.name()),
            }),
        }
    }

    async fn probe(&self) -> Result<(), KeyServiceError> {
        self.current.probe().await
    }

    async fn is_current(&self, sealed: &Sealed) -> Result<bool, KeyServiceError> {
        self.current.is_current(sealed).await
    }
}

/// The local key service without its key file: it encrypts and decrypts nothing.
pub struct MissingKeyService(
    /// Where the key file would be.
    pub PathBuf,
);

impl MissingKeyService {
    fn missing<T>(&self) -> Result<T, KeyServiceError> {
        let path = self.0.display();
        let text =
            format!("there is no key file {path}, and a command that only reads creates none");
        Err(KeyServiceError::KeyUnusable(text))
    }
}

#[async_trait]
impl KeyService for MissingKeyService {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn encrypt(
        &self,
        _secret: &Secret,
        _context: &EncryptionContext<'_>,
    ) -> Result<Sealed, KeyServiceError> {
        self.missing()
    }

    async fn decrypt(
        &self,
        _sealed: &Sealed,
        _context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        self.missing()
    }

    async fn is_current(&self, _sealed: &Sealed) -> Result<bool, KeyServiceError> {
        self.missing()
    }
}
