//! What the payload of a delivery has to be, and what of it tells deliveries apart.
//!
//! Pure: bytes in, violations out. No async, no clock, no log, no files.

mod definition;
mod input;
mod key_path;

pub use definition::ContractDefinition;
pub use input::{Input, InputType, UnknownInputType};
pub use key_path::{InvalidKeyPath, KeyPath};
