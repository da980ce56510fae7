//! The usual mistakes.
//!
//! Each has a name that scripts may rely on, what it says to people, and the ways in which a delivery
//! may have been meant if the mistake was made. The proof decides: only a way that verifies is reported.
//!
//! To add one: write its ways in the file of its subject, and a row of the table at the place where the
//! mistake is made. What happens to a body comes before what happens to a head, and so on, because pairs are
//! tried in the order of the table only.

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
pub(super) struct Mistake {
    /// The word in `--json`.
    pub(super) name: &'static str,
    /// What was done. What exactly, each variant says behind it.
    pub(super) says: &'static str,
    /// What whoever sends has to change.
    pub(super) sender: Option<&'static str>,
    /// What whoever runs the endpoint has to change, or can.
    pub(super) operator: Option<&'static str>,
    /// Whether it changed the body.
    pub(super) is_in_body: bool,
    /// The ways to be tried.
    pub(super) variants: fn(&Attempt, Try<'_>) -> ControlFlow<()>,
}

/// Takes a way to be tried and what to call it, and says whether to go on. What it is called must not
/// hold a secret or a part of one.
pub(super) type Try<'t> = &'t mut dyn FnMut(&str, Attempt) -> ControlFlow<()>;

/// The names of all of them, in the order in which they are tried.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|mistake| mistake.name)
}
