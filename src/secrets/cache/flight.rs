//! Single-flight loads: one load per secret at a time, and a limited number of background refreshes.
//!
//! Each load is a task of its own, which continues if the delivery that started it is aborted.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::entry::CacheEntry;
use super::load::Loader;
use crate::secrets::SecretRef;
use crate::task::{Task, Tasks};

/// The loads in progress.
pub(super) struct Flights {
    loader: Arc<Loader>,
    in_progress: Arc<Mutex<HashMap<SecretRef, Flight>>>,
    refreshes: Arc<Semaphore>,
    tasks: Tasks,
}

struct Flight {
    entry: Arc<CacheEntry>,
    /// Closed when the load has ended.
    landed: watch::Receiver<()>,
}

impl Flights {
    pub(super) fn new(refreshes: usize, loader: Arc<Loader>) -> Self {
        Self {
            loader,
            in_progress: Arc::default(),
            refreshes: Arc::new(Semaphore::new(refreshes)),
            tasks: Tasks::default(),
        }
    }

    pub(super) fn report_to(&mut self, tasks: Tasks) {
        self.tasks = tasks;
    }

    /// The cache entry of a secret that is being loaded.
    pub(super) fn entry(&self, secret: &SecretRef) -> Option<Arc<CacheEntry>> {
        let in_progress = self.in_progress.lock();
        in_progress
            .get(secret)
            .map(|flight| Arc::clone(&flight.entry))
    }

    /// Waits for a load of the secret. Starts one if none is in progress.
    pub(super) async fn wait(&self, secret: &SecretRef, entry: &Arc<CacheEntry>) {
        let mut landed = self.join_or_begin(secret, entry, None);
        while landed.changed().await.is_ok() {}
    }

    /// Starts a load in the background, unless too many are in progress. A later delivery tries again then.
    pub(super) fn refresh(&self, secret: &SecretRef, entry: &Arc<CacheEntry>) {
        if let Ok(permit) = Arc::clone(&self.refreshes).try_acquire_owned() {
            self.join_or_begin(secret, entry, Some(permit));
        }
    }

    fn join_or_begin(
        &self,
        secret: &SecretRef,
        entry: &Arc<CacheEntry>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> watch::Receiver<()> {
        let mut in_progress = self.in_progress.lock();
        if let Some(flight) = in_progress.get(secret) {
            return flight.landed.clone();
        }
        let (end, landed) = watch::channel(());
        in_progress.insert(
            secret.clone(),
            Flight {
                entry: Arc::clone(entry),
                landed: landed.clone(),
            },
        );
        let landing = FlightGuard {
            in_progress: Arc::clone(&self.in_progress),
            secret: secret.clone(),
            _end: end,
            _permit: permit,
        };
        let (loader, entry) = (Arc::clone(&self.loader), Arc::clone(entry));
        let tasks = self.tasks.clone();
        tokio::spawn(async move {
            let loading = (
                Arc::clone(&loader),
                landing.secret.clone(),
                Arc::clone(&entry),
            );
            let load = async move {
                let (loader, secret, entry) = loading;
                loader.load(&secret, &entry).await
            };
            let result = tasks.catch_panic(LOAD, load).await;
            // A load that panicked counts as failed: it is retried with backoff, and the grace time applies.
            entry.put(result.unwrap_or_else(|panicked| loader.failed(&panicked, &entry)));
            drop(landing);
        });
        landed
    }
}

const LOAD: Task = Task::named("secret_load");

/// Ends a load when dropped, however it ended.
struct FlightGuard {
    in_progress: Arc<Mutex<HashMap<SecretRef, Flight>>>,
    secret: SecretRef,
    /// Dropped after the load has left the map, so a waiter finds the new result.
    _end: watch::Sender<()>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for FlightGuard {
    fn drop(&mut self) {
        self.in_progress.lock().remove(&self.secret);
    }
}
