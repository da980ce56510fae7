//! The memory that the nodes of a fleet share, in Redis.
//!
//! A key is a digest, its value the holder of a claim or the word `accepted`, and its time to live is how
//! long that counts. So Redis forgets by itself, and a claim of a node that has crashed ends with its lease.
//! Times are sent as durations: the clock of the server need not be right, only as fast as others. Permits, which
//! are a queue and no memory, go by that clock and by no other.
//!
//! Claiming is one script, and so is settling: Redis carries a script out whole, with nobody in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::prefix::name;
use super::scripts::{greeting, holder, milliseconds, scripts};
use super::{Entries, KeyPrefix, Ledger, Standing, Taken, Token, Unavailable};
use crate::clock::Clock;
use crate::redis::{Call, ConnectError, Eviction, Fault, Redis, RedisSettings, Script, inspect};
use crate::task::Tasks;

/// A ledger in Redis.
pub struct Shared {
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

impl Shared {
    /// A ledger whose keys begin with `prefix`. Redis is looked for from now on.
    pub fn new(
        settings: RedisSettings,
        prefix: KeyPrefix,
        clock: Arc<dyn Clock>,
        tasks: &Tasks,
    ) -> Self {
        let [claim, commit, release, permit, leave] = scripts();
        // Tokens of two processes do not meet: each begins somewhere.
        let first = getrandom::u64().unwrap_or_default();
        Self {
            redis: Redis::start(settings, greeting(&prefix, Token(first)), tasks),
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

    /// Looks whether a ledger is to be had there.
    pub async fn inspect(
        settings: &RedisSettings,
        prefix: &KeyPrefix,
    ) -> Result<Eviction, ConnectError> {
        let token = Token(getrandom::u64().unwrap_or_default());
        inspect(settings, &greeting(prefix, token)).await
    }

    /// The connection.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// A token that nobody else has.
    pub(super) fn token(&self) -> Token {
        Token(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Claims `entries` under `token`.
    pub(super) async fn claim_as(
        &self,
        token: Token,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<(), Taken>, Fault> {
        let keys = self.keys(entries);
        let words = [holder(token), milliseconds(lease.as_millis())];
        let known = self.redis.run(self.claim.on(&keys, &words)).await?;
        let Some(place) = usize::try_from(known.unsigned_abs())
            .ok()
            .filter(|it| *it > 0)
        else {
            return Ok(Ok(()));
        };
        let entry = entries.iter().nth(place - 1);
        let entry = entry.ok_or(Fault::Refused("a key that was not claimed".into()))?;
        Ok(Err(Taken {
            key: entry.key,
            standing: if known > 0 {
                Standing::Accepted
            } else {
                Standing::InFlight
            },
        }))
    }

    /// A permit for `token`, one of `many`, for `lease`; or how many come before it. It waits if it asks again
    /// within `pause`, and does not if that is zero.
    pub(super) async fn permit_as(
        &self,
        token: Token,
        places: &Entries,
        many: u32,
        [lease, pause]: [Duration; 2],
    ) -> Result<Result<(), u64>, Fault> {
        let keys = self.keys(places);
        let words = [
            holder(token),
            many.to_string().into_bytes(),
            milliseconds(lease.as_millis()),
            milliseconds(pause.as_millis()),
        ];
        let place = self.redis.run(self.permit.on(&keys, &words)).await?;
        Ok(if place > 0 {
            Ok(())
        } else {
            Err(place.unsigned_abs())
        })
    }

    /// Settles a claim.
    pub(super) async fn settle(&self, settlement: &Settlement) -> Result<(), Fault> {
        let (keys, words) = self.said(settlement);
        let call = self.script(settlement).on(&keys, &words);
        self.redis.run(call).await.map(drop)
    }

    /// Settles many, in one round trip. Each has a result of its own.
    pub(super) async fn settle_all(
        &self,
        settlements: &[Settlement],
    ) -> Result<Vec<Result<i64, Fault>>, Fault> {
        let said: Vec<_> = settlements.iter().map(|it| self.said(it)).collect();
        let calls: Vec<Call<'_>> = settlements
            .iter()
            .zip(&said)
            .map(|(it, (keys, words))| self.script(it).on(keys, words))
            .collect();
        self.redis.run_all(&calls).await
    }

    fn script(&self, settlement: &Settlement) -> &Script {
        match settlement.outcome {
            Outcome::Accepted => &self.commit,
            Outcome::GivenUp => &self.release,
            Outcome::Left => &self.leave,
        }
    }

    /// The keys and the words of a settlement.
    fn said(&self, settlement: &Settlement) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let Settlement {
            entries,
            token,
            outcome,
        } = settlement;
        let words = if *outcome == Outcome::Accepted {
            let now = self.clock.now();
            let keep = entries.iter().map(|entry| {
                let left = entry.keep.until().duration_since(now).as_millis();
                milliseconds(u128::try_from(left).unwrap_or(0))
            });
            keep.collect()
        } else {
            vec![holder(*token)]
        };
        (self.keys(entries), words)
    }

    fn keys(&self, entries: &Entries) -> Vec<Vec<u8>> {
        let names = entries.iter().map(|entry| name(&self.prefix, &entry.key));
        names.collect()
    }
}

/// What became of a claim, or of a permit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settlement {
    pub(super) entries: Entries,
    pub(super) token: Token,
    pub(super) outcome: Outcome,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// A claim: the backend has accepted the delivery.
    Accepted,
    /// A claim: it did not.
    GivenUp,
    /// A permit, or the wait for one.
    Left,
}

impl Settlement {
    pub(super) fn new(entries: &Entries, token: Token, outcome: Outcome) -> Self {
        Self {
            entries: *entries,
            token,
            outcome,
        }
    }
}

#[async_trait]
impl Ledger for Shared {
    async fn claim(
        &self,
        entries: &Entries,
        lease: Duration,
    ) -> Result<Result<Token, Taken>, Unavailable> {
        let token = self.token();
        let claimed = self.claim_as(token, entries, lease).await;
        Ok(claimed.map_err(Unavailable::OutOfReach)?.map(|()| token))
    }

    async fn commit(&self, entries: &Entries, token: Token) -> Result<(), Unavailable> {
        let settlement = Settlement::new(entries, token, Outcome::Accepted);
        let settled = self.settle(&settlement).await;
        settled.map_err(Unavailable::OutOfReach)
    }

    async fn release(&self, entries: &Entries, token: Token) -> Result<(), Unavailable> {
        let settlement = Settlement::new(entries, token, Outcome::GivenUp);
        let settled = self.settle(&settlement).await;
        settled.map_err(Unavailable::OutOfReach)
    }
}
