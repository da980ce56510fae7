//! Where flows are kept.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Flow, FlowState, FlowTarget, MoveAction, PartName};
use crate::audit::{Actor, AuditEntry};
use crate::directory::{EndpointChange, Name};
use crate::secrets::{Installation, SecretRef, StoreError};

/// Keeps flows, their versions and where they are in force.
#[async_trait]
pub trait FlowStore: Send + Sync {
    /// A flow as it stands.
    async fn flow(&self, name: &PartName) -> Result<Option<FlowState>, StoreError>;

    /// Up to `limit` flows that come after `after`, in the order of their names.
    async fn flows(
        &self,
        after: Option<&PartName>,
        limit: u32,
    ) -> Result<Vec<FlowSummary>, StoreError>;

    /// What a version declares.
    async fn flow_version(&self, name: &PartName, number: u32) -> Result<Option<Flow>, StoreError>;

    /// Every version of a flow, and up to `limit` moves, the newest of both first.
    async fn flow_history(&self, name: &PartName, limit: u32) -> Result<History, StoreError>;

    /// Performs a change of a flow with that of its endpoints: all of it or nothing. If the flow is not as
    /// it was when the change was planned, it is a [`StoreError::Conflict`].
    ///
    /// A secret in the scope of a target stays as long as the flow is there, whichever of its endpoints
    /// come and go. It ends when the flow is taken from the target. What has ended is given back.
    async fn change_flow(&self, change: FlowChange) -> Result<Vec<SecretRef>, StoreError>;
}

/// A flow as it is listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowSummary {
    /// Its name.
    pub name: PartName,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// When its draft was applied.
    pub drafted_at: Timestamp,
    /// The version that is live.
    pub live: Option<u32>,
    /// The number of its installations.
    pub installations: u64,
}

/// What is done to a flow, in one step.
#[derive(Clone, Debug)]
pub struct FlowChange {
    /// The flow.
    pub name: PartName,
    /// The revision that the change was planned on; `None` if there was no such flow.
    pub based_on: Option<u64>,
    /// What it is afterwards; `None` if it is gone, with its versions and moves.
    pub draft: Option<Draft>,
    /// A version that is made.
    pub version: Option<NewVersion>,
    /// The targets that go to another version.
    pub moves: Vec<NewMove>,
    /// The endpoints that come, change and go.
    pub endpoints: Vec<(EndpointChange, AuditEntry)>,
    /// Secrets that the endpoints need.
    pub secrets: Vec<Installation>,
    /// What the audit log says of it: who, and when, too.
    pub audit: AuditEntry,
}

/// The row of a flow.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The latest declaration.
    pub flow: Flow,
}

/// A version that is made.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// Its number: one more than the newest.
    pub number: u32,
    /// What it declares.
    pub flow: Flow,
    /// What its author says of it.
    pub note: Option<String>,
}

/// A target that goes to another version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewMove {
    /// The target. It is never the draft.
    pub target: FlowTarget,
    /// The version that was in force there.
    pub from: Option<u32>,
    /// The one that is from now on; `None` if the flow is taken from there.
    pub to: Option<u32>,
    /// Why.
    pub action: MoveAction,
}

/// What happened to a flow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// Its versions.
    pub versions: Vec<Version>,
    /// Its moves.
    pub moves: Vec<FlowMove>,
}

/// A version that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// Its number.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What its author said of it.
    pub note: Option<String>,
}

/// A move that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowMove {
    /// The target.
    pub target: FlowTarget,
    /// The version that was in force there.
    pub from: Option<u32>,
    /// The one that came.
    pub to: Option<u32>,
    /// Why.
    pub action: MoveAction,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
}
