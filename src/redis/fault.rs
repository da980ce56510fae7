//! A call that came to nothing.

use std::sync::Arc;

use redis_rs::RedisError;

/// A call that came to nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// There is no connection, and nothing was tried.
    #[error("Redis is out of reach: {0}")]
    Down(Arc<str>),

    /// The connection broke, or there was no answer in time: nobody knows whether the call was carried out.
    #[error("Redis is out of reach: {0}")]
    Lost(Arc<str>),

    /// Redis has answered that it does not do it.
    #[error("Redis answers: {0}")]
    Refused(Arc<str>),
}

/// What an error says about the connection that it came over.
pub(super) enum Meaning {
    /// The connection is of no use, or not any more.
    Lost(Arc<str>),
    /// The script is not known there.
    NoScript,
    /// This call was refused, and another one may not be.
    Refused(Arc<str>),
}

impl Meaning {
    pub(super) fn of(error: &RedisError) -> Self {
        let text: Arc<str> = answer(error).into();
        match error.code() {
            Some("NOSCRIPT") => Self::NoScript,
            // What a server says that may not, cannot or must not do this work at all: a replica, one that
            // still reads its data, one of a cluster. The next attempt may find another one there.
            Some(
                "ASK" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "MOVED" | "NOAUTH" | "NOPERM"
                | "READONLY" | "WRONGPASS",
            ) => Self::Lost(text),
            Some(_) => Self::Refused(text),
            None if error.is_timeout() => Self::Lost("no answer in time".into()),
            None => Self::Lost(text),
        }
    }
}

/// What the server has answered, or else what went wrong.
pub(super) fn answer(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(detail)) => detail.to_owned(),
        (None, None) => error.to_string(),
    }
}
