//! Whether deliveries can be taken: each part that they need, asked when somebody looks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::secrets::{EncryptionContext, KeyService, Secret, SecretRef};
use crate::store::Store;

/// What deliveries need.
pub struct Readiness {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The key service.
    pub key_service: Arc<dyn KeyService>,
    /// The task that takes connections.
    pub serving: AbortHandle,
    /// Whether changes of the store are being followed.
    pub in_step: Arc<AtomicBool>,
    /// Whether the process is about to end.
    pub shutdown: watch::Receiver<bool>,
}

impl Readiness {
    /// Asks every part.
    pub async fn check(&self) -> Report {
        let store = self.store.ping().await.map_err(|error| error.to_string());
        let key_service = self.try_key_service().await;
        let listeners = if *self.shutdown.borrow() {
            Err("the process is about to end".to_owned())
        } else if self.serving.is_finished() {
            Err("no connections are taken".to_owned())
        } else {
            Ok(())
        };
        let changes = if self.in_step.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("changes of the store are not followed".to_owned())
        };
        let parts = BTreeMap::from([
            ("changes", state(changes)),
            ("key_service", state(key_service)),
            ("listeners", state(listeners)),
            ("store", state(store)),
        ]);
        Report {
            ready: parts.values().all(|state| state == OK),
            parts,
        }
    }

    async fn try_key_service(&self) -> Result<(), String> {
        let probe = SecretRef::new("readiness", "probe").map_err(|error| error.to_string())?;
        let context = EncryptionContext::new(&probe, 1);
        let secret = Secret::new(b"probe".to_vec());
        let sealed = self.key_service.encrypt(&secret, &context).await;
        let opened = match sealed {
            Ok(sealed) => self.key_service.decrypt(&sealed, &context).await,
            Err(error) => Err(error),
        };
        opened.map(drop).map_err(|error| error.to_string())
    }
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Whether everything is well.
    pub ready: bool,
    /// Each part: `ok`, or what is wrong with it.
    pub parts: BTreeMap<&'static str, String>,
}

fn state(result: Result<(), String>) -> String {
    result.map_or_else(|error| error, |()| OK.to_owned())
}

const OK: &str = "ok";
