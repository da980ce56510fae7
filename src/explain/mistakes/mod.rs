//! The usual mistakes, each with the attempts that undo it.
//!
//! Each mistake has a stable name for scripts, texts for people, and variants of the delivery without the mistake.
//! Only a variant that verifies is reported.
//!
//! To add one, write its variants in the file of its subject, and add a row to the table. The rows are in
//! the order in which mistakes happen, body before head and so on. Pairs are tried only in that order.

mod body;
mod form;
mod head;
mod json;
mod scheme;
mod secret;
mod table;
mod text;
mod url;

use std::ops::ControlFlow;

pub(super) use self::head::headers_of;
pub(super) use self::table::{TABLE, TIMESTAMP_UNIT};
use super::attempt::Attempt;

/// A usual mistake.
pub(super) struct SenderMistake {
    /// The name in `--json`.
    pub(super) name: &'static str,
    /// The mistake. Each variant adds a detail after it.
    pub(super) says: &'static str,
    /// What the sender should change.
    pub(super) sender: Option<&'static str>,
    /// What the operator should or can change.
    pub(super) operator: Option<&'static str>,
    /// Whether the mistake changes the body.
    pub(super) is_in_body: bool,
    /// Produces the variants to try.
    pub(super) variants: fn(&Attempt, Try<'_>) -> ControlFlow<()>,
}

/// Tries an attempt with its detail, and tells whether to continue. The detail must not contain any part of a secret.
pub(super) type Try<'t> = &'t mut dyn FnMut(&str, Attempt) -> ControlFlow<()>;

/// The names of all mistakes, in the order in which they are tried.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|mistake| mistake.name)
}
