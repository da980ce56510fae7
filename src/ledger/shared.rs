//! The memory that the nodes of a fleet share, in Redis.
//!
//! A key is a digest, its value the holder of a claim or the word `accepted`, and its time to live is how
//! long that counts. So Redis forgets by itself, and a claim of a node that has crashed ends with its lease.
//! Times are sent as durations: the clock of the server need not be right, only as fast as others.
//!
//! Claiming is one script, and so is settling: Redis carries a script out whole, with nobody in between.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::{Entries, Key, Ledger, Standing, Taken, Token, Unavailable};
use crate::clock::Clock;
use crate::redis::{
    Call, ConnectError, Eviction, Fault, Greeting, Redis, RedisSettings, Script, Trial, inspect,
};

/// A ledger in Redis.
pub struct Shared {
    redis: Redis,
    prefix: KeyPrefix,
    claim: Script,
    commit: Script,
    release: Script,
    clock: Arc<dyn Clock>,
    next: AtomicU64,
}

impl Shared {
    /// A ledger whose keys begin with `prefix`. Redis is looked for from now on.
    pub fn new(settings: RedisSettings, prefix: KeyPrefix, clock: Arc<dyn Clock>) -> Self {
        let [claim, commit, release] = scripts();
        // Tokens of two processes do not meet: each begins somewhere.
        let first = getrandom::u64().unwrap_or_default();
        Self {
            redis: Redis::start(settings, greeting(&prefix, Token(first))),
            prefix,
            claim,
            commit,
            release,
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
        let names = entries.iter().map(|entry| name(&self.prefix, &entry.key));
        names.collect()
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

/// What keys begin with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyPrefix(Box<str>);

impl Default for KeyPrefix {
    fn default() -> Self {
        Self("portcullis:".into())
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for KeyPrefix {
    type Err = WrongPrefix;

    fn from_str(text: &str) -> Result<Self, WrongPrefix> {
        let is_good = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
        if (1..=MAX_PREFIX_LEN).contains(&text.len()) && text.bytes().all(is_good) {
            Ok(Self(text.into()))
        } else {
            Err(WrongPrefix)
        }
    }
}

/// Text that keys cannot begin with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected 1 to 64 visible ASCII characters without braces")]
pub struct WrongPrefix;

/// The name of a key: what stands in braces decides the slot of a cluster.
fn name(prefix: &KeyPrefix, key: &Key) -> Vec<u8> {
    let (place, rest) = key.split();
    let mut name = Vec::with_capacity(prefix.0.len() + 2 + 2 * Key::LEN);
    name.extend(prefix.0.bytes());
    name.push(b'{');
    push_hex(&mut name, place);
    name.push(b'}');
    push_hex(&mut name, rest);
    name
}

fn push_hex(name: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |half: u8| match half {
        0..10 => b'0' + half,
        _ => b'a' + half - 10,
    };
    name.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]),
    );
}

/// Each script, with a key that nobody else uses and that is gone afterwards: what a user may not do shows
/// here, and not in the first delivery. And one of them in several slots: a node of a cluster, which has not
/// all of them, says so.
fn greeting(prefix: &KeyPrefix, token: Token) -> Greeting {
    let trial = |script, place: &str, words| Trial {
        script,
        keys: vec![format!("{prefix}{{{place}}}{:016x}", token.0).into_bytes()],
        words,
    };
    let mut trials = vec![
        trial(0, "trial", vec![holder(token), milliseconds(1000)]),
        trial(1, "trial", vec![milliseconds(0)]),
    ];
    let places = ["trial", "0", "1", "2", "3", "4", "5", "6", "7"];
    trials.extend(places.map(|place| trial(2, place, vec![holder(token)])));
    let scripts = scripts().to_vec();
    Greeting { scripts, trials }
}

/// Claim, commit and release.
fn scripts() -> [Script; 3] {
    [
        Script::new("the script `claim`", include_str!("scripts/claim.lua")),
        Script::new("the script `commit`", include_str!("scripts/commit.lua")),
        Script::new("the script `release`", include_str!("scripts/release.lua")),
    ]
}

fn holder(token: Token) -> Vec<u8> {
    format!("{:016x}", token.0).into_bytes()
}

/// No longer than Redis can count, and than a number of its scripts is exact.
fn milliseconds(time: u128) -> Vec<u8> {
    time.min(1 << 52).to_string().into_bytes()
}

const MAX_PREFIX_LEN: usize = 64;
