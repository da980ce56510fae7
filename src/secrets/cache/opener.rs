//! Decrypts the valid versions of a secret, or falls back to values that were decrypted before.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::entry::{BoundSecret, CacheTimes, Content, LoadFailure, LoadResult, Stamp};
use super::{CacheStats, KeyError};
use crate::clock::Stopwatch;
use crate::secrets::open::{OpenSecret, OpenVersion};
use crate::secrets::{EncryptionContext, KeyService, SecretRef, StoreError, StoredVersion};

/// The decryption of one secret after its versions were read.
pub(super) struct Opener<'a> {
    pub(super) service: &'a dyn KeyService,
    pub(super) stats: &'a CacheStats,
    pub(super) times: CacheTimes,
    /// The refresh age of what is decrypted now.
    pub(super) refresh_after: Duration,
    pub(super) now: Timestamp,
    pub(super) secret: &'a SecretRef,
    pub(super) before: Option<&'a LoadResult>,
}

impl Opener<'_> {
    /// Decrypts the valid versions, or reuses known values.
    pub(super) async fn open(
        &self,
        versions: &[StoredVersion],
        earlier: &[Arc<OpenVersion>],
        stamp: Stamp,
    ) -> LoadResult {
        let mut failed = None;
        let mut affects_current = false;
        let mut opened = Vec::new();
        let mut content = Content::Unbound;
        if let Some((current, previous)) = StoredVersion::counting(versions, self.now) {
            let first = self.version(current, true, earlier, &mut failed).await;
            affects_current = failed.is_some();
            let second = match previous {
                None => None,
                Some((version, until)) => {
                    let value = self.version(version, false, earlier, &mut failed).await;
                    value.map(|value| (value, until))
                }
            };
            opened.extend(first.iter().cloned());
            opened.extend(second.iter().map(|(value, _)| Arc::clone(value)));
            content = bound(first, second, previous.is_some());
        }
        let oldest = opened.iter().map(|version| version.opened);
        LoadResult {
            stamp,
            content,
            failure: failed
                .map(|error: KeyError| failure(error, affects_current, self.before, stamp)),
            since: oldest
                .max_by_key(|opened| opened.elapsed())
                .unwrap_or_else(Stopwatch::start),
            refresh_after: self.refresh_after,
            opened,
        }
    }

    /// One version: a recent value is reused, otherwise the key service decrypts it.
    async fn version(
        &self,
        version: &StoredVersion,
        is_current: bool,
        earlier: &[Arc<OpenVersion>],
        failed: &mut Option<KeyError>,
    ) -> Option<Arc<OpenVersion>> {
        let known = earlier.iter().find(|known| known.is_version(version));
        let same = known.filter(|known| known.is_from(version));
        let recent = self.before.map_or(Duration::ZERO, |it| it.refresh_after);
        if let Some(known) = same.filter(|known| known.opened.elapsed() < recent) {
            return Some(OpenVersion::as_stored(known, version));
        }
        let context = EncryptionContext::new(self.secret, version.version);
        let opened = Stopwatch::start();
        self.stats.called();
        match self.service.decrypt(&version.sealed, &context).await {
            Ok(value) => {
                self.stats.health.answered();
                Some(Arc::new(OpenVersion::new(version, value, opened)))
            }
            Err(error) => {
                self.stats.failed(&error);
                let CacheTimes { to_live, grace } = self.times;
                let (known, max_age) = if error.is_refusal() {
                    self.stats.health.answered();
                    // A different ciphertext that does not decrypt says nothing about the value that did.
                    (same, to_live)
                } else {
                    self.stats.health.failed(&error, grace);
                    let was_refused = was_refused(self.before, is_current);
                    // The version may have moved to another key meanwhile. Its number and creation time identify the
                    // value.
                    (
                        known,
                        if was_refused {
                            to_live
                        } else {
                            to_live + grace
                        },
                    )
                };
                failed.get_or_insert(error.into());
                known
                    .filter(|known| known.opened.elapsed() < max_age)
                    .map(|known| OpenVersion::as_stored(known, version))
            }
        }
    }
}

/// The result for the versions that could be decrypted.
fn bound(
    current: Option<Arc<OpenVersion>>,
    previous: Option<(Arc<OpenVersion>, Timestamp)>,
    has_previous: bool,
) -> Content {
    let (current, previous, is_incomplete, until) = match (current, previous) {
        (Some(current), previous) => {
            let is_incomplete = has_previous && previous.is_none();
            (current, previous, is_incomplete, None)
        }
        // The previous version still verifies deliveries. Without the current one, no proof may be called wrong.
        (None, Some((previous, until))) => (previous, None, true, Some(until)),
        (None, None) => return Content::Nothing,
    };
    Content::Bound(BoundSecret {
        secret: Arc::new(OpenSecret::new(current, previous)),
        is_incomplete,
        until,
    })
}

