//! The decision: may this delivery go to the backend?
//!
//! ```text
//! path → endpoint → method → claim → announced size → keys → body, hashed as it arrives → proof
//! ```
//!
//! [`Gate::judge`] tells the story in that order and returns at the first refusal. It knows nothing of
//! Pingora: a request's head comes in as a [`Request`], its body as a [`BodySource`], and the answer
//! is an [`Admitted`] or a [`Refusal`].

mod admitted;
mod body;
mod budget;
mod decision;
mod reason;
mod receive;
mod request;

pub use self::admitted::Admitted;
pub use self::body::{Body, BodyError, BodySource};
pub use self::budget::{Budget, Lease, OverBudget};
pub use self::decision::{Gate, GateSettings, Judgement, Timings, judge_method};
pub use self::reason::{Reason, Refusal};
pub use self::request::Request;
