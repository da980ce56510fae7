//! JSON, read strictly and once.
//!
//! `serde_json` is not what reads here, for four reasons: what it skips may be nested without end, it has no
//! place for a number that neither an integer nor a float holds, of two members of one name it takes the last
//! one in silence, and a tree of everything costs more than the proof of the delivery.

mod broken;
mod number;
mod reader;
mod text;

pub(super) use self::broken::{Broken, Fault};
pub(super) use self::number::{Decimal, Number};
pub(super) use self::reader::{Kind, Reader};
pub(super) use self::text::Wholeness;
