//! Provider challenges: requests by which a provider checks a URL before it delivers there, and their responses.
//!
//! Like `auth`, this layer is pure: a request comes in, a response goes out. Each provider's challenge is a file of
//! a few rules in `presets/`:
//!
//! ```text
//! when      the request to match: method, headers, query, fields of a JSON body
//! value     the value to read from it, and the characters that it may have
//! signed    respond only after the delivery's own signature was verified
//! respond   status, headers and body: literal text, the value, and a MAC of the value
//! ```
//!
//! Deliveries are signed with the same MAC. An attacker could therefore ask for a MAC of a payload. The form of a
//! value rules out payloads, and the gate refuses a body of that form: see [`Challenge::may_sign`].

mod answer;
mod declaration;
mod form;
mod json;
mod preset;
mod request;
mod rule;
mod source;

pub use self::answer::ChallengeAnswer;
pub use self::form::ValueForm;
pub use self::json::{JsonField, field};
pub use self::preset::{Challenge, ChallengeMismatchError};
pub use self::request::{ChallengeStep, ReceivedChallenge};
pub use self::rule::MAX_BODY_BYTES;
