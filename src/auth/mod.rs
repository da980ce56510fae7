//! Proof of who sent a delivery: bytes in, verdict out.
//!
//! This layer is pure. It reads no clock and no file, holds no socket, writes no log; what it needs
//! to know about time arrives as an argument. A delivery passes through it in four steps:
//!
//! ```text
//! Scheme   how a sender proves itself (data: a preset, or what an endpoint wrote down)
//! Claim    what this delivery's head says: candidates for a signature or a token, still unproven
//! Verification  claim + keys; takes the body as it arrives and gives one answer at its end
//! Verified      the proof. Only a verification that succeeded can make one
//! ```
//!
//! A scheme whose proof is a token is settled by the head alone: it never waits for a body.

mod candidates;
mod claim;
mod declaration;
mod encoding;
mod error;
mod head;
mod key;
mod key_form;
mod mode;
mod place;
mod preset;
mod scheme;
mod signing;
mod source;
mod template;
mod timestamp;
mod variation;
mod verification;
mod verified;

pub use self::claim::Claim;
pub use self::encoding::Encoding;
pub use self::error::ProofError;
pub use self::head::Head;
pub use self::key::{Code, Key, KeyRing, NumberedKey, UnusableSecret, proves_nothing};
pub use self::key_form::{KeyEncoding, KeyForm};
pub use self::mode::{Mode, UnknownMode, UnknownPreset};
pub use self::place::{Place, Reading};
pub use self::preset::{Evidence, Preset};
pub use self::scheme::{Algorithm, Scheme, SignatureRule, Tagged};
pub use self::signing::Message;
pub use self::source::{Source, UnknownSource};
pub use self::template::{Template, TemplateError};
pub use self::timestamp::{TimestampRule, TimestampSource, TimestampUnit};
pub use self::verification::{Begun, Verification};
pub use self::verified::{Generation, Verified};
