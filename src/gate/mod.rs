//! The decision about a delivery, and the pipeline after it.
//!
//! ```text
//! path → endpoint → caller → challenge? → upstream → claim → announced size → keys → body, hashed on arrival → proof
//!   → challenge? → account → event → ledger → contract and key → turn → grounds once more → Admitted
//!   → send → settle the claim, end the turn → pass the answer on
//! ```
//!
//! [`Gate::judge`] takes these steps in this order and returns at the first refusal. [`Admitted::deliver`] is the
//! pipeline after the verdict. Neither knows Pingora: a head comes in as a [`Request`] and a body as a [`BodySource`];
//! the backend is an [`UpstreamTransport`], and the sender a [`ResponseSink`].

mod admitted;
mod body;
mod budget;
#[cfg(test)]
mod budget_shares;
mod challenge;
mod decision;
mod draft;
mod grounds;
mod judgement;
mod names;
mod payload;
mod pipeline;
mod proof;
mod reason;
mod receive;
mod replay;
mod request;
mod scan;
mod settings;
mod transport;
mod turns;

pub use self::admitted::Admitted;
pub use self::body::{Body, BodyError, BodySource};
pub use self::budget::{Budget, Lease, OverBudgetError};
pub use self::decision::{Caches, Gate};
pub use self::judgement::{Decision, DeliveryFacts, Judgement, Timings};
pub use self::names::SenderNames;
pub use self::pipeline::DeliveryOutcome;
pub use self::reason::{Reason, Refusal};
pub use self::replay::event_id;
pub use self::request::Request;
pub use self::settings::{GateSettings, judge_method};
pub use self::transport::{
    AddressFault, BodyLength, Deadline, ResponseSink, SenderLeft, UpstreamBody, UpstreamFailure,
    UpstreamFault, UpstreamRequest, UpstreamResponse, UpstreamTransport,
};
pub use self::turns::Turn;
