//! The key service `aws`: AWS KMS.
//!
//! ```text
//! KeyName, AwsSettings   the configuration
//! KmsClient              calls with a timeout for each and a limit on their number
//! failure                errors of KMS as `KeyServiceError`
//! Form                   the ciphertext formats: encrypted by KMS, or by a wrapped data key
//! DataKeys               the encrypting data key, bounded by age and use, and the decrypted ones
//! ```

mod client;
mod data_keys;
mod failure;
mod form;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use self::client::KmsClient;
use self::data_keys::DataKeys;
pub use self::form::CiphertextFormat;
pub use self::settings::{
    AwsSettings, DataKeyBounds, KeyName, MissingRegionError, ParseKeyNameError,
};
use super::{EncryptedSecret, EncryptionContext, KeyService, KeyServiceError, Secret};

/// Encrypts with a key that never leaves AWS.
pub struct AwsKeyService {
    client: KmsClient,
    data_keys: Arc<DataKeys>,
    /// Whether secrets are encrypted with data keys.
    shared: bool,
    /// The ARN of the key, once known. The configuration may name an alias.
    arn: OnceCell<String>,
}

impl AwsKeyService {
    /// Prepares the client without a call, so that a server starts while AWS is down.
    ///
    /// Decrypted data keys are cached for `keep_unwrapped`.
    pub async fn open(
        key: KeyName,
        settings: &AwsSettings,
        keep_unwrapped: Duration,
    ) -> Result<Self, MissingRegionError> {
        Ok(Self {
            client: KmsClient::new(key, settings).await?,
            data_keys: Arc::new(DataKeys::new(settings.data_keys, keep_unwrapped)),
            shared: settings.shares_data_keys,
            arn: OnceCell::new(),
        })
    }

    /// The ARN of the configured key. An encryption returns it, so no further permission is needed.
    async fn key_arn(&self) -> Result<String, KeyServiceError> {
        let (key_id, _) = self.client.encrypt_probe().await?;
        Ok(key_id)
    }

    /// The region of the service.
    pub fn region(&self) -> &str {
        self.client.region()
    }
}

#[async_trait]
impl KeyService for AwsKeyService {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn encrypt(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<EncryptedSecret, KeyServiceError> {
        let (key_id, ciphertext) = if self.shared {
            let data_key = self.data_keys.for_encryption(&self.client).await?;
            let sealed = data_key.key.seal(secret, context)?;
            let ciphertext = CiphertextFormat::by_data_key(&data_key.wrapped, &sealed)?;
            (data_key.key_id.clone(), ciphertext)
        } else {
            let (key_id, blob) = self.client.encrypt(secret, context).await?;
            (key_id, CiphertextFormat::by_service(&blob))
        };
        // Saves a later call.
        let _ = self.arn.set(key_id.clone());
        Ok(EncryptedSecret {
            service: NAME.to_owned(),
            key_id,
            ciphertext,
        })
    }

    async fn decrypt(
        &self,
        sealed: &EncryptedSecret,
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        match CiphertextFormat::read(&sealed.ciphertext).ok_or(KeyServiceError::Corrupt)? {
            CiphertextFormat::ByService(blob) => {
                self.client.decrypt(&sealed.key_id, blob, context).await
            }
            CiphertextFormat::ByDataKey {
                wrapped,
                ciphertext,
            } => {
                let key = self
                    .data_keys
                    .unwrapped(&self.client, &sealed.key_id, wrapped);
                key.await?.open(ciphertext, context)
            }
        }
    }

    /// Probes KMS itself: a cached data key would hide an outage.
    async fn probe(&self) -> Result<(), KeyServiceError> {
        let (key_id, blob) = self.client.encrypt_probe().await?;
        self.client.decrypt_probe(&key_id, &blob).await
    }

    async fn is_current(&self, sealed: &EncryptedSecret) -> Result<bool, KeyServiceError> {
        let form = CiphertextFormat::read(&sealed.ciphertext);
        let is_shared = matches!(form, Some(CiphertextFormat::ByDataKey { .. }));
        if sealed.service != NAME || is_shared != self.shared {
            return Ok(false);
        }
        let arn = self.arn.get_or_try_init(|| self.key_arn()).await?;
        Ok(*arn == sealed.key_id)
    }
}

const NAME: &str = "aws";
