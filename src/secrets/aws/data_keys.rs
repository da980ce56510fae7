//! Data keys: one call to KMS for many secrets.
//!
//! KMS returns a data key as plaintext and wrapped. The plaintext encrypts secrets here, each bound to its own
//! context, and stays in memory. The wrapped form is stored with each ciphertext.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::DataKeyBounds;
use super::client::KmsClient;
use crate::clock::Stopwatch;
use crate::secrets::KeyServiceError;
use crate::secrets::aead::SealingKey;

/// A data key as KMS returns it: plaintext and wrapped.
pub(super) struct DataKey {
    pub(super) key: SealingKey,
    pub(super) wrapped: Vec<u8>,
    /// The ARN of the key that wrapped it.
    pub(super) key_id: String,
}

/// The data keys in memory, zeroed on drop.
pub(super) struct DataKeys {
    bounds: DataKeyBounds,
    /// The key that encrypts. The first caller that finds it used up requests the next one; others wait.
    encrypting: Mutex<Option<CurrentDataKey>>,
    /// Decrypted data keys, by a hash of their wrapped form.
    unwrapped: Cache<[u8; 32], Arc<SealingKey>>,
}

struct CurrentDataKey {
    data_key: Arc<DataKey>,
    made: Stopwatch,
    uses: u32,
}

impl DataKeys {
    pub(super) fn new(bounds: DataKeyBounds, keep_unwrapped: Duration) -> Self {
        Self {
            bounds,
            encrypting: Mutex::new(None),
            unwrapped: Cache::builder()
                .max_capacity(MAX_UNWRAPPED)
                .time_to_live(keep_unwrapped)
                .build(),
        }
    }

    /// The data key for the next secret.
    pub(super) async fn for_encryption(
        &self,
        client: &KmsClient,
    ) -> Result<Arc<DataKey>, KeyServiceError> {
        let mut encrypting = self.encrypting.lock().await;
        let in_bounds = |it: &&mut CurrentDataKey| {
            it.uses < self.bounds.max_secrets && it.made.elapsed() < self.bounds.max_age
        };
        if let Some(known) = encrypting.as_mut().filter(in_bounds) {
            known.uses += 1;
            return Ok(Arc::clone(&known.data_key));
        }
        let made = Stopwatch::start();
        let data_key = Arc::new(client.generate_data_key().await?);
        *encrypting = Some(CurrentDataKey {
            data_key: Arc::clone(&data_key),
            made,
            uses: 1,
        });
        Ok(data_key)
    }

    /// The data key in `wrapped`. Concurrent requests for the same one cause a single call.
    pub(super) async fn unwrapped(
        &self,
        client: &KmsClient,
        key_id: &str,
        wrapped: &[u8],
    ) -> Result<Arc<SealingKey>, KeyServiceError> {
        // The key id is part of the name: a row with another key id must not use this cached data key.
        let name = Sha256::new()
            .chain_update(key_id)
            .chain_update([0])
            .chain_update(wrapped)
            .finalize();
        self.unwrapped
            .try_get_with(name.into(), async {
                client.unwrap_data_key(key_id, wrapped).await.map(Arc::new)
            })
            .await
            .map_err(|error: Arc<KeyServiceError>| (*error).clone())
    }
}

/// A few kilobytes each, including the overhead of the cache.
const MAX_UNWRAPPED: u64 = 10_000;
