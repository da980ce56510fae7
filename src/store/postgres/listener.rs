//! Change notifications of the database.
//!
//! A dedicated connection listens. A notification has no content and is only a hint to poll now. The follower relies
//! on the numbers of the changes, so a lost notification costs only time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tracing::debug;

use super::settings::PostgresSettings;
use crate::directory::ChangeNotifier;
use crate::task::{Heartbeat, Task, Tasks};

/// A notifier that rings after every change, while somebody holds it and `pool` is open.
pub(super) fn listen(
    settings: &PostgresSettings,
    pool: &PgPool,
    tasks: &Tasks,
) -> Arc<ChangeNotifier> {
    let notifier = Arc::new(ChangeNotifier::default());
    let (settings, pool, weak) = (settings.clone(), pool.clone(), Arc::downgrade(&notifier));
    // Not essential: without notifications the follower polls more often.
    let limits = settings.limits;
    let silence = limits.connect_timeout + limits.timeout + HEARTBEAT + SILENCE;
    let task = Task::named("change_listener").beats_within(silence);
    tasks.supervise(task, move |heartbeat| {
        let (settings, pool, weak) = (settings.clone(), pool.clone(), weak.clone());
        async move {
            let closed = pool.close_event();
            tokio::select! {
                () = closed => {}
                () = keep_listening(&settings, &weak, &heartbeat) => {}
            }
        }
    });
    notifier
}

async fn keep_listening(
    settings: &PostgresSettings,
    weak: &Weak<ChangeNotifier>,
    heartbeat: &Heartbeat,
) {
    // The run before this one may have panicked.
    if let Some(notifier) = weak.upgrade() {
        notifier.set_listening(false);
    }
    while weak.strong_count() > 0 {
        heartbeat.beat();
        if let Err(error) = listen_once(settings, weak, heartbeat).await {
            debug!(%error, "no change notifications from the database");
        }
        if let Some(notifier) = weak.upgrade() {
            notifier.set_listening(false);
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

/// Listens until the connection is lost.
async fn listen_once(
    settings: &PostgresSettings,
    weak: &Weak<ChangeNotifier>,
    heartbeat: &Heartbeat,
) -> Result<(), sqlx::Error> {
    let limits = settings.limits;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(limits.connect_timeout)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(settings.bounded_options());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    within(limits.timeout, listener.listen(CHANNEL)).await?;
    // No notification is missed from here on. Earlier changes are found by polling now.
    if let Some(notifier) = weak.upgrade() {
        notifier.set_listening(true);
        notifier.notify();
    }
    loop {
        heartbeat.beat();
        let received = tokio::time::timeout(HEARTBEAT, listener.try_recv()).await;
        let Some(notifier) = weak.upgrade() else {
            return Ok(());
        };
        match received {
            Ok(Ok(Some(_))) => notifier.notify(),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            // The silence may be that of a dead connection.
            Err(_) => {
                within(limits.timeout, listener.execute("SELECT 1")).await?;
            }
        }
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// The channel that the triggers notify.
const CHANNEL: &str = "portcullis_changes";
const HEARTBEAT: Duration = Duration::from_secs(5);
/// More than the other waits between two reports of progress, even on a busy machine.
const SILENCE: Duration = Duration::from_secs(10);
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
