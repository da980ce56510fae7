//! Everything that a delivery passes through, made and wired.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Custody, StartError};
use crate::capture::Captures;
use crate::config::Config;
use crate::directory::{Directory, DirectorySettings, Follower, Pace, StandingNow};
use crate::gate::{Budget, Gate, Known};
use crate::ledger::{Fleet, InProcess, Ledger, Shared};
use crate::outbound::Outbound;
use crate::proxy::{Delivery, Forwarder, Upstream, UpstreamSettings};
use crate::secrets::{KeyCache, Uses};
use crate::telemetry::{AccessLog, Metrics, Sources, Telemetry};
use crate::tokens::{TokenCache, TokenUses};

/// Everything that a delivery passes through, and what others have to know of it.
pub(super) struct Deliveries {
    pub(super) delivery: Arc<Delivery>,
    /// How the caches stand to the store.
    pub(super) standing: Arc<StandingNow>,
    pub(super) fleet: Option<Arc<Fleet>>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) uses: Arc<Uses>,
    pub(super) token_uses: Arc<TokenUses>,
}

/// Makes everything that a delivery passes through.
pub(super) async fn deliveries(
    config: Config,
    custody: &Custody,
    log: Option<AccessLog>,
    ending: &watch::Receiver<bool>,
) -> Result<Deliveries, StartError> {
    let clock = &custody.clock;
    let store_reads = usize::try_from(config.store.readers()).unwrap_or(1);
    // Invented tokens must not take the connections that endpoints are read by.
    let tokens = Arc::new(TokenCache::new(
        config.directory.cache_capacity,
        store_reads.div_ceil(4),
        Arc::clone(&custody.store) as _,
    ));
    let directory = Arc::new(Directory::new(
        DirectorySettings {
            capacity: config.directory.cache_capacity,
            store_reads,
            upstream_paths: config.upstream_paths,
            draft_auth: config.draft_auth,
        },
        config.routes,
        Arc::clone(&custody.store) as _,
    ));
    let keys = Arc::new(KeyCache::new(
        config.keys,
        Arc::clone(&custody.store) as _,
        Arc::clone(&custody.key_service),
        Arc::clone(clock),
    ));
    let follower = Follower::start(
        Pace {
            every: config.directory.follow_every,
            grace: config.directory.grace,
        },
        Arc::clone(&custody.store) as _,
        Arc::clone(&directory),
        Arc::clone(&keys),
        Arc::clone(&tokens),
    )
    .await?;
    let standing = Arc::clone(directory.standing());
    tokio::spawn(follower.run(ending.clone()));

    let budget = Budget::new(config.body_budget_bytes);
    let own = Arc::new(InProcess::new(config.ledger.capacity, Arc::clone(clock)));
    let fleet = match config.ledger.redis {
        Some((settings, prefix)) => {
            let shared = Shared::new(settings, prefix, Arc::clone(clock));
            // What is wrong with it was logged. A node must be able to start while Redis is away.
            let _ = shared.redis().ready().await;
            Some(Arc::new(Fleet::new(Arc::clone(&own), shared)))
        }
        None => None,
    };
    let ledger: Arc<dyn Ledger> = match &fleet {
        Some(fleet) => Arc::clone(fleet) as _,
        None => Arc::clone(&own) as _,
    };
    let dropped = log.clone();
    let metrics = Metrics::new(Sources {
        budget: Arc::clone(&budget),
        keys: Arc::clone(keys.stats()),
        directory: Arc::clone(directory.stats()),
        standing: Arc::clone(&standing),
        ledger: own,
        fleet: fleet.clone(),
        dropped_log_lines: Box::new(move || dropped.as_ref().map_or(0, AccessLog::dropped)),
    })?;
    let uses = Arc::clone(keys.uses());
    tokio::spawn(Arc::clone(&keys).stay_tidy(ending.clone()));
    tokio::spawn(Arc::clone(&uses).keep(Arc::clone(&custody.store) as _, ending.clone()));
    let token_uses = Arc::clone(tokens.uses());
    tokio::spawn(Arc::clone(&token_uses).keep(Arc::clone(&custody.store) as _, ending.clone()));
    let (captures, keeper) = Captures::new(Arc::clone(&custody.store) as _, Arc::clone(clock));
    tokio::spawn(keeper.run(ending.clone()));
    let delivery = Delivery {
        settings: config.public.settings,
        names: config.names,
        gate: Gate::new(
            config.gate,
            Known {
                directory,
                keys,
                tokens,
            },
            Arc::clone(&ledger),
            Arc::new(Outbound::new(config.outbound, Arc::clone(clock))),
            budget,
            Arc::clone(clock),
        ),
        forwarder: Forwarder::new(config.server.upstream_pool_size),
        upstreams: upstreams(config.upstreams, ending).await,
        telemetry: Arc::new(Telemetry::new(metrics, log)),
        captures,
        clock: Arc::clone(clock),
    };
    Ok(Deliveries {
        delivery: Arc::new(delivery),
        standing,
        fleet,
        ledger,
        uses,
        token_uses,
    })
}

async fn upstreams(
    settings: Vec<UpstreamSettings>,
    ending: &watch::Receiver<bool>,
) -> BTreeMap<Box<str>, Arc<Upstream>> {
    let mut upstreams = BTreeMap::new();
    for settings in settings {
        let upstream = Arc::new(Upstream::new(settings));
        upstream.resolve().await;
        tokio::spawn(Arc::clone(&upstream).keep_resolved(ending.clone()));
        upstreams.insert(upstream.settings().name.clone(), upstream);
    }
    upstreams
}
