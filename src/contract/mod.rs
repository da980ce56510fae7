//! What the payload of a delivery has to be, and what of it tells deliveries apart.
//!
//! Pure: bytes in, violations out. No async, no clock, no log, no files.
//!
//! ```text
//! ContractDefinition ─ compile ─→ Contract ┐
//! KeyPath ─────────────────────────────────┴→ PayloadRules ─ examine(Payload) ─→ key, or Violations
//! ```
//!
//! A payload is read once. What neither the contract nor the key looks at is passed over, so that a check
//! costs little more than finding the ends of things.

mod check;
mod compiled;
mod definition;
mod extent;
mod field;
mod input;
mod input_schema;
mod json;
mod key;
mod key_path;
mod multipart;
mod node;
mod payload;
mod plan;
mod rules;
mod sample;
mod sought;
mod take;
mod tree;
mod violation;
mod wording;

pub use self::compiled::Contract;
pub use self::definition::ContractDefinition;
pub use self::input::{Input, InputType, UnknownInputType};
pub use self::key::ConcurrencyKey;
pub use self::key_path::{InvalidKeyPath, KeyPath};
pub use self::multipart::{MultipartLimits, Parts, ScanFault, Scanner, boundary_of};
pub use self::payload::Payload;
pub use self::rules::{KeyRule, PayloadRules};
pub use self::violation::{Violation, Violations};
