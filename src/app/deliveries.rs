//! Creates and wires everything that a delivery passes through.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Backends, StartError};
use crate::capture::{CaptureQueue, CaptureWriter};
use crate::clock::Clock;
use crate::config::{Config, DeliveriesConfig, LedgerConfig};
use crate::deliveries::{DeliveryRecorder, DeliveryWriter, UnrecordedCounts};
use crate::directory::{
    Directory, DirectorySettings, EndpointStore, Follower, FollowerSettings, StoreHealth,
};
use crate::gate::{Budget, Caches, Gate};
use crate::ledger::{FleetLedger, InProcessLedger, Ledger, RedisLedger};
use crate::outbound::Outbound;
use crate::proxy::{Delivery, Forwarder, Upstream, UpstreamSettings};
use crate::secrets::{KeyCache, UseCounter};
use crate::store::Store;
use crate::task::{Heartbeat, Task, Tasks};
use crate::telemetry::{AccessLog, MetricSources, Metrics, Telemetry};
use crate::tokens::{TokenCache, TokenUses};

/// The delivery pipeline, and the handles that readiness and shutdown need.
pub(super) struct Deliveries {
    pub(super) delivery: Arc<Delivery>,
    /// Whether the caches follow the store.
    pub(super) health: Arc<StoreHealth>,
    pub(super) fleet: Option<Arc<FleetLedger>>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) uses: Arc<UseCounter>,
    pub(super) token_uses: Arc<TokenUses>,
    /// The task that writes captures. It writes the last ones when it ends.
    pub(super) captures: JoinHandle<()>,
    /// The task that writes recorded deliveries, if they are recorded. It writes the last ones when it ends.
    pub(super) records: Option<JoinHandle<()>>,
    /// Aborts the deliveries in flight.
    pub(super) cut_off: CancellationToken,
}

/// Creates the pipeline. Its background tasks end when `ending` turns true.
pub(super) async fn deliveries(
    config: Config,
    backends: &Backends,
    log: Option<AccessLog>,
    ending: &watch::Receiver<bool>,
    tasks: &Tasks,
) -> Result<Deliveries, StartError> {
    let clock = &backends.clock;
    let store_reads = usize::try_from(config.store.readers()).unwrap_or(1);
    let tokens = token_cache(config.directory.cache_capacity, store_reads, backends);
    let directory = Arc::new(Directory::new(
        DirectorySettings {
            capacity: config.directory.cache_capacity,
            store_reads,
            upstream_paths: config.upstream_paths,
            draft_auth: config.draft_auth,
        },
        config.routes,
        Arc::clone(&backends.store) as _,
    ));
    let keys = KeyCache::new(
        config.keys,
        Arc::clone(&backends.store) as _,
        Arc::clone(&backends.key_service),
        Arc::clone(clock),
    );
    let keys = Arc::new(keys.reporting_to(tasks.clone()));
    let followed = FollowerSettings {
        every: config.directory.follow_every,
        grace: config.directory.grace,
    };
    let store = Arc::clone(&backends.store) as _;
    follow_store(followed, store, &directory, (&keys, &tokens), tasks, ending).await?;
    let health = Arc::clone(directory.health());

    let max_requests = config.public.settings.max_requests as u64;
    let budget = Budget::limited(config.body_budget_bytes, max_requests);
    let (in_process, fleet) = ledgers(config.ledger, clock, tasks).await;
    let ledger: Arc<dyn Ledger> = match &fleet {
        Some(fleet) => Arc::clone(fleet) as _,
        None => Arc::clone(&in_process) as _,
    };
    let unrecorded = Arc::new(UnrecordedCounts::default());
    let (recorder, records) =
        recorder(config.deliveries, backends, &unrecorded, tasks, ending).unzip();
    let metrics = Metrics::new(MetricSources {
        budget: Arc::clone(&budget),
        keys: Arc::clone(keys.stats()),
        directory: Arc::clone(directory.stats()),
        health: Arc::clone(&health),
        can_write: Box::new({
            let store = Arc::clone(&backends.store);
            move || store.write_fault().is_none()
        }),
        unrecorded,
        ledger: in_process,
        fleet: fleet.clone(),
        tasks: tasks.clone(),
    })?;
    let (uses, token_uses) = (Arc::clone(keys.uses()), Arc::clone(tokens.uses()));
    let (captures, keeper) = CaptureQueue::new(Arc::clone(&backends.store) as _, Arc::clone(clock));
    let capture_task = start_writers(tasks, ending, &backends.store, (&keys, &tokens), keeper);
    let cut_off = CancellationToken::new();
    let mut gate = Gate::new(
        config.gate,
        Caches {
            directory,
            keys,
            tokens,
        },
        Arc::clone(&ledger),
        Arc::new(Outbound::new(config.outbound, Arc::clone(clock))),
        budget,
        Arc::clone(clock),
    );
    let mut telemetry = Telemetry::new(metrics, log);
    if let Some(recorder) = recorder {
        gate = gate.reading_names();
        telemetry = telemetry.recording_to(recorder);
    }
    let delivery = Delivery {
        settings: config.public.settings,
        names: config.names,
        gate,
        forwarder: Forwarder::new(
            config.server.upstream_pool_size,
            upstreams(config.upstreams, ending, tasks).await,
        ),
        telemetry: Arc::new(telemetry),
        captures,
        clock: Arc::clone(clock),
        cut_off: cut_off.clone(),
    };
    Ok(Deliveries {
        delivery: Arc::new(delivery),
        health,
        fleet,
        ledger,
        uses,
        token_uses,
        captures: capture_task,
        records,
        cut_off,
    })
}

