//! The trait of a store that holds flows.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Flow, FlowState, FlowTarget, MoveAction, PartName};
use crate::audit::{Actor, AuditEntry};
use crate::directory::{EndpointChange, Name};
use crate::secrets::{NewSecretVersion, SecretRef, StoreError};

/// Stores flows, their versions, and the active version of each target.
#[async_trait]
pub trait FlowStore: Send + Sync {
    /// The current state of a flow; `None` if it does not exist.
    async fn flow(&self, name: &PartName) -> Result<Option<FlowState>, StoreError>;

    /// Up to `limit` flows in the order of their names, from the first one after `after`.
    async fn flows(
        &self,
        after: Option<&PartName>,
        limit: u32,
    ) -> Result<Vec<FlowSummary>, StoreError>;

    /// The declaration of a version; `None` if it does not exist.
    async fn flow_version(&self, name: &PartName, number: u32) -> Result<Option<Flow>, StoreError>;

    /// All versions of a flow and up to `limit` moves, each with the newest first.
    async fn flow_history(&self, name: &PartName, limit: u32) -> Result<History, StoreError>;

    /// Changes a flow together with its endpoints, in one transaction. If the flow changed after the change was planned,
    /// the result is [`StoreError::Conflict`].
    ///
    /// Secrets in the scope of a target outlive its endpoints. They end when the flow is removed from the target. Returns
    /// the secrets that this change ended.
    async fn change_flow(&self, change: FlowChange) -> Result<Vec<SecretRef>, StoreError>;
}

/// A flow in a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowSummary {
    /// The name, unique in the store.
    pub name: PartName,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// When the draft was applied.
    pub drafted_at: Timestamp,
    /// The live version; `None` before the first release.
    pub live: Option<u32>,
    /// How many installations the flow has.
    pub installations: u64,
}

/// One change of a flow, stored in one transaction.
#[derive(Clone, Debug)]
pub struct FlowChange {
    /// The name of the flow.
    pub name: PartName,
    /// The revision that the change was planned on; `None` to create the flow.
    pub based_on: Option<u64>,
    /// The owner and the declaration after the change. `None` deletes the flow with its versions and moves.
    pub draft: Option<Draft>,
    /// The version to create, at a release.
    pub version: Option<NewVersion>,
    /// The targets whose active version changes.
    pub moves: Vec<NewMove>,
    /// The endpoints to create, update and delete.
    pub endpoints: Vec<(EndpointChange, AuditEntry)>,
    /// The secrets to create with the endpoints.
    pub secrets: Vec<NewSecretVersion>,
    /// The audit entry of the change of the flow itself.
    pub audit: AuditEntry,
}

/// The owner and the declaration of a flow.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The declaration.
    pub flow: Flow,
}

/// A version to create.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// One more than the newest version.
    pub number: u32,
    /// The declaration, which never changes.
    pub flow: Flow,
    /// The author's note.
    pub note: Option<String>,
}

/// A change of the active version of a target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewMove {
    /// The target; never the draft.
    pub target: FlowTarget,
    /// The version that was active before.
    pub from: Option<u32>,
    /// The new active version; `None` removes the flow from the target.
    pub to: Option<u32>,
    /// The reason.
    pub action: MoveAction,
}

/// The versions and moves of a flow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// The versions, the newest first.
    pub versions: Vec<Version>,
    /// The moves, the newest first.
    pub moves: Vec<FlowMove>,
}

/// A stored version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// Counts from 1.
    pub number: u32,
    /// The time of the change.
    pub at: Timestamp,
    /// The person who made it.
    pub by: Actor,
    /// The author's note.
    pub note: Option<String>,
}

/// A stored move.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowMove {
    /// The target; never the draft.
    pub target: FlowTarget,
    /// The version that was active before.
    pub from: Option<u32>,
    /// The version that became active; `None` if the flow was removed.
    pub to: Option<u32>,
    /// The reason.
    pub action: MoveAction,
    /// The time of the change.
    pub at: Timestamp,
    /// The person who made it.
    pub by: Actor,
}
