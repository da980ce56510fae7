//! Readiness: whether the node can accept deliveries. Each request checks every part that deliveries need.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::KeyServiceCheck;
use crate::directory::{StoreHealth, StoreState};
use crate::ledger::FleetLedger;
use crate::store::Store;
use crate::task::{TaskReport, Tasks};

/// The parts that deliveries need.
pub struct Readiness {
    /// The store of endpoints and secrets.
    pub store: Arc<dyn Store>,
    /// The cached check of the key service.
    pub key_service: KeyServiceCheck,
    /// The task that accepts connections.
    pub serving: AbortHandle,
    /// Whether the cached endpoints follow the store.
    pub health: Arc<StoreHealth>,
    /// The ledger that nodes share, if Redis is configured.
    pub fleet: Option<Arc<FleetLedger>>,
    /// The tasks without which no connections are accepted.
    pub listeners: &'static [&'static str],
    /// The supervised tasks.
    pub tasks: Tasks,
    /// Turns true when the process starts to drain.
    pub shutdown: watch::Receiver<bool>,
}

impl Readiness {
    /// Checks every part.
    pub async fn check(&self) -> Report {
        let mut store = self.store.ping().await.map_err(|error| error.to_string());
        if store.is_ok()
            && let Some(error) = self.store.write_fault()
        {
            // Deliveries need no writes, so the node stays ready.
            store = Err(format!("writes fail: {error}"));
        }
        let (key_service, keys_usable) = self.key_service.check().await;
        let mut down: Vec<TaskReport> = self.tasks.reports();
        down.retain(|task| !task.up);
        let listeners = if *self.shutdown.borrow() {
            Err("the process is shutting down".to_owned())
        } else if self.serving.is_finished()
            || down.iter().any(|task| self.listeners.contains(&task.name))
        {
            Err("no connections are accepted".to_owned())
        } else {
            Ok(())
        };
        let health = self.health.get();
        let changes = match (health, self.health.absent_task()) {
            (StoreState::InStep, _) => Ok(()),
            (StoreState::Behind, _) => {
                Err("not followed; cached endpoints are used for the grace time".to_owned())
            }
            (StoreState::Expired, Some(task)) => {
                Err(format!("{task} has not run for longer than the grace time"))
            }
            (StoreState::Expired, None) => {
                Err("not followed for longer than the grace time".to_owned())
            }
            (StoreState::Replaced, _) => Err("not followed: the store was replaced".to_owned()),
        };
        // A store that is down is down for every node. A node that works from its cache must stay ready, or a load
        // balancer would remove all nodes at once.
        let ready = health.serves() && (key_service.is_ok() || keys_usable) && listeners.is_ok();
        let mut parts = BTreeMap::from([
            ("changes", state(changes)),
            ("key_service", state(key_service)),
            ("listeners", state(listeners)),
            ("store", state(store)),
            ("tasks", tasks(&down)),
        ]);
        // Without Redis, every node still serves the fail-open endpoints, so Redis does not count for readiness.
        if let Some(fleet) = &self.fleet {
            let health = fleet.redis().status();
            parts.insert("ledger", state(health.map_err(|fault| fault.to_string())));
        }
        Report { ready, parts }
    }
}

/// The result of a readiness check, the JSON of `/readyz`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Whether deliveries can be accepted, at least for cached endpoints.
    pub ready: bool,
    /// `ok` for each part, or what is wrong with it.
    pub parts: BTreeMap<&'static str, String>,
}

/// `ok`, or the tasks that are down and why.
fn tasks(down: &[TaskReport]) -> String {
    let down: Vec<String> = down
        .iter()
        .map(|task| format!("{} does not run: {}", task.name, task.problem))
        .collect();
    if down.is_empty() {
        OK.to_owned()
    } else {
        down.join("; ")
    }
}

fn state(result: Result<(), String>) -> String {
    result.map_or_else(|error| error, |()| OK.to_owned())
}

const OK: &str = "ok";
