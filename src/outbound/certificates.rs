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

type Name = (CertificateUrl, Algorithm);

/// Certificates by where they are.
///
/// Strangers can make up names. What came of those is kept apart, so that it displaces no certificate.
pub(super) struct Certificates {
    known: Cache<Name, Certified>,
    failed: Cache<Name, OutboundError>,
}

impl Certificates {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            known: Cache::builder()
                .max_capacity(MAX_KEPT)
                .expire_after(Lifetime(clock))
                .build(),
            failed: Cache::builder()
                .max_capacity(MAX_KEPT)
                .time_to_live(AFTER_FAILURE)
                .build(),
        }
    }

    /// The certificate at `url`, out of what `fetching` gives if it is not known. It is fetched once,
    /// however many wait for it.
    pub(super) async fn at(
        &self,
        url: &CertificateUrl,
        algorithm: Algorithm,
        fetching: impl Future<Output = Result<BytesMut, OutboundError>>,
    ) -> Result<Certified, OutboundError> {
        let name = (url.clone(), algorithm);
        if let Some(error) = self.failed.get(&name).await {
            return Err(error);
        }
        let read = async {
            let certified = Certified::read(algorithm, &fetching.await?);
            certified.map_err(|_| OutboundError::NoCertificate)
        };
        let known = self.known.try_get_with_by_ref(&name, read).await;
        match known {
            Ok(certified) => Ok(certified),
            Err(error) => {
                let error = (*error).clone();
                // Whoever did not get a turn has learnt nothing about this one.
                if error != OutboundError::Busy {
                    self.failed.insert(name, error.clone()).await;
                }
                Err(error)
            }
        }
    }
}

struct Lifetime(Arc<dyn Clock>);

impl Expiry<Name, Certified> for Lifetime {
    fn expire_after_create(&self, _: &Name, certified: &Certified, _: Instant) -> Option<Duration> {
        let left = certified.not_after().duration_since(self.0.now());
        let left = Duration::try_from(left).unwrap_or_default();
        Some(left.clamp(AFTER_FAILURE, LONGEST))
    }
}

/// There is one a region, and another one each year.
const MAX_KEPT: u64 = 256;
/// The name of a certificate changes with it, so this only bounds for how long nobody looks.
const LONGEST: Duration = Duration::from_hours(24 * 7);
/// Senders repeat after 20 seconds; strangers may at once.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
