//! The cache of provider certificates, and of failed fetches.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use moka::Expiry;
use moka::future::Cache;

use super::OutboundError;
use crate::auth::{Algorithm, CertificateKeys, CertificateUrl};
use crate::clock::Clock;

type Key = (CertificateUrl, Algorithm);

/// Certificates by URL and algorithm.
///
/// Unauthenticated senders choose URLs. Failures have a cache of their own, so that they evict no certificate.
pub(super) struct Certificates {
    fetched: Cache<Key, CertificateKeys>,
    failed: Cache<Key, OutboundError>,
}

impl Certificates {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            fetched: Cache::builder()
                .max_capacity(MAX_CERTIFICATES)
                .expire_after(Lifetime(clock))
                .build(),
            failed: Cache::builder()
                .max_capacity(MAX_CERTIFICATES)
                .time_to_live(FAILURE_LIFETIME)
                .build(),
        }
    }

    /// The certificate at `url`, from the cache or from `fetch`. Concurrent callers share one fetch.
    pub(super) async fn at(
        &self,
        url: &CertificateUrl,
        algorithm: Algorithm,
        fetch: impl Future<Output = Result<BytesMut, OutboundError>>,
    ) -> Result<CertificateKeys, OutboundError> {
        let key = (url.clone(), algorithm);
        if let Some(error) = self.failed.get(&key).await {
            return Err(error);
        }
        let load = async {
            let certified = CertificateKeys::read(algorithm, &fetch.await?);
            certified.map_err(|_| OutboundError::NoCertificate)
        };
        let fetched = self.fetched.try_get_with_by_ref(&key, load).await;
        match fetched {
            Ok(certified) => Ok(certified),
            Err(error) => {
                let error = (*error).clone();
                // A caller that was turned away says nothing about the certificate.
                if error != OutboundError::Busy {
                    self.failed.insert(key, error.clone()).await;
                }
                Err(error)
            }
        }
    }
}

struct Lifetime(Arc<dyn Clock>);

impl Expiry<Key, CertificateKeys> for Lifetime {
    fn expire_after_create(
        &self,
        _: &Key,
        certified: &CertificateKeys,
        _: Instant,
    ) -> Option<Duration> {
        let left = certified.not_after().duration_since(self.0.now());
        let left = Duration::try_from(left).unwrap_or_default();
        Some(left.clamp(FAILURE_LIFETIME, MAX_LIFETIME))
    }
}

/// Each region has one certificate, which is replaced once a year.
const MAX_CERTIFICATES: u64 = 256;
/// A new certificate has a new URL, so this only bounds how long an unused one is kept.
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 7);
/// Amazon SNS retries after 20 seconds. An attacker may retry at once.
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);
