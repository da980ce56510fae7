//! Failed calls.

use std::sync::Arc;

use redis_rs::RedisError;

/// A call of a script that failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisFault {
    /// There is no connection. The call was not sent.
    #[error("Redis is out of reach: {0}")]
    Down(Arc<str>),

    /// The connection broke, or the call timed out. Redis may or may not have executed it.
    #[error("Redis is out of reach: {0}")]
    Lost(Arc<str>),

    /// Redis answered with an error.
    #[error("Redis answers with an error: {0}")]
    Refused(Arc<str>),
}

/// A failed call, seen from inside this module: it also tells whether the script has to be sent.
pub(super) enum CallError {
    /// There is no connection. The call was not sent.
    Down(Arc<str>),
    /// The connection is broken or unusable.
    Lost(Arc<str>),
    /// Redis does not have the script.
    NoScript,
    /// Redis refused this call. Another call may succeed.
    Refused(Arc<str>),
}

impl CallError {
    pub(super) fn of(error: &RedisError) -> Self {
        let text: Arc<str> = answer(error).into();
        match error.code() {
            Some("NOSCRIPT") => Self::NoScript,
            // This server cannot serve the ledger: a replica, a cluster node, or one that is still loading. A
            // reconnect may reach another server.
            Some(
                "ASK" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "MOVED" | "NOAUTH" | "NOPERM"
                | "READONLY" | "WRONGPASS",
            ) => Self::Lost(text),
            Some(_) => Self::Refused(text),
            None if error.is_timeout() => Self::Lost("timed out".into()),
            None => Self::Lost(text),
        }
    }

    pub(super) fn into_fault(self) -> RedisFault {
        match self {
            Self::Down(cause) => RedisFault::Down(cause),
            Self::Lost(cause) => RedisFault::Lost(cause),
            Self::NoScript => RedisFault::Refused("the server did not keep the script".into()),
            Self::Refused(answer) => RedisFault::Refused(answer),
        }
    }
}

/// The error reply of the server, or else the local error.
pub(super) fn answer(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(detail)) => detail.to_owned(),
        (None, None) => error.to_string(),
    }
}
