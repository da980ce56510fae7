//! Several key services as one: what was encrypted by any of them opens, what is new goes to one.

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
