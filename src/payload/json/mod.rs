//! A strict JSON reader that makes one pass and allocates only for strings with escapes.
//!
//! It is used instead of `serde_json` for exact numbers, half surrogate pairs and a bounded depth of skipped values:
//! see ADR 47 (`docs/develop/adr/0047-json-reader.md`).

mod error;
mod number;
mod reader;

pub(super) use self::error::{JsonError, JsonErrorKind};
pub(super) use self::number::{Decimal, Number};
pub(super) use self::reader::{Reader, Surrogates, ValueKind};
