//! Whether Redis evicts keys that the ledger needs.

use std::fmt;

use redis_rs::aio::MultiplexedConnection;
use redis_rs::{RedisResult, Value, cmd};

use super::error::answer;

/// What Redis does when its memory is full.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the gate handles each case")]
pub enum Eviction {
    /// It refuses writes and keeps every key.
    None,
    /// It evicts keys before they expire, by this policy.
    By(String),
    /// The server does not reveal the policy. Holds its answer.
    Unknown(String),
}

impl Eviction {
    /// Asks the server for `maxmemory-policy` and `maxmemory`.
    pub(super) async fn of(connection: &mut MultiplexedConnection) -> Self {
        let policy = setting(connection, "maxmemory-policy").await;
        let limit = setting(connection, "maxmemory").await;
        match (policy, limit) {
            (Ok(policy), _) if policy == "noeviction" => Self::None,
            // Without a limit nothing is evicted.
            (Ok(_), Ok(limit)) if limit == "0" => Self::None,
            (Ok(policy), Ok(_)) => Self::By(policy),
            (Err(error), _) | (_, Err(error)) => Self::Unknown(error),
        }
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("Redis evicts no key"),
            Self::By(policy) => write!(
                f,
                "Redis evicts keys when its memory is full (maxmemory-policy {policy}), so a replay could be \
                 admitted: set maxmemory-policy to noeviction"
            ),
            Self::Unknown(answer) => write!(
                f,
                "cannot read the eviction policy of Redis ({answer}): make sure that maxmemory-policy is \
                 noeviction"
            ),
        }
    }
}

async fn setting(connection: &mut MultiplexedConnection, name: &str) -> Result<String, String> {
    let unreadable = || format!("the server does not report {name}");
    let mut get = cmd("CONFIG");
    get.arg("GET").arg(name);
    let reply: RedisResult<Value> = connection.send_packed_command(&get).await;
    let reply = reply.and_then(Value::extract_error);
    match reply.map_err(|error| answer(&error))? {
        Value::Array(pair) => match pair.as_slice() {
            [_, Value::BulkString(value)] => Ok(String::from_utf8_lossy(value).into_owned()),
            _ => Err(unreadable()),
        },
        _ => Err(unreadable()),
    }
}
