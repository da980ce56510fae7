//! The memory that the nodes of a fleet share, in Redis.
//!
//! The name of a key is a digest. Its value is the token of a claim or the word `accepted`, and its TTL says how long
//! that counts. Redis therefore expires entries itself, and the claim of a crashed node ends with its lease. Times
//! are sent as durations, so the clock of the server may be wrong as long as it advances evenly. Only permits, which
//! form a queue, use the clock of the server.
//!
//! Claiming and settling are one script each, because Redis executes a script atomically.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::prefix::key_name;
use super::scripts::{connection_setup, holder, milliseconds, scripts};
use super::{ClaimToken, Conflict, Entries, EntryState, KeyPrefix, Ledger, Unavailable};
use crate::clock::Clock;
use crate::redis::{
    Call, ConnectError, Eviction, Redis, RedisFault, RedisSettings, Script, inspect,
};
use crate::task::Tasks;

/// A ledger in Redis.
pub struct RedisLedger {
    redis: Redis,
    prefix: KeyPrefix,
    claim: Script,
    commit: Script,
    release: Script,
    permit: Script,
    leave: Script,
    clock: Arc<dyn Clock>,
    next: AtomicU64,
}

impl RedisLedger {
    /// A ledger whose keys begin with `prefix`. It starts to connect immediately.
    pub fn new(
        settings: RedisSettings,
        prefix: KeyPrefix,
        clock: Arc<dyn Clock>,
        tasks: &Tasks,
    ) -> Self {
        let [claim, commit, release, permit, leave] = scripts();
        // A random start keeps the tokens of two processes apart.
        let first = getrandom::u64().unwrap_or_default();
        Self {
            redis: Redis::start(
                settings,
                connection_setup(&prefix, ClaimToken(first)),
                tasks,
            ),
            prefix,
            claim,
            commit,
            release,
            permit,
            leave,
            clock,
            next: AtomicU64::new(first.wrapping_add(1)),
        }
    }

    /// Connects once and tries every script, as `portcullis check` does. Returns the eviction policy of the server.
    pub async fn inspect(
        settings: &RedisSettings,
        prefix: &KeyPrefix,
    ) -> Result<Eviction, ConnectError> {
        let token = ClaimToken(getrandom::u64().unwrap_or_default());
        inspect(settings, &connection_setup(prefix, token)).await
    }

    /// The connection, for its state and its counters.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// A token that no other claim has.
    pub(super) fn token(&self) -> ClaimToken {
        ClaimToken(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Claims `entries` under `token`.
    pub(super) async fn claim_as(
        &self,
        token: ClaimToken,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<(), Conflict>, RedisFault> {
        let keys = self.keys(entries);
        let arguments = [holder(token), milliseconds(lease.as_millis())];
        let result = self.redis.run(self.claim.on(&keys, &arguments)).await?;
        let Some(place) = usize::try_from(result.unsigned_abs())
            .ok()
            .filter(|it| *it > 0)
        else {
            return Ok(Ok(()));
        };
        let entry = entries.iter().nth(place - 1);
        let entry = entry.ok_or(RedisFault::Refused(
            "the script reports a key that was not claimed".into(),
        ))?;
        Ok(Err(Conflict {
            key: entry.key,
            state: if result > 0 {
                EntryState::Accepted
            } else {
                EntryState::InFlight
            },
        }))
    }

    /// Takes a permit for `token`, one of `many`, for `lease`. Otherwise returns the number of waiters in front of
    /// it. With a `pause` above zero it joins the queue and promises to poll again within `pause`.
    pub(super) async fn permit_as(
        &self,
        token: ClaimToken,
        places: &Entries,
        many: u32,
        [lease, pause]: [Duration; 2],
    ) -> Result<Result<(), u64>, RedisFault> {
        let keys = self.keys(places);
        let arguments = [
            holder(token),
            many.to_string().into_bytes(),
            milliseconds(lease.as_millis()),
            milliseconds(pause.as_millis()),
        ];
        let result = self.redis.run(self.permit.on(&keys, &arguments)).await?;
        Ok(if result > 0 {
            Ok(())
        } else {
            Err(result.unsigned_abs())
        })
    }

    /// Settles one claim or permit.
    pub(super) async fn settle(&self, settlement: &Settlement) -> Result<(), RedisFault> {
        let (keys, arguments) = self.script_arguments(settlement);
        let call = self.script(settlement).on(&keys, &arguments);
        self.redis.run(call).await.map(drop)
    }

    /// Settles many in one round trip. Each has its own result.
    pub(super) async fn settle_all(
        &self,
        settlements: &[Settlement],
    ) -> Result<Vec<Result<i64, RedisFault>>, RedisFault> {
        let arguments: Vec<_> = settlements
            .iter()
            .map(|it| self.script_arguments(it))
            .collect();
        let calls: Vec<Call<'_>> = settlements
            .iter()
            .zip(&arguments)
            .map(|(it, (keys, arguments))| self.script(it).on(keys, arguments))
            .collect();
        self.redis.run_all(&calls).await
    }

    fn script(&self, settlement: &Settlement) -> &Script {
        match settlement.outcome {
            SettlementKind::Accepted => &self.commit,
            SettlementKind::Released => &self.release,
            SettlementKind::Returned => &self.leave,
        }
    }

    /// The keys and arguments of the script for a settlement.
    fn script_arguments(&self, settlement: &Settlement) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let Settlement {
            entries,
            token,
            outcome,
        } = settlement;
        let arguments = if *outcome == SettlementKind::Accepted {
            let now = self.clock.now();
            let keep = entries.iter().map(|entry| {
                let left = entry.keep.until().duration_since(now).as_millis();
                milliseconds(u128::try_from(left).unwrap_or(0))
            });
            keep.collect()
        } else {
            vec![holder(*token)]
        };
        (self.keys(entries), arguments)
    }

    fn keys(&self, entries: &Entries) -> Vec<Vec<u8>> {
        let names = entries
            .iter()
            .map(|entry| key_name(&self.prefix, &entry.key));
        names.collect()
    }
}

/// The result of a claim, or the return of a permit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settlement {
    pub(super) entries: Entries,
    pub(super) token: ClaimToken,
    pub(super) outcome: SettlementKind,
}

/// The result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SettlementKind {
    /// A claim: the backend accepted the delivery.
    Accepted,
    /// A claim: the backend did not accept it.
    Released,
    /// A permit, or a place in the queue, that is given up.
    Returned,
}

impl Settlement {
    pub(super) fn new(entries: &Entries, token: ClaimToken, outcome: SettlementKind) -> Self {
        Self {
            entries: *entries,
            token,
            outcome,
        }
    }
}

#[async_trait]
impl Ledger for RedisLedger {
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<ClaimToken, Conflict>, Unavailable> {
        let token = self.token();
        let claimed = self.claim_as(token, entries, lease).await;
        Ok(claimed.map_err(Unavailable::Unreachable)?.map(|()| token))
    }

    async fn commit(&self, entries: &Entries, token: ClaimToken) -> Result<(), Unavailable> {
        let settlement = Settlement::new(entries, token, SettlementKind::Accepted);
        let settled = self.settle(&settlement).await;
        settled.map_err(Unavailable::Unreachable)
    }

    async fn release(&self, entries: &Entries, token: ClaimToken) -> Result<(), Unavailable> {
        let settlement = Settlement::new(entries, token, SettlementKind::Released);
        let settled = self.settle(&settlement).await;
        settled.map_err(Unavailable::Unreachable)
    }
}
