//! Calls to AWS KMS, with a timeout for each and a limit on their number.

use std::error::Error;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::IdentityCache;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::data_keys::DataKey;
use super::failure::meaning;
use super::{AwsSettings, KeyName, MissingRegionError};
use crate::clock::Stopwatch;
use crate::secrets::aead::{KEY_LEN, SealingKey};
use crate::secrets::context::PURPOSE;
use crate::secrets::{EncryptionContext, KeyServiceError, Secret};

/// A client of AWS KMS for one key.
pub(super) struct KmsClient {
    client: Client,
    key: KeyName,
    region: String,
    calls: Semaphore,
    attempt_timeout: Duration,
    call_timeout: Duration,
}

impl KmsClient {
    /// A client with the default credential chain of the SDK: environment, profile, web identity, container,
    /// instance. The credentials are fetched with the first call.
    pub(super) async fn new(
        key: KeyName,
        settings: &AwsSettings,
    ) -> Result<Self, MissingRegionError> {
        let region = region(&key, settings).await.ok_or(MissingRegionError)?;
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            .operation_attempt_timeout(settings.attempt_timeout)
            .operation_timeout(settings.call_timeout)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(settings.attempts)
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(LONGEST_BACKOFF);
        // Shorter than an attempt, so that the error names the missing credentials.
        let identities = IdentityCache::lazy().load_timeout(settings.attempt_timeout.mul_f32(0.8));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(region.clone())
            .timeout_config(timeouts)
            .retry_config(retries)
            .identity_cache(identities.build());
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Ok(Self {
            client: Client::new(&loader.load().await),
            key,
            region: region.to_string(),
            calls: Semaphore::new(settings.max_calls_in_flight),
            attempt_timeout: settings.attempt_timeout,
            call_timeout: settings.call_timeout,
        })
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Encrypts a secret. Returns the ARN of the key and the ciphertext.
    pub(super) async fn encrypt(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<(String, Vec<u8>), KeyServiceError> {
        self.seal(secret.expose(), &context.pairs()).await
    }

    /// Decrypts what the key `key_id` encrypted.
    pub(super) async fn decrypt(
        &self,
        key_id: &str,
        blob: &[u8],
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        self.open(key_id, blob, &context.pairs())
            .await
            .map(Secret::new)
    }

    /// Creates a data key, as plaintext and wrapped.
    pub(super) async fn generate_data_key(&self) -> Result<DataKey, KeyServiceError> {
        let call = self
            .client
            .generate_data_key()
            .key_id(self.key.as_str())
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(PURPOSE, DATA_KEY);
        let answer = self.limited(Box::pin(call.send())).await?;
        Ok(DataKey {
            key: sealing_key(answer.plaintext.ok_or_else(incomplete)?.into_inner())?,
            wrapped: answer.ciphertext_blob.ok_or_else(incomplete)?.into_inner(),
            key_id: answer.key_id.ok_or_else(incomplete)?,
        })
    }

    /// Decrypts a data key that the key `key_id` wrapped.
    pub(super) async fn unwrap_data_key(
        &self,
        key_id: &str,
        wrapped: &[u8],
    ) -> Result<SealingKey, KeyServiceError> {
        let context = [(PURPOSE, DATA_KEY.to_owned())];
        sealing_key(self.open(key_id, wrapped, &context).await?)
    }

    /// Encrypts a value that is not secret.
    pub(super) async fn encrypt_probe(&self) -> Result<(String, Vec<u8>), KeyServiceError> {
        self.seal(b"probe", &[(PURPOSE, PROBE.to_owned())]).await
    }

    /// Decrypts what [`encrypt_probe`](Self::encrypt_probe) returned.
    pub(super) async fn decrypt_probe(
        &self,
        key_id: &str,
        blob: &[u8],
    ) -> Result<(), KeyServiceError> {
        let context = [(PURPOSE, PROBE.to_owned())];
        self.open(key_id, blob, &context).await.map(drop)
    }

    async fn seal(
        &self,
        plaintext: &[u8],
        context: &[(&str, String)],
    ) -> Result<(String, Vec<u8>), KeyServiceError> {
        let mut call = self
            .client
            .encrypt()
            .key_id(self.key.as_str())
            .plaintext(Blob::new(plaintext));
        for (name, value) in context {
            call = call.encryption_context(*name, value);
        }
        let answer = self.limited(Box::pin(call.send())).await?;
        Ok((
            answer.key_id.ok_or_else(incomplete)?,
            answer.ciphertext_blob.ok_or_else(incomplete)?.into_inner(),
        ))
    }

    async fn open(
        &self,
        key_id: &str,
        blob: &[u8],
        context: &[(&str, String)],
    ) -> Result<Vec<u8>, KeyServiceError> {
        let mut call = self
            .client
            .decrypt()
            .key_id(self.local_arn(key_id))
            .ciphertext_blob(Blob::new(blob));
        for (name, value) in context {
            call = call.encryption_context(*name, value);
        }
        let answer = self.limited(Box::pin(call.send())).await?;
        Ok(answer.plaintext.ok_or_else(incomplete)?.into_inner())
    }

    /// The ARN of a key in this region: a multi-Region key encrypts in one region and decrypts in every replica.
    fn local_arn(&self, key_id: &str) -> String {
        match key_id.splitn(5, ':').collect::<Vec<_>>().as_slice() {
            [arn, partition, service, _, key] if key.contains(":key/mrk-") => {
                [*arn, partition, service, &self.region, key].join(":")
            }
            _ => key_id.to_owned(),
        }
    }

    /// Runs a call when a slot is free. A call that waited so long that no full attempt fits is not started: aborted
    /// calls would only add load.
    async fn limited<T, E>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, KeyServiceError>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let waiting = Stopwatch::start();
        let longest = self.call_timeout.saturating_sub(self.attempt_timeout);
        let permit = tokio::time::timeout(longest, self.calls.acquire()).await;
        let _permit = permit.map_err(|_| KeyServiceError::Busy)?;
        let left = self.call_timeout.saturating_sub(waiting.elapsed());
        match tokio::time::timeout(left, call).await {
            Ok(answer) => answer.map_err(|error| meaning(&error)),
            Err(_) => Err(KeyServiceError::TimedOut),
        }
    }
}

/// The region: configured, that of the key, of the environment, or of the profile. The instance metadata is not
/// asked, because outside AWS the start would hang.
async fn region(key: &KeyName, settings: &AwsSettings) -> Option<Region> {
    let configured = settings.region.as_deref().or_else(|| key.region());
    if let Some(region) = configured {
        return Some(Region::new(region.to_owned()));
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .region()
        .await
}

fn sealing_key(bytes: Vec<u8>) -> Result<SealingKey, KeyServiceError> {
    let bytes = Zeroizing::new(bytes);
    <&[u8; KEY_LEN]>::try_from(bytes.as_slice())
        .map(SealingKey::new)
        .map_err(|_| KeyServiceError::Corrupt)
}

fn incomplete() -> KeyServiceError {
    KeyServiceError::Unavailable("its answer is incomplete".to_owned())
}

const DATA_KEY: &str = "data-key";
const PROBE: &str = "probe";
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
