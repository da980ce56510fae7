//! What is known about a secret, and what a delivery does with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use super::KeyError;
use crate::clock::Stopwatch;
use crate::secrets::open::{OpenSecret, OpenVersion};

/// The cache entry of a secret.
#[derive(Default)]
pub(super) struct CacheEntry {
    result: ArcSwapOption<LoadResult>,
    invalidations: AtomicU64,
}

impl CacheEntry {
    /// The result of the last load.
    pub(super) fn result(&self) -> Option<Arc<LoadResult>> {
        self.result.load_full()
    }

    pub(super) fn put(&self, result: LoadResult) {
        self.result.store(Some(Arc::new(result)));
    }

    /// Invalidates the result: the secret has changed.
    pub(super) fn invalidate(&self) {
        self.invalidations.fetch_add(1, Ordering::SeqCst);
    }

    /// The current stamp. It differs after every invalidation.
    pub(super) fn stamp(&self, epoch: u64) -> Stamp {
        Stamp {
            invalidations: self.invalidations.load(Ordering::SeqCst),
            epoch,
        }
    }
}

/// Counts invalidations, of this secret and of all secrets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    invalidations: u64,
    epoch: u64,
}

/// The result of a load.
pub(super) struct LoadResult {
    /// The stamp before the load read the store.
    pub(super) stamp: Stamp,
    pub(super) content: Content,
    /// The last failure, if a load or a part of it failed.
    pub(super) failure: Option<LoadFailure>,
    /// When the oldest value in it was decrypted.
    pub(super) since: Stopwatch,
    /// The age at which it is refreshed. It varies by secret, so that refreshes are spread out.
    pub(super) refresh_after: Duration,
    /// The decrypted versions, for the next load.
    pub(super) opened: Vec<Arc<OpenVersion>>,
}

/// What the store holds, as far as it could be decrypted.
#[derive(Clone)]
pub(super) enum Content {
    Bound(BoundSecret),
    /// No version is valid.
    Unbound,
    /// Unknown, because the load failed.
    Nothing,
}

#[derive(Clone)]
pub(super) struct BoundSecret {
    pub(super) secret: Arc<OpenSecret>,
    /// Whether a valid version is missing.
    pub(super) is_incomplete: bool,
    /// When the available versions expire, if the current one is not among them.
    pub(super) until: Option<Timestamp>,
}

/// A load that failed, wholly or for one version.
#[derive(Clone)]
pub(super) struct LoadFailure {
    pub(super) error: KeyError,
    /// Whether the current version is missing, and not only the previous one.
    pub(super) affects_current: bool,
    /// Whether the key service has refused since it last succeeded.
    pub(super) was_refused: bool,
    /// The same for the current version alone. Refusals of another version do not affect it.
    pub(super) current_was_refused: bool,
    /// The number of consecutive failures.
    pub(super) failures: u32,
    /// When the last one happened.
    pub(super) at: Stopwatch,
    /// How long no retry is made.
    pub(super) pause: Duration,
}

/// What a delivery does with the result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CacheDecision {
    /// Use it.
    Now,
    /// Use it and refresh it in the background.
    Refresh,
    /// Use it past its TTL, because a retry is not due yet.
    Grace,
    /// Use it past its TTL and retry in the background.
    GraceAndRefresh,
    /// Wait for a load.
    Load,
    /// Fail with the error of the last load, because a retry is not due yet.
    Refuse,
}

/// How long a decrypted value may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheTimes {
    pub(super) to_live: Duration,
    pub(super) grace: Duration,
}

impl LoadResult {
    /// True if nothing has changed since.
    pub(super) fn is_about(&self, stamp: Stamp) -> bool {
        self.stamp == stamp
    }

    /// What a delivery does that has waited for this load, although the TTL has already passed.
    pub(super) fn once(&self) -> CacheDecision {
        match self.failure {
            None => CacheDecision::Now,
            Some(_) => CacheDecision::Refuse,
        }
    }

