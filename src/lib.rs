//! Portcullis: the gate in front of a private backend.
//!
//! It terminates the public portal, receives webhook deliveries and verifies each one over its exact raw bytes. Only
//! then does it connect to the backend and forward the identical bytes. A delivery that is not admitted never causes
//! a packet to the backend.
//!
//! ```text
//! socket → head (deadline) → route → endpoint → claim (unproven; refused here costs no body)
//!        → keys (cache → key service) → body read once, hashed as it arrives → verified
//!        → provider challenge? answered here
//!        → ledger (new, replay or in flight) → Admitted → headers → backend → ledger (commit or release)
//!        → outcome (one record: a log line, metrics, a recorded delivery)
//! ```
//!
//! No step decides twice. The grounds of a verdict are checked again before the backend is contacted. Only a
//! successful verification creates an [`auth::Verified`], and forwarding needs a [`gate::Admitted`].
//!
//! Imports run to the left only, and a test (`tests/layers.rs`) enforces it:
//!
//! ```text
//! auth ← challenge, secrets ← tokens ← directory ← ledger, outbound ← gate ← capture, deliveries, telemetry ← proxy, admin, console ← app ← cli ← main
//! ```
//!
//! `store` implements the traits of `secrets`, `tokens`, `directory`, `operators`, `flow`, `capture` and `deliveries`. Only `cli`
//! and `app` import `config`.
//! `control` holds every rule about changing what is stored; it is above `store` and below `cli`. `clock`, `sync`,
//! `task`, `tls`, `audit`, `http_syntax`, `json_pointer`, `private_file` and `redis` are below everything. `explain` is above `proxy` and below `cli`;
//! no delivery passes it.

pub mod admin;
pub mod app;
pub mod audit;
pub mod auth;
pub mod capture;
pub mod challenge;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod control;
pub mod deliveries;
pub mod directory;
pub mod explain;
pub mod flow;
pub mod gate;
mod http_syntax;
pub mod json_pointer;
pub mod ledger;
pub mod operators;
pub mod outbound;
pub mod payload;
mod private_file;
pub mod proxy;
pub mod redis;
pub mod secrets;
pub mod store;
mod sync;
pub mod task;
pub mod telemetry;
pub mod tls;
pub mod tokens;
