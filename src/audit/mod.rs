//! Audit entries: who changed what, when and from where. They never contain a secret value.
//!
//! The code that performs a change creates the entry, and the store writes both in one transaction.

mod chain;

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

pub use self::chain::{
    AuditLine, Chain, ChainEnd, ChainError, ChainFault, Digest, ParseChainEndError,
};

/// A new entry of the audit log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AuditEntry {
    /// The time of the change.
    pub at: Timestamp,
    /// The person or the provider that made the change.
    pub actor: Actor,
    /// The kind of change.
    pub action: Action,
    /// The changed object: an endpoint id, `scope#slot` of a secret, a token id, the target of a flow, or an operator.
    pub subject: String,
    /// More about the change, such as the version of a secret.
    pub detail: String,
}

/// Who changes something. The store keeps the [`name`](Self::name) and the [`origin`](Self::origin).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Actor {
    /// A person or a script at the admin API.
    Operator {
        /// The subject of the identity provider, or the label of an operator token.
        subject: String,
        /// `console` for a session in the browser, `api` for an operator token.
        surface: &'static str,
        /// The address of the client.
        address: IpAddr,
    },
    /// A user of the operating system, on the command line.
    OsUser {
        /// The name of the account.
        name: String,
        /// The host that the command runs on.
        host: String,
    },
    /// A provider whose challenge brought the secret of an endpoint.
    Provider {
        /// The name of the challenge, such as `asana`.
        name: String,
        /// The id of the endpoint.
        endpoint: String,
    },
    /// An actor as the store recorded it.
    Recorded {
        /// The stored name.
        name: String,
        /// The stored origin.
        origin: String,
    },
}

impl Actor {
    /// The account or the provider.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator { subject, .. } => subject,
            Self::OsUser { name, .. }
            | Self::Provider { name, .. }
            | Self::Recorded { name, .. } => name,
        }
    }

    /// The surface and the place that the change came from, such as `cli@host`.
    pub fn origin(&self) -> String {
        match self {
            Self::Operator {
                surface, address, ..
            } => format!("{surface}@{address}"),
            Self::OsUser { host, .. } => format!("cli@{host}"),
            Self::Provider { endpoint, .. } => format!("handshake@{endpoint}"),
            Self::Recorded { origin, .. } => origin.clone(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.origin())
    }
}

/// The same fields for every kind of actor.
impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Actor", 2)?;
        fields.serialize_field("name", self.name())?;
        fields.serialize_field("origin", &self.origin())?;
        fields.end()
    }
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An operator was refused an action that no role of the operator allows.
    Denied,
    /// An endpoint was created.
    EndpointCreated,
    /// An endpoint was deleted.
    EndpointDeleted,
    /// An endpoint was changed.
    EndpointUpdated,
    /// A flow's draft was replaced.
    FlowApplied,
    /// A flow was removed from a target, or deleted.
    FlowDeleted,
    /// An existing version of a flow became active at a target.
    FlowPromoted,
    /// A flow's draft was released.
    FlowReleased,
    /// An earlier version of a flow became active again.
    FlowRolledBack,
    /// A login link was created.
    LoginLinkCreated,
    /// An operator token was created.
    OperatorTokenCreated,
    /// An operator token was revoked.
    OperatorTokenRevoked,
    /// A provider's challenge bound a secret.
    SecretBound,
    /// A secret was generated for the first time.
    SecretCreated,
    /// A secret was encrypted with another key; its value did not change.
    SecretResealed,
    /// A secret was retired without a replacement.
    SecretRetired,
    /// A secret was shown, or used to sign a delivery on the command line.
    SecretRevealed,
    /// A secret was replaced by a generated one.
    SecretRotated,
    /// A secret was replaced by a given one.
    SecretSet,
    /// A sign-in was refused.
    SignInRefused,
    /// An operator signed in, and a session started.
    SignedIn,
    /// A session was ended before its time.
    SignedOut,
    /// A workspace token was created.
    TokenCreated,
    /// A workspace token was revoked.
    TokenRevoked,
}

impl Action {
    /// The word in the store and in output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::EndpointCreated => "endpoint_created",
            Self::EndpointDeleted => "endpoint_deleted",
            Self::EndpointUpdated => "endpoint_updated",
            Self::FlowApplied => "flow_applied",
            Self::FlowDeleted => "flow_deleted",
            Self::FlowPromoted => "flow_promoted",
            Self::FlowReleased => "flow_released",
            Self::FlowRolledBack => "flow_rolled_back",
            Self::LoginLinkCreated => "login_link_created",
            Self::OperatorTokenCreated => "operator_token_created",
            Self::OperatorTokenRevoked => "operator_token_revoked",
            Self::SecretBound => "secret_bound",
            Self::SecretCreated => "secret_created",
            Self::SecretResealed => "secret_resealed",
            Self::SecretRetired => "secret_retired",
            Self::SecretRevealed => "secret_revealed",
            Self::SecretRotated => "secret_rotated",
            Self::SecretSet => "secret_set",
            Self::SignInRefused => "sign_in_refused",
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::TokenCreated => "token_created",
            Self::TokenRevoked => "token_revoked",
        }
    }
}
