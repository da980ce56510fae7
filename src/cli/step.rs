//! One step of a plan: what happens to one endpoint, as a line, as JSON and in the audit.

use serde::Serialize;

use super::session::Session;
use crate::audit::{Action, AuditEntry};
use crate::auth::KeyKind;
use crate::directory::{EndpointChange, EndpointId};
use crate::secrets::SecretRef;

/// What happens to one endpoint.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) endpoint: EndpointId,
    pub(super) action: StepAction,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changed: Vec<String>,
    /// The secret that is generated because the endpoint needs one that is not bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret_created: Option<SecretRef>,
    /// The token that is generated for the provider to send in its handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verify_token_created: Option<SecretRef>,
    /// The secret that is bound, and not as what the endpoint needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret_unfit: Option<Unfit>,
    /// The secrets that have ended with the endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) secrets_retired: Vec<SecretRef>,
    #[serde(skip)]
    pub(super) change: EndpointChange,
}

/// A secret that proves nothing where it is used.
#[derive(Debug, Serialize)]
pub(super) struct Unfit {
    pub(super) secret: SecretRef,
    pub(super) bound_as: KeyKind,
    /// The command that mends it.
    pub(super) remedy: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepAction {
    Create,
    Delete,
    Unchanged,
    Update,
}

impl Step {
    pub(super) fn line(&self) -> String {
        let (sign, word) = match self.action {
            StepAction::Create => ('+', "create"),
            StepAction::Delete => ('-', "delete"),
            StepAction::Unchanged => ('=', "unchanged"),
            StepAction::Update => ('~', "update"),
        };
        let mut line = format!("{sign} {}: {word}", self.endpoint);
        if !self.changed.is_empty() {
            line.push_str(&format!(" ({})", self.changed.join(", ")));
        }
        if let Some(secret) = &self.secret_created {
            line.push_str(&format!(", secret {secret} created"));
        }
        if let Some(token) = &self.verify_token_created {
            line.push_str(&format!(", verify token {token} created"));
        }
        if let Some(Unfit {
            secret,
            bound_as,
            remedy,
        }) = &self.secret_unfit
        {
            line.push_str(&format!(
                ", secret {secret} is bound as {}: every delivery is refused until `{remedy}`",
                bound_as.noun()
            ));
        }
        for secret in &self.secrets_retired {
            line.push_str(&format!(", secret {secret} retired"));
        }
        line
    }

    pub(super) fn audit(&self, session: &Session) -> Option<AuditEntry> {
        let action = match self.action {
            StepAction::Create => Action::EndpointCreated,
            StepAction::Delete => Action::EndpointDeleted,
            StepAction::Unchanged => return None,
            StepAction::Update => Action::EndpointUpdated,
        };
        Some(session.audit(action, &self.endpoint, self.changed.join(", ")))
    }
}
