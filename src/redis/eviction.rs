//! Whether Redis forgets what it was told to keep.

use std::fmt;

use redis_rs::aio::MultiplexedConnection;
use redis_rs::{RedisResult, Value, cmd};

use super::fault::answer;

/// What Redis does when its memory is full.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it does, or not, or does not say")]
pub enum Eviction {
    /// It refuses to take in more.
    None,
    /// It forgets keys before their time, by this policy.
    By(String),
    /// It does not say: this is its answer.
    Unknown(String),
}

impl Eviction {
    /// Asks for it.
    pub(super) async fn of(connection: &mut MultiplexedConnection) -> Self {
        let policy = setting(connection, "maxmemory-policy").await;
        let limit = setting(connection, "maxmemory").await;
        match (policy, limit) {
            (Ok(policy), _) if policy == "noeviction" => Self::None,
            // Without a limit nothing is ever evicted.
            (Ok(_), Ok(limit)) if limit == "0" => Self::None,
            (Ok(policy), Ok(_)) => Self::By(policy),
            (Err(error), _) | (_, Err(error)) => Self::Unknown(error),
        }
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("Redis forgets nothing before its time"),
            Self::By(policy) => write!(
                f,
                "Redis forgets keys when its memory is full (maxmemory-policy {policy}): replays could get \
                 in; the policy has to be `noeviction`"
            ),
            Self::Unknown(answer) => write!(
                f,
                "Redis does not say what it does when its memory is full ({answer}): see to it that \
                 maxmemory-policy is `noeviction`"
            ),
        }
    }
}

async fn setting(connection: &mut MultiplexedConnection, name: &str) -> Result<String, String> {
    let mut get = cmd("CONFIG");
    get.arg("GET").arg(name);
    let asked: RedisResult<Value> = connection.send_packed_command(&get).await;
    let asked = asked.and_then(Value::extract_error);
    match asked.map_err(|error| answer(&error))? {
        Value::Array(pair) => match pair.as_slice() {
            [_, Value::BulkString(value)] => Ok(String::from_utf8_lossy(value).into_owned()),
            _ => Err(format!("nothing is known about {name}")),
        },
        _ => Err(format!("nothing is known about {name}")),
    }
}
