//! Data keys: one call to KMS for many secrets.
//!
//! KMS makes a data key and gives it twice, open and wrapped. The open one encrypts secrets here, each bound to
//! its own context, and never leaves the memory; the wrapped one stands beside each of them in the store.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::DataKeyBounds;
use super::client::KmsClient;
use super::data_key::DataKey;
use crate::clock::Stopwatch;
use crate::secrets::KeyServiceError;
use crate::secrets::aead::SealingKey;

/// The data keys that are in memory; each is zeroed when it goes.
pub(super) struct DataKeys {
    bounds: DataKeyBounds,
    /// The one that encrypts. Whoever finds it used up makes the next, and the others wait for it.
    encrypting: Mutex<Option<Encrypting>>,
    /// Those that were unwrapped, by the hash of their wrapped form.
    unwrapped: Cache<[u8; 32], Arc<SealingKey>>,
}

struct Encrypting {
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

    /// The data key that encrypts the next secret.
    pub(super) async fn for_encryption(
        &self,
        client: &KmsClient,
    ) -> Result<Arc<DataKey>, KeyServiceError> {
        let mut encrypting = self.encrypting.lock().await;
        let in_bounds = |it: &&mut Encrypting| {
            it.uses < self.bounds.max_secrets && it.made.elapsed() < self.bounds.max_age
        };
        if let Some(known) = encrypting.as_mut().filter(in_bounds) {
            known.uses += 1;
            return Ok(Arc::clone(&known.data_key));
        }
        let made = Stopwatch::start();
        let data_key = Arc::new(client.generate_data_key().await?);
        *encrypting = Some(Encrypting {
            data_key: Arc::clone(&data_key),
            made,
            uses: 1,
        });
        Ok(data_key)
    }

    /// The data key that `wrapped` holds. KMS is asked once, however many secrets wait for it.
    pub(super) async fn unwrapped(
        &self,
        client: &KmsClient,
        key_id: &str,
        wrapped: &[u8],
    ) -> Result<Arc<SealingKey>, KeyServiceError> {
        // The key goes into it: a row that names another one is not opened by what this one has unwrapped.
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

/// A few kilobytes each, with what the cache needs around them.
const MAX_UNWRAPPED: u64 = 10_000;
