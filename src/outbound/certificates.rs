//! Certificates that were fetched, and questions that had no answer.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use moka::Expiry;
use moka::future::Cache;

use super::OutboundError;
use crate::auth::{Algorithm, CertificateUrl, Certified};
use crate::clock::Clock;

type Kept = Result<Certified, OutboundError>;

/// Certificates by where they are.
pub(super) struct Certificates(Cache<(CertificateUrl, Algorithm), Kept>);

impl Certificates {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let cache = Cache::builder()
            .max_capacity(MAX_CERTIFICATES)
            .expire_after(Lifetime(clock))
            .build();
        Self(cache)
    }

    /// The certificate at `url`, out of what `fetching` gives if it is not known. It is fetched once,
    /// however many wait for it.
    pub(super) async fn at(
        &self,
        url: &CertificateUrl,
        algorithm: Algorithm,
        fetching: impl Future<Output = Result<BytesMut, OutboundError>>,
    ) -> Kept {
        let read = async {
            let certified = Certified::read(algorithm, &fetching.await?);
            certified.map_err(|_| OutboundError::NoCertificate)
        };
        self.0.get_with((url.clone(), algorithm), read).await
    }
}

struct Lifetime(Arc<dyn Clock>);

impl Expiry<(CertificateUrl, Algorithm), Kept> for Lifetime {
    fn expire_after_create(
        &self,
        _: &(CertificateUrl, Algorithm),
        kept: &Kept,
        _: Instant,
    ) -> Option<Duration> {
        Some(match kept {
            Ok(certified) => {
                let left = certified.not_after().duration_since(self.0.now());
                let left = Duration::try_from(left).unwrap_or_default();
                left.clamp(AFTER_FAILURE, LONGEST)
            }
            Err(_) => AFTER_FAILURE,
        })
    }
}

/// There is one a region, and another one each year.
const MAX_CERTIFICATES: u64 = 256;
/// The name of a certificate changes with it, so this only bounds for how long nobody looks.
const LONGEST: Duration = Duration::from_hours(24 * 7);
/// Senders repeat after 20 seconds; strangers may at once.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
