//! A list of key services behind one interface, and a placeholder without a key.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::{EncryptedSecret, EncryptionContext, KeyService, KeyServiceError, Secret};

/// A list of key services: one encrypts, and each decrypts what it encrypted. Several may have the same name, such as
/// two local keys.
pub struct KeyServices {
    current: Arc<dyn KeyService>,
    all: Vec<Arc<dyn KeyService>>,
}

impl KeyServices {
    /// The first of `services` with the name `current` encrypts. `None` if there is none.
    pub fn new(current: &str, services: Vec<Arc<dyn KeyService>>) -> Option<Self> {
        let encrypts = services.iter().find(|service| service.name() == current)?;
        Some(Self {
            current: Arc::clone(encrypts),
            all: services,
        })
    }

    /// The service that decrypts `sealed`. If none has the key, one of the same name explains which key it has.
    fn service_of(&self, sealed: &EncryptedSecret) -> Option<&Arc<dyn KeyService>> {
        let mut all = self.all.iter();
        all.find(|service| service.has_key_of(sealed)).or_else(|| {
            let mut all = self.all.iter();
            all.find(|service| service.name() == sealed.service)
        })
    }
}

#[async_trait]
impl KeyService for KeyServices {
    fn name(&self) -> &'static str {
        self.current.name()
    }

    fn has_key_of(&self, sealed: &EncryptedSecret) -> bool {
        self.all.iter().any(|service| service.has_key_of(sealed))
    }

    async fn encrypt(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<EncryptedSecret, KeyServiceError> {
        self.current.encrypt(secret, context).await
    }

    async fn decrypt(
        &self,
        sealed: &EncryptedSecret,
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        match self.service_of(sealed) {
            Some(service) => service.decrypt(sealed, context).await,
            None => Err(KeyServiceError::OtherKey {
                service: sealed.service.clone(),
                wanted: sealed.key_id.clone(),
                here: format!("a key of `{}`", self.current.name()),
            }),
        }
    }

    async fn probe(&self) -> Result<(), KeyServiceError> {
        self.current.probe().await
    }

    async fn is_current(&self, sealed: &EncryptedSecret) -> Result<bool, KeyServiceError> {
        self.current.is_current(sealed).await
    }
}

/// The local key service without its key file, for commands that must not create a key. Every call fails.
pub struct MissingKeyServiceError(
    /// The path of the missing key file.
    pub PathBuf,
);

impl MissingKeyServiceError {
    fn missing<T>(&self) -> Result<T, KeyServiceError> {
        let path = self.0.display();
        let text = format!(
            "there is no key file {path}, and a command that only reads does not create it"
        );
        Err(KeyServiceError::KeyUnusable(text))
    }
}

#[async_trait]
impl KeyService for MissingKeyServiceError {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn encrypt(
        &self,
        _secret: &Secret,
        _context: &EncryptionContext<'_>,
    ) -> Result<EncryptedSecret, KeyServiceError> {
        self.missing()
    }

    async fn decrypt(
        &self,
        _sealed: &EncryptedSecret,
        _context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        self.missing()
    }

    async fn is_current(&self, _sealed: &EncryptedSecret) -> Result<bool, KeyServiceError> {
        self.missing()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::secrets::{LocalKeyService, SecretRef};

    fn local(path: &Path) -> Arc<dyn KeyService> {
        Arc::new(LocalKeyService::open_or_create(path).unwrap())
    }

    #[tokio::test]
    async fn each_service_decrypts_what_it_encrypted_even_among_services_of_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new, lost] =
            ["old.key", "new.key", "lost.key"].map(|name| local(&folder.path().join(name)));
        let address: SecretRef = "workflows/w#webhook".parse().unwrap();
        let context = EncryptionContext::new(&address, 1);
        let value = Secret::new(b"value".to_vec());
        let by_old = old.encrypt(&value, &context).await.unwrap();
        let by_lost = lost.encrypt(&value, &context).await.unwrap();

        let services = KeyServices::new("local", vec![Arc::clone(&new), old]).unwrap();
        let by_new = services.encrypt(&value, &context).await.unwrap();
        assert!(services.is_current(&by_new).await.unwrap());
        assert!(!services.is_current(&by_old).await.unwrap());
        for sealed in [&by_old, &by_new] {
            assert!(services.has_key_of(sealed));
            let opened = services.decrypt(sealed, &context).await.unwrap();
            assert_eq!(opened.expose(), b"value");
        }
        assert!(!services.has_key_of(&by_lost));
        let error = services.decrypt(&by_lost, &context).await.err();
        assert!(
            matches!(&error, Some(KeyServiceError::OtherKey { here, .. }) if *here == by_new.key_id),
            "{error:?}"
        );
        assert!(KeyServices::new("aws", vec![new]).is_none());
    }
}
