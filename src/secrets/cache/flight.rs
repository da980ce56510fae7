//! One load a secret at a time, and a bounded number of refreshes.
//!
//! A load is a task of its own: it goes on though the delivery that began it is gone.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::load::Loader;
use super::seen::Slot;
use crate::secrets::SecretRef;
use crate::task::{Task, Tasks};

/// The loads that are under way.
pub(super) struct Flights {
    loader: Arc<Loader>,
    under_way: Arc<Mutex<HashMap<SecretRef, Flight>>>,
    refreshes: Arc<Semaphore>,
    tasks: Tasks,
}

struct Flight {
    slot: Arc<Slot>,
    /// Closed when the load has ended.
    landed: watch::Receiver<()>,
}

impl Flights {
    pub(super) fn new(refreshes: usize, loader: Arc<Loader>) -> Self {
        Self {
            loader,
            under_way: Arc::default(),
            refreshes: Arc::new(Semaphore::new(refreshes)),
            tasks: Tasks::default(),
        }
    }

    pub(super) fn report_to(&mut self, tasks: Tasks) {
        self.tasks = tasks;
    }

    /// The place of a secret that is being loaded.
    pub(super) fn slot(&self, secret: &SecretRef) -> Option<Arc<Slot>> {
        let under_way = self.under_way.lock();
        under_way.get(secret).map(|flight| Arc::clone(&flight.slot))
    }

    /// Waits for a load of the secret, and begins it if there is none.
    pub(super) async fn land(&self, secret: &SecretRef, slot: &Arc<Slot>) {
        let mut landed = self.join_or_begin(secret, slot, None);
        while landed.changed().await.is_ok() {}
    }

    /// Begins a load that nobody waits for. If too many of these are under way, a later delivery does.
    pub(super) fn refresh(&self, secret: &SecretRef, slot: &Arc<Slot>) {
        if let Ok(permit) = Arc::clone(&self.refreshes).try_acquire_owned() {
            self.join_or_begin(secret, slot, Some(permit));
        }
    }

    fn join_or_begin(
        &self,
        secret: &SecretRef,
        slot: &Arc<Slot>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> watch::Receiver<()> {
        let mut under_way = self.under_way.lock();
        if let Some(flight) = under_way.get(secret) {
            return flight.landed.clone();
        }
        let (end, landed) = watch::channel(());
        under_way.insert(
            secret.clone(),
            Flight {
                slot: Arc::clone(slot),
                landed: landed.clone(),
            },
        );
        let landing = Landing {
            under_way: Arc::clone(&self.under_way),
            secret: secret.clone(),
            _end: end,
            _permit: permit,
        };
        let (loader, slot) = (Arc::clone(&self.loader), Arc::clone(slot));
        let tasks = self.tasks.clone();
        tokio::spawn(async move {
            let loading = (
                Arc::clone(&loader),
                landing.secret.clone(),
                Arc::clone(&slot),
            );
            let load = async move {
                let (loader, secret, slot) = loading;
                loader.load(&secret, &slot).await
            };
            let seen = tasks.contain(LOAD, load).await;
            // A load that panicked is a failed one: it is tried again with backoff, and the grace time counts.
            slot.put(seen.unwrap_or_else(|panicked| loader.failed(&panicked, &slot)));
            drop(landing);
        });
        landed
    }
}

const LOAD: Task = Task::named("secret_load");

/// The end of a load, however it comes.
struct Landing {
    under_way: Arc<Mutex<HashMap<SecretRef, Flight>>>,
    secret: SecretRef,
    /// Dropped after the load is off the list: whoever waits for it finds what it has put down.
    _end: watch::Sender<()>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.secret);
    }
}
