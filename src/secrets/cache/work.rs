//! What the key service opens, and what is used in its place where it does not.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::pause::pause;
use super::seen::{Bound, Found, Mark, Seen, Times, Trouble};
use super::{CacheStats, KeyError};
use crate::clock::Stopwatch;
use crate::secrets::open::{OpenSecret, OpenVersion};
use crate::secrets::{EncryptionContext, KeyService, SealedVersion, SecretRef, StoreError};

/// A load of one secret whose versions are read.
pub(super) struct Work<'a> {
    pub(super) service: &'a dyn KeyService,
    pub(super) stats: &'a CacheStats,
    pub(super) times: Times,
    /// The age at which what is opened now is refreshed.
    pub(super) refresh_after: Duration,
    pub(super) now: Timestamp,
    pub(super) secret: &'a SecretRef,
    pub(super) before: Option<&'a Seen>,
}

impl Work<'_> {
    /// Opens the versions that count, or takes what is known of them.
    pub(super) async fn open(
        &self,
        versions: &[SealedVersion],
        kept: Vec<Arc<OpenVersion>>,
        mark: Mark,
    ) -> Seen {
        let mut failed = None;
        let mut is_of_current = false;
        let mut opened = Vec::new();
        let mut found = Found::Unbound;
        if let Some((current, previous)) = SealedVersion::counting(versions, self.now) {
            let first = self.version(current, true, &kept, &mut failed).await;
            is_of_current = failed.is_some();
            let second = match previous {
                None => None,
                Some((version, until)) => {
                    let value = self.version(version, false, &kept, &mut failed).await;
                    value.map(|value| (value, until))
                }
            };
            opened.extend(first.iter().cloned());
            opened.extend(second.iter().map(|(value, _)| Arc::clone(value)));
            found = bound(first, second, previous.is_some());
        }
        let oldest = opened.iter().map(|version| version.opened);
        Seen {
            mark,
            found,
            trouble: failed.map(|error: KeyError| trouble(error, is_of_current, self.before, mark)),
            since: oldest
                .max_by_key(|opened| opened.elapsed())
                .unwrap_or_else(Stopwatch::start),
            refresh_after: self.refresh_after,
            kept: opened,
        }
    }

    /// One version: what is known of it, if that is young, or what the key service says.
    async fn version(
        &self,
        version: &SealedVersion,
        is_current: bool,
        kept: &[Arc<OpenVersion>],
        failed: &mut Option<KeyError>,
    ) -> Option<Arc<OpenVersion>> {
        let known = kept.iter().find(|known| known.is(version));
        let same = known.filter(|known| known.is_of(version));
        let young = self.before.map_or(Duration::ZERO, |it| it.refresh_after);
        if let Some(known) = same.filter(|known| known.opened.elapsed() < young) {
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
                let Times { to_live, grace } = self.times;
                let (known, may_be_old) = if error.is_refusal() {
                    self.stats.health.answered();
                    // Another ciphertext that does not open says nothing about the one that did.
                    (same, to_live)
                } else {
                    self.stats.health.failed(&error, grace);
                    let was_refused = was_refused(self.before, is_current);
                    // It may have been moved to another key meanwhile: its number says which value it is.
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
                    .filter(|known| known.opened.elapsed() < may_be_old)
                    .map(|known| OpenVersion::as_stored(known, version))
            }
        }
    }
}

/// What there is of a secret that has a current version, and perhaps one before it.
fn bound(
    current: Option<Arc<OpenVersion>>,
    previous: Option<(Arc<OpenVersion>, Timestamp)>,
    has_previous: bool,
) -> Found {
    let (current, previous, is_lacking, until) = match (current, previous) {
        (Some(current), previous) => {
            let is_lacking = has_previous && previous.is_none();
            (current, previous, is_lacking, None)
        }
        // As it was before the rotation, but for one thing: nobody is told that a proof is wrong.
        (None, Some((previous, until))) => (previous, None, true, Some(until)),
        (None, None) => return Found::Nothing,
    };
    Found::Bound(Bound {
        secret: Arc::new(OpenSecret::new(current, previous)),
        is_lacking,
        until,
    })
}

/// What went wrong, and how long nobody asks again.
pub(super) fn trouble(
    error: KeyError,
    is_of_current: bool,
    before: Option<&Seen>,
    mark: Mark,
) -> Trouble {
    let is_refusal = match &error {
        KeyError::Service(error) => error.is_refusal(),
        KeyError::Store(error) => !matches!(error, StoreError::Unavailable(_)),
        KeyError::Unbound | KeyError::Unusable(_) => true,
    };
    let failures = before
        .filter(|seen| seen.is_about(mark))
        .and_then(|seen| seen.trouble.as_ref())
        .map_or(1, |trouble| trouble.failures.saturating_add(1));
    Trouble {
        pause: pause(is_refusal, failures),
        error,
        is_of_current,
        was_refused: is_refusal || was_refused(before, false),
        current_was_refused: is_of_current && (is_refusal || was_refused(before, true)),
        failures,
        at: Stopwatch::start(),
    }
}

/// Whether the service has said no since it last said yes. That it is silent afterwards takes nothing back.
fn was_refused(before: Option<&Seen>, of_current: bool) -> bool {
    let trouble = before.and_then(|seen| seen.trouble.as_ref());
    trouble.is_some_and(|trouble| {
        if of_current {
            trouble.current_was_refused
        } else {
            trouble.was_refused
        }
    })
}
