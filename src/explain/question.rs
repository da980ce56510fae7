//! What is asked: a delivery, and everything that the gate would judge it by.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;

use super::delivery::Delivery;
use super::judge::Secrets;
use crate::auth::Scheme;

/// What is asked.
pub struct Question {
    /// The delivery.
    pub delivery: Delivery,
    /// How it has to prove itself; none if the endpoint says nothing about it.
    pub scheme: Option<Arc<Scheme>>,
    /// Whether everybody gets in: the endpoint asks for no proof, and the server agrees.
    pub is_open: bool,
    /// The secrets; none if none is bound.
    pub secrets: Option<Secrets>,
    /// The methods that are taken.
    pub methods: Vec<Method>,
    /// How large the body may be.
    pub limit_bytes: Option<u64>,
    /// Where its path leads.
    pub leads: Leads,
    /// The time of the judgement.
    pub at: Timestamp,
    /// Why that time.
    pub judged_at: JudgedAt,
}

/// Where the path of a delivery leads.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Leads {
    /// To another endpoint, by its id.
    Elsewhere(String),
    /// To the endpoint that is asked about.
    Here(String),
    /// Nobody asked: there is a preset and no endpoint.
    NotAsked,
    /// To nothing. The right path is given, if there is one.
    Nowhere(Option<String>),
}

/// Which time a delivery is judged at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JudgedAt {
    /// The one that the capture names.
    Captured,
    /// One that somebody gave.
    Given,
    /// The present.
    Now,
}
