//! What the store says and the key service opens becomes what is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::health::tell;
use super::pause::{between, pause};
use super::seen::{Bound, Found, Mark, Seen, Slot, Times, Trouble};
use super::{CacheSettings, CacheStats, KeyError};
use crate::clock::{Clock, Stopwatch};
use crate::secrets::open::{OpenSecret, OpenVersion};
use crate::secrets::{
    EncryptionContext, KeyService, SealedVersion, SecretRef, SecretStore, StoreError, Vault,
};

/// Loads secrets.
pub(super) struct Loader {
    times: Times,
    store: Arc<dyn SecretStore>,
    service: Arc<dyn KeyService>,
    clock: Arc<dyn Clock>,
    stats: Arc<CacheStats>,
    epoch: AtomicU64,
    store_reads: Semaphore,
}

impl Loader {
    pub(super) fn new(
        settings: CacheSettings,
        store: Arc<dyn SecretStore>,
        service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            times: Times {
                to_live: settings.time_to_live,
                grace: settings.grace,
            },
            store,
            service,
            clock,
            stats: Arc::default(),
            epoch: AtomicU64::new(0),
            store_reads: Semaphore::new(STORE_READS),
        }
    }

    pub(super) fn times(&self) -> Times {
        self.times
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn stats(&self) -> &Arc<CacheStats> {
        &self.stats
    }

    pub(super) fn vault(&self) -> Vault {
        let (store, service) = (Arc::clone(&self.store), Arc::clone(&self.service));
        Vault::new(store, service, Arc::clone(&self.clock))
    }

    /// How often everything has changed.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    pub(super) fn doubt_everything(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads and opens the versions of `secret` that count.
    pub(super) async fn load(&self, secret: &SecretRef, slot: &Slot) -> Seen {
        let before = slot.seen();
        let mut kept = before
            .as_ref()
            .map_or_else(Vec::new, |seen| seen.kept.clone());
        let mut attempts = 0;
        let seen = loop {
            // What changes while the store and the key service are asked is seen by this.
            let mark = slot.mark(self.epoch());
            let seen = match self.read(secret).await {
                Ok(versions) => {
                    let work = Work {
                        loader: self,
                        secret,
                        before: before.as_deref(),
                    };
                    work.open(&versions, kept, mark).await
                }
                Err(error) => self.without_store(error, before.as_deref(), kept, mark),
            };
            attempts += 1;
            if slot.mark(self.epoch()) == mark || attempts == MAX_ATTEMPTS {
                break seen;
            }
            kept = seen.kept;
        };
        let error = |seen: &Seen| seen.trouble.as_ref().map(|trouble| trouble.error.clone());
        let error_before = before.as_deref().and_then(error);
        tell(secret, error_before.as_ref(), error(&seen).as_ref());
        seen
    }

    async fn read(&self, secret: &SecretRef) -> Result<Vec<SealedVersion>, StoreError> {
        // The semaphore is never closed.
        let _permit = self.store_reads.acquire().await;
        self.store.versions(secret).await
    }

    /// What is known stays known while the store is away, unless it is known to have changed.
    fn without_store(
        &self,
        error: StoreError,
        before: Option<&Seen>,
        mut kept: Vec<Arc<OpenVersion>>,
        mark: Mark,
    ) -> Seen {
        let is_away = matches!(error, StoreError::Unavailable(_));
        if !is_away {
            kept.clear();
        }
        let known = before.filter(|seen| is_away && seen.is_about(mark));
        let (found, since) = match known {
            Some(seen) if matches!(seen.found, Found::Bound(_)) => (seen.found.clone(), seen.since),
            _ => (Found::Nothing, Stopwatch::start()),
        };
        Seen {
            mark,
            found,
            trouble: Some(trouble(error.into(), before, mark)),
            since,
            refresh_after: self.refresh_after(),
            kept,
        }
    }

    fn refresh_after(&self) -> Duration {
        between(self.times.to_live / 2, self.times.to_live.mul_f64(0.9))
    }
}

/// A load of one secret whose versions are read.
struct Work<'a> {
    loader: &'a Loader,
    secret: &'a SecretRef,
    before: Option<&'a Seen>,
}

impl Work<'_> {
    async fn open(
        &self,
        versions: &[SealedVersion],
        kept: Vec<Arc<OpenVersion>>,
        mark: Mark,
    ) -> Seen {
        let now = self.loader.clock.now();
        let current = versions.iter().find(|version| version.ends_at.is_none());
        // Versions come newest first, so this is the youngest that still counts.
        let previous = versions.iter().find_map(|version| match version.ends_at {
            Some(until) if now < until => Some((version, until)),
            _ => None,
        });
        let mut failed = None;
        let mut opened = Vec::new();
        // Without a current version there is none to begin with: the secret has ended.
        let mut found = Found::Unbound;
        if let Some(current) = current {
            let first = self.version(current, &kept, &mut failed).await;
            let second = match previous {
                None => None,
                Some((version, until)) => {
                    let value = self.version(version, &kept, &mut failed).await;
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
            trouble: failed.map(|error: KeyError| trouble(error, self.before, mark)),
            since: oldest
                .max_by_key(|opened| opened.elapsed())
                .unwrap_or_else(Stopwatch::start),
            refresh_after: self.loader.refresh_after(),
            kept: opened,
        }
    }

    /// One version: what is known of it, if that is young, or what the key service says.
    async fn version(
        &self,
        version: &SealedVersion,
        kept: &[Arc<OpenVersion>],
        failed: &mut Option<KeyError>,
    ) -> Option<Arc<OpenVersion>> {
        let loader = self.loader;
        let known = kept.iter().find(|known| known.is(version));
        let same = known.filter(|known| known.is_of(version));
        let young = self.before.map_or(Duration::ZERO, |it| it.refresh_after);
        if let Some(known) = same.filter(|known| known.opened.elapsed() < young) {
            return Some(Arc::clone(known));
        }
        let context = EncryptionContext::new(self.secret, version.version);
        let opened = Stopwatch::start();
        loader.stats.called();
        match loader.service.decrypt(&version.sealed, &context).await {
            Ok(value) => {
                loader.stats.health.answered();
                Some(Arc::new(OpenVersion::new(version, value, opened)))
            }
            Err(error) => {
                loader.stats.failed(&error);
                let Times { to_live, grace } = loader.times;
                let (known, may_be_old) = if error.is_refusal() {
                    loader.stats.health.answered();
                    // Another ciphertext that does not open says nothing about the one that did.
                    (same, to_live)
                } else {
                    loader.stats.health.failed(&error, grace);
                    let was_refused = was_refused(self.before);
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
                    .cloned()
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

fn trouble(error: KeyError, before: Option<&Seen>, mark: Mark) -> Trouble {
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
        was_refused: is_refusal || was_refused(before),
        failures,
        at: Stopwatch::start(),
    }
}

/// Whether the service has said no since it last said yes. That it is silent afterwards takes nothing back.
fn was_refused(before: Option<&Seen>) -> bool {
    let trouble = before.and_then(|seen| seen.trouble.as_ref());
    trouble.is_some_and(|trouble| trouble.was_refused)
}

/// Reads of the store that may be under way at once; the store itself has as many readers.
const STORE_READS: usize = 4;
/// A secret that changes more often while it is loaded is read again by the next delivery.
const MAX_ATTEMPTS: usize = 3;
