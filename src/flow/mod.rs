//! Flows: what their authors declare, where it is in force, and which endpoints come of it.
//!
//! ```text
//! Flow           a declaration: slots for secrets, invocations, interfaces
//! FlowTarget     draft, live, or an installation: each has endpoints, a version and secrets of its own
//! definitions    (flow, target) → endpoints; pure
//! FlowState      what is in force where, and the moves from there: apply, release, promote, roll back
//! FlowStore      keeps it (a trait; `store` implements it), with its endpoints in one transaction
//! ```
//!
//! The draft is the latest declaration that was applied. Versions are drafts that were released, numbered from
//! 1 and never changed; live and every installation stand at one of them.

mod definitions;
mod document;
mod name;
mod state;
mod store;
mod target;

pub use self::document::{Flow, Interface, Invocation, Slot, SlotType, UnknownSlotType};
pub use self::name::{InvalidPartName, PartName};
pub use self::state::{FlowState, MoveAction, NoMove, UnknownMoveAction};
pub use self::store::{
    Draft, FlowChange, FlowMove, FlowStore, FlowSummary, History, NewMove, NewVersion, Version,
};
pub use self::target::{FlowTarget, InvalidScope};