/// Lets the caches follow the changes of the store.
async fn follow_store(
    settings: FollowerSettings,
    store: Arc<dyn EndpointStore>,
    directory: &Arc<Directory>,
    (keys, tokens): (&Arc<KeyCache>, &Arc<TokenCache>),
    tasks: &Tasks,
    ending: &watch::Receiver<bool>,
) -> Result<(), StartError> {
    let (directory, keys) = (Arc::clone(directory), Arc::clone(keys));
    let tokens = Arc::clone(tokens);
    let follower = Follower::start(settings, store, directory, keys, tokens, tasks).await?;
    let (follower, end) = (Arc::new(follower), ending.clone());
    tasks.supervise(Follower::TASK, move |heartbeat| {
        Arc::clone(&follower).run(end.clone(), heartbeat)
    });
    Ok(())
}

/// Look-ups of invented tokens must not use up the store connections that endpoints need.
fn token_cache(capacity: u64, store_reads: usize, backends: &Backends) -> Arc<TokenCache> {
    let store = Arc::clone(&backends.store) as _;
    Arc::new(TokenCache::new(capacity, store_reads.div_ceil(4), store))
}

/// The ledger of this node, and the shared one if Redis is configured.
async fn ledgers(
    config: LedgerConfig,
    clock: &Arc<dyn Clock>,
    tasks: &Tasks,
) -> (Arc<InProcessLedger>, Option<Arc<FleetLedger>>) {
    let in_process = Arc::new(InProcessLedger::new(config.capacity, Arc::clone(clock)));
    let Some((settings, prefix)) = config.redis else {
        return (in_process, None);
    };
    let shared = RedisLedger::new(settings, prefix, Arc::clone(clock), tasks);
    // The connection logs its own errors. A node must be able to start while Redis is down.
    let _ = shared.redis().ready().await;
    let fleet = Arc::new(FleetLedger::new(Arc::clone(&in_process), shared));
    (in_process, Some(fleet))
}

/// The recorder of deliveries and its task, if deliveries are recorded.
fn recorder(
    config: DeliveriesConfig,
    backends: &Backends,
    unrecorded: &Arc<UnrecordedCounts>,
    tasks: &Tasks,
    ending: &watch::Receiver<bool>,
) -> Option<(DeliveryRecorder, JoinHandle<()>)> {
    if !config.record {
        return None;
    }
    let (recorder, writer) = DeliveryRecorder::new(
        Arc::clone(&backends.store) as _,
        Arc::clone(&backends.clock),
        config.limits,
        Arc::clone(unrecorded),
    );
    let (writer, end) = (Arc::new(writer), ending.clone());
    let task = tasks.supervise(DeliveryWriter::TASK, move |heartbeat| {
        Arc::clone(&writer).run(end.clone(), heartbeat)
    });
    Some((recorder, task))
}

/// Starts the tasks that write to the store, and the one that maintains the cache of secrets. Returns the task that
/// writes captures.
fn start_writers(
    tasks: &Tasks,
    ending: &watch::Receiver<bool>,
    store: &Arc<dyn Store>,
    (keys, tokens): (&Arc<KeyCache>, &Arc<TokenCache>),
    keeper: CaptureWriter,
) -> JoinHandle<()> {
    let (cache, end) = (Arc::clone(keys), ending.clone());
    tasks.supervise(KeyCache::TASK, move |heartbeat| {
        Arc::clone(&cache).run_eviction(end.clone(), heartbeat)
    });
    let (key_uses, uses_store, end) = (Arc::clone(keys.uses()), Arc::clone(store), ending.clone());
    tasks.supervise(UseCounter::TASK, move |heartbeat| {
        Arc::clone(&key_uses).run(Arc::clone(&uses_store) as _, end.clone(), heartbeat)
    });
    let (used_tokens, uses_store, end) =
        (Arc::clone(tokens.uses()), Arc::clone(store), ending.clone());
    tasks.supervise(TokenUses::TASK, move |heartbeat| {
        Arc::clone(&used_tokens).run(Arc::clone(&uses_store) as _, end.clone(), heartbeat)
    });
    let (probed_store, end) = (Arc::clone(store), ending.clone());
    tasks.supervise(STORE_PROBE, move |heartbeat| {
        probe_writes(Arc::clone(&probed_store), end.clone(), heartbeat)
    });
    let (keeper, end) = (Arc::new(keeper), ending.clone());
    tasks.supervise(CaptureWriter::TASK, move |heartbeat| {
        Arc::clone(&keeper).run(end.clone(), heartbeat)
    })
}

/// While writes fail, tests at an interval whether they work again. No other task may have anything to write.
async fn probe_writes(
    store: Arc<dyn Store>,
    mut shutdown: watch::Receiver<bool>,
    heartbeat: Heartbeat,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PROBE_EVERY) => {}
            _ = shutdown.changed() => return,
        }
        if store.write_fault().is_some() {
            // The store records the result itself.
            let _ = store.try_write().await;
        }
        heartbeat.beat();
    }
}

const PROBE_EVERY: Duration = Duration::from_secs(2);
const STORE_PROBE: Task = Task::named("store_probe").beats_within(Duration::from_mins(1));

async fn upstreams(
    settings: Vec<UpstreamSettings>,
    ending: &watch::Receiver<bool>,
    tasks: &Tasks,
) -> BTreeMap<Box<str>, Arc<Upstream>> {
    let mut upstreams = BTreeMap::new();
    for settings in settings {
        let upstream = Arc::new(Upstream::new(settings));
        upstream.resolve().await;
        if upstream.has_names() {
            let (resolving, end) = (Arc::clone(&upstream), ending.clone());
            tasks.supervise(Upstream::TASK, move |heartbeat| {
                Arc::clone(&resolving).keep_resolved(end.clone(), heartbeat)
            });
        }
        upstreams.insert(upstream.settings().name.clone(), upstream);
    }
    upstreams
}
