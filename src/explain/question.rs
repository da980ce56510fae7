//! The input of `explain`: a delivery, and everything that the gate would judge it by.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;

use super::delivery::Delivery;
use super::judge::Secrets;
use crate::auth::Scheme;

/// The input of [`diagnose`](fn@super::diagnose).
pub struct Question {
    /// The captured delivery.
    pub delivery: Delivery,
    /// The scheme of the endpoint; `None` without `auth`.
    pub scheme: Option<Arc<Scheme>>,
    /// Whether the endpoint requires no proof, and the server allows that.
    pub is_open: bool,
    /// The secrets; `None` if no secret is bound.
    pub secrets: Option<Secrets>,
    /// The methods that the endpoint accepts.
    pub methods: Vec<Method>,
    /// The limit of the body size.
    pub limit_bytes: Option<u64>,
    /// The endpoint that the path leads to.
    pub leads: PathTarget,
    /// The time at which to judge the delivery.
    pub at: Timestamp,
    /// Where that time comes from.
    pub judged_at: JudgedAt,
}

/// The endpoint that the path of a delivery leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PathTarget {
    /// Another endpoint, by its id.
    Elsewhere(String),
    /// The endpoint in question, by its id.
    Here(String),
    /// Unknown: a preset was given, and no endpoint.
    NotAsked,
    /// No endpoint, with the correct path of the one in question if it has one.
    Nowhere(Option<String>),
}

/// The source of the judged time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JudgedAt {
    /// The capture contains the time.
    Captured,
    /// The time was given with `--at`.
    Given,
    /// The current time.
    Now,
}
