//! A change of the store together with its audit lines.
//!
//! A [`Change`] has private contents and no public constructor, so no other module can change an endpoint or a flow
//! in a store. Each part has its audit line, and the store writes both in one transaction.

use super::{Control, ControlError};
use crate::audit::{Action, Actor, AuditEntry};
use crate::directory::EndpointChange;
use crate::flow::FlowChange;
use crate::secrets::{NewSecretVersion, SecretRef};

/// A change with its audit lines. Only the control plane makes one.
pub struct Change(Contents);

enum Contents {
    Endpoints(EndpointChanges),
    Flow(Box<FlowChange>),
}

/// Changes of endpoints, each with its audit line, and the first versions of new secrets.
#[derive(Default)]
pub(super) struct EndpointChanges {
    pub(super) changes: Vec<(EndpointChange, AuditEntry)>,
    pub(super) secrets: Vec<NewSecretVersion>,
}

impl Change {
    pub(super) fn of_endpoints(changes: EndpointChanges) -> Self {
        Self(Contents::Endpoints(changes))
    }

    pub(super) fn of_flow(change: FlowChange) -> Self {
        Self(Contents::Flow(Box::new(change)))
    }
}

impl Control {
    /// Performs a change in one transaction and returns the secrets that ended with it.
    pub(super) async fn commit(&self, change: Change) -> Result<Vec<SecretRef>, ControlError> {
        let retired = match change.0 {
            Contents::Endpoints(EndpointChanges { changes, secrets }) => {
                if changes.is_empty() && secrets.is_empty() {
                    return Ok(Vec::new());
                }
                self.store.change(changes, secrets).await
            }
            Contents::Flow(change) => self.store.change_flow(*change).await,
        };
        Ok(retired?)
    }

    /// The audit line of a change at the current time.
    pub(super) fn audit(
        &self,
        actor: &Actor,
        action: Action,
        subject: String,
        detail: String,
    ) -> AuditEntry {
        AuditEntry {
            at: self.clock.now(),
            actor: actor.clone(),
            action,
            subject,
            detail,
        }
    }
}
