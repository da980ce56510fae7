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
    /// Whether the process is about to end.
    pub shutdown: watch::Receiver<bool>,
}

impl Readiness {
    /// Asks every part.
    pub async fn check(&self) -> Report {
        let store = self.store.ping().await.map_err(|error| error.to_string());
        let (key_service, keys_will_do) = self.key_service.check().await;
        let listeners = if *self.shutdown.borrow() {
            Err("the process is about to end".to_owned())
        } else if self.serving.is_finished() {
            Err("no connections are taken".to_owned())
        } else {
            Ok(())
        };
        let standing = self.standing.get();
        let changes = match standing {
            Standing::InStep => Ok(()),
            Standing::Behind => Err("not followed; known endpoints go on for the grace time"),
            Standing::Expired => Err("not followed for longer than the grace time"),
            Standing::Replaced => Err("not followed: the store was replaced"),
        };
        // A store that is down is down for every node: one that goes on with what it knows must not be
        // taken away by a balancer, together with all the others.
        let ready = standing.serves() && (key_service.is_ok() || keys_will_do) && listeners.is_ok();
        let mut parts = BTreeMap::from([
            ("changes", state(changes.map_err(str::to_owned))),
            ("key_service", state(key_service)),
            ("listeners", state(listeners)),
            ("store", state(store)),
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

fn state(result: Result<(), String>) -> String {
    result.map_or_else(|error| error, |()| OK.to_owned())
}

const OK: &str = "ok";