    /// What a delivery does at this moment.
    pub(super) fn usage(&self, times: CacheTimes) -> CacheDecision {
        let age = self.since.elapsed();
        let failure = self.failure.as_ref();
        let may_ask = failure.is_none_or(|failure| {
            // The backoff applies to the version that failed. It must not keep the other one from being refreshed.
            let other = !failure.affects_current && age >= self.refresh_after;
            other || failure.at.elapsed() >= failure.pause
        });
        let otherwise = if may_ask {
            CacheDecision::Load
        } else {
            CacheDecision::Refuse
        };
        match &self.content {
            Content::Bound(bound) if age < times.to_live => {
                let is_due = bound.is_incomplete || age >= self.refresh_after;
                if is_due && may_ask {
                    CacheDecision::Refresh
                } else {
                    CacheDecision::Now
                }
            }
            Content::Bound(_) => match failure {
                // A refusal gets no grace time: somebody may have revoked the key.
                Some(failure)
                    if !failure.current_was_refused && age < times.to_live + times.grace =>
                {
                    if may_ask {
                        CacheDecision::GraceAndRefresh
                    } else {
                        CacheDecision::Grace
                    }
                }
                _ => otherwise,
            },
            Content::Unbound if age < times.to_live => CacheDecision::Now,
            Content::Unbound => CacheDecision::Load,
            Content::Nothing => otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::secrets::{EncryptedSecret, KeyServiceError, Secret, StoredVersion};

    const TIMES: CacheTimes = CacheTimes {
        to_live: Duration::from_mins(5),
        grace: Duration::from_secs(100),
    };
    const REFRESH_AFTER: Duration = Duration::from_secs(200);
    const PAUSE: Duration = Duration::from_secs(10);

    fn bound(is_incomplete: bool) -> Content {
        let stored = StoredVersion {
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            ends_at: None,
            kind: None,
            challenges: Vec::new(),
            sealed: EncryptedSecret {
                service: "local".to_owned(),
                key_id: String::new(),
                ciphertext: Vec::new(),
            },
        };
        let opened = OpenVersion::new(&stored, Secret::new(Vec::new()), Stopwatch::start());
        Content::Bound(BoundSecret {
            secret: Arc::new(OpenSecret::new(Arc::new(opened), None)),
            is_incomplete,
            until: None,
        })
    }

    /// A failure of the previous version, of the current one, or a refusal of the current one.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Fault {
        Previous,
        Current,
        Refusal,
    }

    /// What a delivery does `age` seconds after the load, and `since_fault` seconds after a fault.
    async fn usage(content: &Content, age: u64, fault: Option<(Fault, u64)>) -> CacheDecision {
        let since_fault = fault.map_or(0, |(_, seconds)| seconds);
        let since = Stopwatch::start();
        advance(Duration::from_secs(age - since_fault)).await;
        let failure = fault.map(|(fault, _)| LoadFailure {
            error: KeyServiceError::TimedOut.into(),
            affects_current: fault != Fault::Previous,
            was_refused: fault == Fault::Refusal,
            current_was_refused: fault == Fault::Refusal,
            failures: 1,
            at: Stopwatch::start(),
            pause: PAUSE,
        });
        advance(Duration::from_secs(since_fault)).await;
        let result = LoadResult {
            stamp: CacheEntry::default().stamp(0),
            content: content.clone(),
            failure,
            since,
            refresh_after: REFRESH_AFTER,
            opened: Vec::new(),
        };
        result.usage(TIMES)
    }

    #[tokio::test(start_paused = true)]
    async fn a_bound_secret_is_used_for_its_ttl_and_through_an_outage_for_the_grace_time() {
        use CacheDecision::{Grace, GraceAndRefresh, Load, Now, Refresh, Refuse};
        use Fault::{Current, Previous, Refusal};
        for (is_incomplete, age, fault, expected) in [
            (false, 0, None, Now),
            (false, 199, None, Now),
            (false, 200, None, Refresh),
            (false, 299, None, Refresh),
            (false, 300, None, Load),
            // The backoff after a fault keeps the refresh back, not the deliveries.
            (false, 250, Some((Current, 9)), Now),
            (false, 250, Some((Current, 10)), Refresh),
            (true, 20, Some((Previous, 9)), Now),
            (true, 20, Some((Previous, 10)), Refresh),
            // The backoff of the previous version does not keep back the current one.
            (true, 250, Some((Previous, 9)), Refresh),
            // Past its TTL, only an outage gives it a grace time.
            (false, 300, Some((Current, 9)), Grace),
            (false, 300, Some((Current, 10)), GraceAndRefresh),
            (false, 399, Some((Current, 9)), Grace),
            (false, 400, Some((Current, 9)), Refuse),
            (false, 400, Some((Current, 10)), Load),
            (false, 300, Some((Refusal, 9)), Refuse),
            (false, 300, Some((Refusal, 10)), Load),
        ] {
            let found = usage(&bound(is_incomplete), age, fault).await;
            assert_eq!(found, expected, "{is_incomplete} {age} {fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_value_a_delivery_loads_unless_a_recent_load_says_that_there_is_none() {
        use CacheDecision::{Load, Now, Refuse};
        for (content, age, fault, expected) in [
            (Content::Unbound, 0, None, Now),
            (Content::Unbound, 299, None, Now),
            (Content::Unbound, 300, None, Load),
            (Content::Nothing, 9, Some((Fault::Current, 9)), Refuse),
            (Content::Nothing, 10, Some((Fault::Current, 10)), Load),
            (Content::Nothing, 9, Some((Fault::Refusal, 9)), Refuse),
        ] {
            let found = usage(&content, age, fault).await;
            assert_eq!(found, expected, "{age} {fault:?}");
        }
    }

    #[test]
    fn a_stamp_differs_after_an_invalidation_of_one_or_of_all_secrets() {
        let entry = CacheEntry::default();
        let before = entry.stamp(1);
        assert_eq!(entry.stamp(1), before);
        assert_ne!(entry.stamp(2), before);
        entry.invalidate();
        assert_ne!(entry.stamp(1), before);
    }
}
