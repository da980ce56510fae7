//! The targets of a flow, and the addresses of their endpoints and secrets.

use std::fmt;

use super::PartName;
use crate::directory::{EndpointId, ParseNameError};
use crate::secrets::{ParseSecretRefError, SecretRef};

/// A run-time of a flow, with endpoints and secrets of its own.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "the contract names these three")]
pub enum FlowTarget {
    /// The declaration that was applied last.
    Draft,
    /// The released version.
    Live,
    /// One installed copy, by the id of the installation.
    Installation(PartName),
}

impl FlowTarget {
    /// The scope of the target's secrets. An endpoint id is this scope, `/` and the id of the interface.
    pub fn scope(&self, flow: &PartName) -> String {
        match self {
            Self::Draft => format!("flows/{flow}/draft"),
            Self::Live => format!("flows/{flow}/live"),
            Self::Installation(id) => format!("installations/{id}/{flow}"),
        }
    }

    /// Parses a scope into its flow and target.
    pub fn of_scope(scope: &str) -> Result<(PartName, Self), ParseScopeError> {
        let invalid = || ParseScopeError(scope.chars().take(300).collect());
        let parts: Vec<&str> = scope.split('/').collect();
        let name = |text: &str| text.parse::<PartName>().map_err(|_| invalid());
        match *parts.as_slice() {
            ["flows", flow, "draft"] => Ok((name(flow)?, Self::Draft)),
            ["flows", flow, "live"] => Ok((name(flow)?, Self::Live)),
            ["installations", id, flow] => Ok((name(flow)?, Self::Installation(name(id)?))),
            _ => Err(invalid()),
        }
    }

    /// The id of an interface's endpoint.
    pub fn endpoint(
        &self,
        flow: &PartName,
        interface: &PartName,
    ) -> Result<EndpointId, ParseNameError> {
        format!("{}/{interface}", self.scope(flow)).parse()
    }

    /// The address of the secret in a slot.
    pub fn secret(
        &self,
        flow: &PartName,
        slot: &PartName,
    ) -> Result<SecretRef, ParseSecretRefError> {
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

/// The text is not the scope of a flow's target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not a target of a flow: use `flows/FLOW/draft`, `flows/FLOW/live` or \
     `installations/INSTALLATION/FLOW`"
)]
pub struct ParseScopeError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_its_flow_and_its_target() {
        let installed = || FlowTarget::Installation("acme".parse().unwrap());
        for (scope, expected) in [
            ("flows/pr-bot/draft", Some(("pr-bot", FlowTarget::Draft))),
            ("flows/pr-bot/live", Some(("pr-bot", FlowTarget::Live))),
            ("installations/acme/pr-bot", Some(("pr-bot", installed()))),
            ("flows/draft/live", Some(("draft", FlowTarget::Live))),
            ("", None),
            ("flows/pr-bot", None),
            ("flows/pr-bot/other", None),
            ("flows/pr-bot/draft/", None),
            ("flows/pr-bot/draft/hook", None),
            ("flows//draft", None),
            ("flows/.a/draft", None),
            ("Flows/pr-bot/draft", None),
            ("installations/acme", None),
            ("installations/acme/", None),
            ("installations//pr-bot", None),
            ("installations/a b/pr-bot", None),
        ] {
            let found = FlowTarget::of_scope(scope).ok();
            let flow = found.as_ref().map(|(flow, _)| flow.as_str());
            assert_eq!(flow, expected.as_ref().map(|(flow, _)| *flow), "{scope}");
            let target = found.as_ref().map(|(_, target)| target);
            assert_eq!(
                target,
                expected.as_ref().map(|(_, target)| target),
                "{scope}"
            );
            if let Some((flow, target)) = found {
                assert_eq!(target.scope(&flow), scope);
                let interface: PartName = "hook".parse().unwrap();
                let endpoint = target.endpoint(&flow, &interface).unwrap();
                assert_eq!(endpoint.as_str(), format!("{scope}/hook"));
                let secret = target.secret(&flow, &interface).unwrap();
                assert_eq!(secret.to_string(), format!("{scope}#hook"));
            }
        }
    }
}
