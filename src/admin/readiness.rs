//! Whether deliveries can be taken: each part that they need, asked when somebody looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::KeyServiceCheck;
use crate::directory::{Standing, StandingNow};
use crate::ledger::Fleet;
use crate::store::Store;
use crate::task::{TaskReport, Tasks};

/// What deliveries need.
pub struct Readiness {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The key service.
    pub key_service: KeyServiceCheck,
    /// The task that takes connections.
    pub serving: AbortHandle,
    /// How what is known of endpoints stands to the store.
    pub standing: Arc<StandingNow>,
    /// The memory that nodes share, if there is one.
    pub fleet: Option<Arc<Fleet>>,
    /// The names of the tasks without which no connections are taken.
    pub listeners: &'static [&'static str],
    /// The background tasks.
    pub tasks: Tasks,
    /// Whether the process is about to end.
    pub shutdown: watch::Receiver<bool>,
}

impl Readiness {
    /// Asks every part.
    pub async fn check(&self) -> Report {
        let mut store = self.store.ping().await.map_err(|error| error.to_string());
        if store.is_ok()
            && let Some(error) = self.store.write_fault()
        {
            // Deliveries need no writes, so the node stays ready.
            store = Err(format!("nothing can be written: {error}"));
        }
        let (key_service, keys_will_do) = self.key_service.check().await;
        let mut stopped: Vec<TaskReport> = self.tasks.reports();
        stopped.retain(|task| !task.up);
        let listeners = if *self.shutdown.borrow() {
            Err("the process is about to end".to_owned())
        } else if self.serving.is_finished()
            || stopped
                .iter()
                .any(|task| self.listeners.contains(&task.name))
        {
            Err("no connections are taken".to_owned())
        } else {
            Ok(())
        };
        let standing = self.standing.get();
        let changes = match (standing, self.standing.absent_task()) {
            (Standing::InStep, _) => Ok(()),
            (Standing::Behind, _) => {
                Err("not followed; known endpoints go on for the grace time".to_owned())
            }
            (Standing::Expired, Some(task)) => {
                Err(format!("{task} has not run for longer than the grace time"))
            }
            (Standing::Expired, None) => {
                Err("not followed for longer than the grace time".to_owned())
            }
            (Standing::Replaced, _) => Err("not followed: the store was replaced".to_owned()),
        };
        // A store that is down is down for every node: one that goes on with what it knows must not be
        // taken away by a balancer, together with all the others.
        let ready = standing.serves() && (key_service.is_ok() || keys_will_do) && listeners.is_ok();
        let mut parts = BTreeMap::from([
            ("changes", state(changes)),
            ("key_service", state(key_service)),
            ("listeners", state(listeners)),
            ("store", state(store)),
            ("tasks", tasks(&stopped)),
        ]);
        // Without Redis a node still serves the endpoints that do not insist on it, and so do all the others:
        // a balancer that took them out for it would take out every one of them.
        if let Some(fleet) = &self.fleet {
            let standing = fleet.redis().standing();
            parts.insert("ledger", state(standing.map_err(|fault| fault.to_string())));
        }
        Report { ready, parts }
    }
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Whether deliveries can be taken, if only those to endpoints that are known.
    pub ready: bool,
    /// Each part: `ok`, or what is wrong with it.
    pub parts: BTreeMap<&'static str, String>,
}

/// `ok`, or the tasks that do not run, and why not.
fn tasks(stopped: &[TaskReport]) -> String {
    let stopped: Vec<String> = stopped
        .iter()
        .map(|task| format!("{} does not run: {}", task.name, task.problem))
        .collect();
    if stopped.is_empty() {
        OK.to_owned()
    } else {
        stopped.join("; ")
    }
}

fn state(result: Result<(), String>) -> String {
    result.map_or_else(|error| error, |()| OK.to_owned())
}

const OK: &str = "ok";
