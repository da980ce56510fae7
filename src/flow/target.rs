//! Where a flow is in force.

use std::fmt;

use super::PartName;
use crate::directory::{EndpointId, InvalidName};
use crate::secrets::{InvalidSecretRef, SecretRef};

/// One of the places in which a flow is in force, each with secrets of its own.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "the contract names these three")]
pub enum FlowTarget {
    /// What its author works on: the latest declaration.
    Draft,
    /// What is released.
    Live,
    /// What somebody has installed, by the id of the installation.
    Installation(PartName),
}

impl FlowTarget {
    /// The scope of its secrets, which is what the ids of its endpoints begin with, too, except for the
    /// last part.
    pub fn scope(&self, flow: &PartName) -> String {
        match self {
            Self::Draft => format!("flows/{flow}/draft"),
            Self::Live => format!("flows/{flow}/live"),
            Self::Installation(id) => format!("installations/{id}/{flow}"),
        }
    }

    /// The target and the flow that a scope belongs to.
    pub fn of_scope(scope: &str) -> Result<(PartName, Self), InvalidScope> {
        let invalid = || InvalidScope(scope.chars().take(300).collect());
        let parts: Vec<&str> = scope.split('/').collect();
        let name = |text: &str| text.parse::<PartName>().map_err(|_| invalid());
        match *parts.as_slice() {
            ["flows", flow, "draft"] => Ok((name(flow)?, Self::Draft)),
            ["flows", flow, "live"] => Ok((name(flow)?, Self::Live)),
            ["installations", id, flow] => Ok((name(flow)?, Self::Installation(name(id)?))),
            _ => Err(invalid()),
        }
    }

    /// The id of the endpoint of an interface.
    pub fn endpoint(
        &self,
        flow: &PartName,
        interface: &PartName,
    ) -> Result<EndpointId, InvalidName> {
        format!("{}/{interface}", self.scope(flow)).parse()
    }

    /// The address of the secret in a slot.
    pub fn secret(&self, flow: &PartName, slot: &PartName) -> Result<SecretRef, InvalidSecretRef> {
        SecretRef::new(&self.scope(flow), slot.as_str())
    }
}

impl fmt::Display for FlowTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft => f.write_str("draft"),
            Self::Live => f.write_str("live"),
            Self::Installation(id) => write!(f, "installation {id}"),
        }
    }
}

/// Text that is the scope of no target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no target of a flow; write `flows/FLOW/draft`, `flows/FLOW/live` or \
     `installations/INSTALLATION/FLOW`"
)]
pub struct InvalidScope(String);
