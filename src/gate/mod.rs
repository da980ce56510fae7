//! The decision: may this delivery go to the backend?
//!
//! ```text
//! path → endpoint → method → claim → announced size → keys → body, hashed as it arrives → proof
//!      ↘ handshake, of the head                                                   handshake ↙ ↓
//!                                              turn ← contract, key ← ledger ← event ←────────
//! ```
//!
//! What the verdict rests on is looked at once more when the proof is there, and again before the delivery goes to the
//! backend (`grounds`): what was revoked while the body came, or while others had their turn, admits nothing.
//!
//! [`Gate::judge`] tells the story in that order and returns at the first refusal. It knows nothing of
//! Pingora: a request's head comes in as a [`Request`], its body as a [`BodySource`], and the answer
//! is an [`Admitted`], the answer to a handshake, or a [`Refusal`].

mod admitted;
mod body;
mod budget;
#[cfg(test)]
mod budget_shares;
mod challenged;
mod claimed;
mod decision;
mod draft;
mod greeter;
mod grounds;
mod judgement;
mod keyed;
mod known;
mod payload;
mod reason;
mod receive;
mod replay;
mod request;
mod scan;
mod settings;
mod turns;

pub use self::admitted::Admitted;
pub use self::body::{Body, BodyError, BodySource};
pub use self::budget::{Budget, Lease, OverBudget};
pub use self::decision::Gate;
pub use self::judgement::{Judgement, Passed, Timings};
pub use self::known::Known;
pub use self::reason::{Reason, Refusal};
pub use self::replay::event_id;
pub use self::request::Request;
pub use self::settings::{GateSettings, judge_method};
pub use self::turns::Turn;
