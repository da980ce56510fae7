//! What is written down about a change: who did what, when, to what, from where. Never a value.
//!
//! The entries are made by whoever performs the change and stored in the same transaction as the
//! change itself.

mod chain;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

pub use self::chain::{AuditLine, Break, Broken, Chain, Digest, End, NotAnEnd};

/// One line of the audit log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// What it was done to: an endpoint id, `scope#slot` of a secret, the id of a token, or the target of a flow.
    pub subject: String,
    /// A few words more, such as the version of a secret.
    pub detail: String,
}

/// Somebody who changes things.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Actor {
    /// The account, e.g. the user of the operating system.
    pub name: String,
    /// Through what and from where, e.g. `cli@host`.
    pub origin: String,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.origin)
    }
}

/// What can be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An endpoint was created.
    EndpointCreated,
    /// An endpoint was deleted.
    EndpointDeleted,
    /// An endpoint was changed.
    EndpointUpdated,
    /// A flow's draft was replaced.
    FlowApplied,
    /// A flow was taken from a target, or was deleted whole.
    FlowDeleted,
    /// A version of a flow that there was already was put to a target.
    FlowPromoted,
    /// A flow's draft was released.
    FlowReleased,
    /// An earlier version of a flow was put back.
    FlowRolledBack,
    /// A secret was taken over from a provider's handshake.
    SecretBound,
    /// A secret was generated for the first time.
    SecretCreated,
    /// A secret was encrypted anew, with another key; its value is the same.
    SecretResealed,
    /// A secret was ended, and nothing took its place.
    SecretRetired,
    /// A secret was shown, or used to sign by hand.
    SecretRevealed,
    /// A secret was replaced by a generated one.
    SecretRotated,
    /// A secret was replaced by a given one.
    SecretSet,
    /// A token of a workspace was made.
    TokenCreated,
    /// A token of a workspace was ended before its time.
    TokenRevoked,
}

impl Action {
    /// The word in the store and in output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::EndpointCreated => "endpoint_created",
            Self::EndpointDeleted => "endpoint_deleted",
            Self::EndpointUpdated => "endpoint_updated",
            Self::FlowApplied => "flow_applied",
            Self::FlowDeleted => "flow_deleted",
            Self::FlowPromoted => "flow_promoted",
            Self::FlowReleased => "flow_released",
            Self::FlowRolledBack => "flow_rolled_back",
            Self::SecretBound => "secret_bound",
            Self::SecretCreated => "secret_created",
            Self::SecretResealed => "secret_resealed",
            Self::SecretRetired => "secret_retired",
            Self::SecretRevealed => "secret_revealed",
            Self::SecretRotated => "secret_rotated",
            Self::SecretSet => "secret_set",
            Self::TokenCreated => "token_created",
            Self::TokenRevoked => "token_revoked",
        }
    }
}
