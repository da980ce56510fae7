//! Payload contracts and concurrency keys: what a payload must look like, and which deliveries take turns.
//!
//! Pure: bytes in, violations out. No async, no clock, no log, no files.
//!
//! ```text
//! ContractDefinition ─ compile ─→ Contract ┐
//! KeyPath ─────────────────────────────────┴→ PayloadRules ─ examine(Payload) ─→ key, or Violations
//! ```
//!
//! A payload is read in one pass. Parts that neither the contract nor the key needs are skipped, so a check costs
//! little more than finding where values end.

mod compiled;
mod cost;
mod definition;
mod extract;
mod field;
mod format;
mod input;
mod json;
mod key;
mod matcher;
mod multipart;
mod node;
mod plan;
mod rules;
mod tree;
mod violation;
mod wording;

pub use self::compiled::Contract;
pub use self::definition::ContractDefinition;
pub use self::format::Payload;
pub use self::input::{Input, InputType, ParseInputTypeError};
pub use self::key::{ConcurrencyKey, KeyPath, KeyPathError};
pub use self::multipart::{MultipartError, MultipartLimits, Parts, Scanner, boundary_of};
pub use self::rules::{KeyRule, PayloadRules};
pub use self::violation::{Violation, Violations};
