//! Portcullis: the gate in front of a private backend.
//!
//! It terminates the public portal, receives webhook deliveries, proves who sent each one over its exact
//! raw bytes, and only then opens a connection to the backend and passes the identical bytes on.
//! Nothing that it has not admitted ever causes a packet to the backend.
//!
//! ```text
//! socket → head (deadline) → route → endpoint → claim (unproven; refused here costs no body)
//!        → keys (cache → key service) → body read once, hashed as it arrives → verified
//!        → a handshake? then its answer, and no further
//!        → ledger (new, a replay, or in flight?) → Admitted → headers → backend → ledger (accepted or not)
//!        → outcome (one record: a log line and metrics)
//! ```
//!
//! No step decides twice; what a verdict rests on is looked at once more before the delivery goes to the backend.
//! [`auth::Verified`] can be made only by the verification that succeeded, and what forwards a delivery needs a
//! [`gate::Admitted`].
//!
//! Imports run one way, and a test (`tests/layers.rs`) keeps it so:
//!
//! ```text
//! auth ← handshake, secrets ← tokens ← directory ← ledger, outbound ← gate ← capture, telemetry ← proxy, admin ← app ← cli ← main
//! ```
//!
//! `store` implements the traits of `secrets`, `tokens`, `directory` and `flow`; only `cli` and `app` know `config`;
//! `control` holds every rule about changing what is stored, and stands above `store` and below `cli`;
//! `clock`, `sync`, `task`, `tls`, `audit` and `redis` stand below everything; `explain`, which people ask and no delivery
//! passes, stands above `proxy` and below `cli`.

pub mod admin;
pub mod app;
pub mod audit;
pub mod auth;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod control;
pub mod directory;
pub mod explain;
pub mod flow;
pub mod gate;
pub mod handshake;
pub mod ledger;
pub mod outbound;
pub mod proxy;
pub mod redis;
pub mod secrets;
pub mod store;
mod sync;
pub mod task;
pub mod telemetry;
pub mod tls;
pub mod tokens;
