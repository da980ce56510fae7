//! Handshakes: what a provider asks of an URL before it delivers there, and what it wants to hear.
//!
//! Like `auth`, this layer is pure: what was asked comes in, an answer goes out. Each provider's
//! handshake is a file in `presets/`, a few rules long:
//!
//! ```text
//! when      what the request looks like: method, headers, query, fields of a JSON body
//! value     what is taken out of it, and which characters it may consist of
//! signed    answered only after the delivery's own signature was verified
//! respond   status, headers and body, made of literal text, the value, and a MAC of the value
//! ```
//!
//! A MAC of a value is what signs deliveries too. So that nobody can have one made for a payload, a
//! value consists of few characters, and a body that consists of nothing else proves nothing where
//! such a handshake is answered: see [`Handshake::could_sign`].

mod answer;
mod asked;
mod declaration;
mod form;
mod json;
mod preset;
mod rule;
mod source;
mod words;

pub use self::answer::Answer;
pub use self::asked::{Asked, Need};
pub use self::form::Form;
pub use self::json::{Field, Pointer, UnknownPointer, field};
pub use self::preset::{Handshake, Unfit};
pub use self::rule::MAX_BODY_BYTES;
