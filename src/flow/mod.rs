//! Flows: their declarations, their versions, the targets where a version is active, and the endpoints.
//!
//! ```text
//! Flow               a declaration: slots for secrets, invocations, interfaces
//! FlowTarget         draft, live, or an installation: each has endpoints, a version and secrets of its own
//! Flow::definitions  (flow, target) → endpoints; pure
//! FlowState          the version at each target, and where a promotion or a rollback leads
//! FlowStore          stores flow and endpoints in one transaction (a trait; `store` implements it)
//! ```
//!
//! The draft is the declaration that was applied last. A version is a released draft; versions are numbered from 1
//! and never change. The live target and every installation have one version each.

mod document;
mod name;
mod state;
mod store;
mod target;

pub use self::document::{Flow, Interface, Invocation, ParseSlotTypeError, Slot, SlotType};
pub use self::name::{PartName, PartNameError};
pub use self::state::{FlowState, MoveAction, MoveError, ParseMoveActionError};
pub use self::store::{
    Draft, FlowChange, FlowMove, FlowStore, FlowSummary, History, NewMove, NewVersion, Version,
};
pub use self::target::{FlowTarget, ParseScopeError};
