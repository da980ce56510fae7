//! The memory that the nodes of a fleet share, in Redis.
//!
//! A key is a digest, its value the holder of a claim or the word `accepted`, and its time to live is how
//! long that counts. So Redis forgets by itself, and a claim of a node that has crashed ends with its lease.
//! Times are sent as durations: the clock of the server need not be right, only as fast as others.
//!
//! Claiming is one script, and so is settling: Redis carries a script out whole, with nobody in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::prefix::name;
use super::scripts::{greeting, holder, milliseconds, scripts};
use super::{Entries, Key, KeyPrefix, Ledger, Standing, Taken, Token, Unavailable};
use crate::clock::Clock;
use crate::redis::{Call, ConnectError, Eviction, Fault, Redis, RedisSettings, Script, inspect};

/// A ledger in Redis.
pub struct Shared {
    redis: Redis,
    prefix: KeyPrefix,
    claim: Script,
    commit: Script,
    release: Script,
    permit: Script,
    clock: Arc<dyn Clock>,
    next: AtomicU64,
}

impl Shared {
    /// A ledger whose keys begin with `prefix`. Redis is looked for from now on.
    pub fn new(settings: RedisSettings, prefix: KeyPrefix, clock: Arc<dyn Clock>) -> Self {
        let [claim, commit, release, permit] = scripts();
        // Tokens of two processes do not meet: each begins somewhere.
        let first = getrandom::u64().unwrap_or_default();
        Self {
            redis: Redis::start(settings, greeting(&prefix, Token(first))),
            prefix,
            claim,
            commit,
            release,
            permit,
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

    /// Takes one of `permits` for `lease`, and says which; `None` if there is none. `keys` are the place of
    /// who comes next and those of the permits; who waits keeps the first one for `next_for`.
    pub(super) async fn permit_as(
        &self,
        token: Token,
        keys: &[Vec<u8>],
        lease: Duration,
        next_for: Duration,
    ) -> Result<Option<usize>, Fault> {
        let times = [lease, next_for].map(|time| milliseconds(time.as_millis()));
        let [lease, next_for] = times;
        let words = [holder(token), lease, next_for];
        let place = self.redis.run(self.permit.on(keys, &words)).await?;
        Ok(usize::try_from(place).ok().filter(|it| *it > 0))
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
        if settlement.accepted {
            &self.commit
        } else {
            &self.release
        }
    }

    /// The keys and the words of a settlement.
    fn said(&self, settlement: &Settlement) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let Settlement {
            entries,
            token,
            accepted,
        } = settlement;
        let words = if *accepted {
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
        let names = entries.iter().map(|entry| self.name(&entry.key));
        names.collect()
    }

    /// What a key is called there.
    pub(super) fn name(&self, key: &Key) -> Vec<u8> {
        name(&self.prefix, key)
    }
}

/// What became of a claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settlement {
    pub(super) entries: Entries,
    pub(super) token: Token,
    pub(super) accepted: bool,
}

impl Settlement {
    pub(super) fn new(entries: &Entries, token: Token, accepted: bool) -> Self {
        Self {
            entries: *entries,
            token,
            accepted,
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
        let settlement = Settlement::new(entries, token, true);
        let settled = self.settle(&settlement).await;
        settled.map_err(Unavailable::OutOfReach)
    }

    async fn release(&self, entries: &Entries, token: Token) -> Result<(), Unavailable> {
        let settlement = Settlement::new(entries, token, false);
        let settled = self.settle(&settlement).await;
        settled.map_err(Unavailable::OutOfReach)
    }
}