/// Records a failure and its backoff.
pub(super) fn failure(
    error: KeyError,
    affects_current: bool,
    before: Option<&LoadResult>,
    stamp: Stamp,
) -> LoadFailure {
    let is_refusal = match &error {
        KeyError::Service(error) => error.is_refusal(),
        KeyError::Store(error) => !matches!(error, StoreError::Unavailable(_)),
        KeyError::Unbound | KeyError::Unusable(_) => true,
    };
    let failures = before
        .filter(|result| result.is_about(stamp))
        .and_then(|result| result.failure.as_ref())
        .map_or(1, |failure| failure.failures.saturating_add(1));
    LoadFailure {
        pause: backoff(is_refusal, failures),
        error,
        affects_current,
        was_refused: is_refusal || was_refused(before, false),
        current_was_refused: affects_current && (is_refusal || was_refused(before, true)),
        failures,
        at: Stopwatch::start(),
    }
}

/// Whether the key service has refused since it last succeeded. Silence afterwards does not lift a refusal.
fn was_refused(before: Option<&LoadResult>, of_current: bool) -> bool {
    let failure = before.and_then(|result| result.failure.as_ref());
    failure.is_some_and(|failure| {
        if of_current {
            failure.current_was_refused
        } else {
            failure.was_refused
        }
    })
}

/// The backoff after consecutive failures: it doubles up to a limit, with jitter between a half and the whole, so
/// that failed loads do not retry together.
fn backoff(is_refusal: bool, failures: u32) -> Duration {
    // A refusal lasts until somebody fixes it. Any other failure may be over in a second.
    let (first, longest) = if is_refusal {
        (Duration::from_secs(1), Duration::from_mins(1))
    } else {
        (Duration::from_millis(500), Duration::from_secs(5))
    };
    let doublings = failures.saturating_sub(1).min(16);
    let longest = first.saturating_mul(1 << doublings).min(longest);
    between(longest / 2, longest)
}

/// A random duration between two others.
pub(super) fn between(shortest: Duration, longest: Duration) -> Duration {
    // Without randomness the middle is used: only the spread of the calls depends on it.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    let fraction = f64::from(random) / f64::from(u32::MAX);
    shortest + longest.saturating_sub(shortest).mul_f64(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::KeyServiceError;
    use crate::secrets::cache::entry::CacheEntry;

    #[test]
    fn the_backoff_doubles_up_to_its_limit_and_a_refusal_is_asked_about_less_often() {
        for (is_refusal, failures, longest_ms) in [
            (false, 0, 500),
            (false, 1, 500),
            (false, 2, 1_000),
            (false, 3, 2_000),
            (false, 4, 4_000),
            (false, 5, 5_000),
            (false, u32::MAX, 5_000),
            (true, 1, 1_000),
            (true, 2, 2_000),
            (true, 6, 32_000),
            (true, 7, 60_000),
            (true, u32::MAX, 60_000),
        ] {
            let longest = Duration::from_millis(longest_ms);
            for _ in 0..50 {
                let pause = backoff(is_refusal, failures);
                assert!(
                    (longest / 2..=longest).contains(&pause),
                    "{is_refusal} {failures}: {pause:?}"
                );
            }
        }
    }

    #[test]
    fn only_a_success_ends_a_refusal_and_a_change_restarts_the_count_of_failures() {
        let silence = || KeyError::from(KeyServiceError::TimedOut);
        let refusal = || KeyError::from(KeyServiceError::Corrupt);
        let entry = CacheEntry::default();
        let stamp = entry.stamp(0);
        entry.invalidate();
        let changed = entry.stamp(0);
        let result = |failure, stamp| LoadResult {
            stamp,
            content: Content::Nothing,
            failure,
            since: Stopwatch::start(),
            refresh_after: Duration::ZERO,
            opened: Vec::new(),
        };
        // Each step: the error, whether the current version is affected, the stamp, and then the expected count of
        // failures, whether the service has refused any version, and whether it has refused the current one.
        let steps = [
            (silence(), true, stamp, (1, false, false)),
            (silence(), true, stamp, (2, false, false)),
            (refusal(), false, stamp, (3, true, false)),
            (silence(), true, stamp, (4, true, false)),
            (refusal(), true, stamp, (5, true, true)),
            (silence(), true, stamp, (6, true, true)),
            (silence(), true, changed, (1, true, true)),
            (silence(), false, changed, (2, true, false)),
        ];
        let mut before = None;
        for (step, (error, affects_current, stamp, expected)) in steps.into_iter().enumerate() {
            let failure = failure(error, affects_current, before.as_ref(), stamp);
            let found = (
                failure.failures,
                failure.was_refused,
                failure.current_was_refused,
            );
            assert_eq!(found, expected, "step {step}");
            before = Some(result(Some(failure), stamp));
        }
        let before = Some(result(None, changed));
        let after_success = failure(silence(), true, before.as_ref(), changed);
        assert_eq!(after_success.failures, 1);
        assert!(!after_success.was_refused);
    }
}
