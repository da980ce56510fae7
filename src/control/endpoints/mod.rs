//! Operations on endpoints: create, update, enable, disable, delete, apply, expect a challenge.

mod adoption;
mod challenge;
mod plan;
mod sharing;

use std::collections::BTreeSet;

pub use self::adoption::AdoptionError;
pub use self::challenge::{ChallengeStatus, ExpectedChallenge};
pub use self::plan::{EndpointPlan, KeyKindMismatch, SecretValueWarning, Step, StepAction};
use super::change::Change;
use super::error::DefinitionError;
use super::{Control, ControlError};
use crate::audit::Actor;
use crate::auth::Mode;
use crate::directory::{
    AuthDefinition, Definition, EndpointChange, EndpointDeclaration, EndpointId, Name,
    OperatorChange, SourceLocation,
};
use crate::store::StoredEndpoint;

impl Control {
    /// The endpoints whose id starts with `prefix`, in the order of their ids.
    pub async fn endpoints(&self, prefix: &str) -> Result<Vec<StoredEndpoint>, ControlError> {
        Ok(self.store.definitions(prefix).await?)
    }

    /// A new endpoint with defaults: the mode `secret` and the default upstream.
    pub async fn new_endpoint(
        &self,
        id: EndpointId,
        organisation: Name,
        workspace: Name,
    ) -> Result<Definition, ControlError> {
        if self.store.endpoint(id.as_str()).await?.is_some() {
            return Err(ControlError::EndpointExists(id));
        }
        let upstream = self
            .server
            .default_upstream()
            .unwrap_or_default()
            .to_owned();
        let mut definition = Definition::new(id, organisation, workspace, upstream);
        definition.auth = Some(AuthDefinition::of(Mode::Secret));
        Ok(definition)
    }

    /// Plans the creation of an endpoint.
    pub async fn endpoint_creation(
        &self,
        definition: Definition,
    ) -> Result<EndpointPlan, ControlError> {
        let declared = vec![definition.into()];
        self.accept(&declared)?;
        self.plan_endpoints(declared, Vec::new(), false).await
    }

    /// Plans an edit of an endpoint that does not belong to a flow.
    pub async fn endpoint_update(
        &self,
        id: &EndpointId,
        edit: impl FnOnce(&mut Definition),
    ) -> Result<EndpointPlan, ControlError> {
        let mut definition = self.own_endpoint(id).await?;
        edit(&mut definition);
        let declared = vec![definition.into()];
        self.accept(&declared)?;
        self.plan_endpoints(declared, Vec::new(), false).await
    }

    /// Plans that an endpoint is enabled or disabled.
    ///
    /// Each release replaces the declaration of a flow. So the state that an operator sets for a flow's endpoint is
    /// stored separately.
    pub async fn endpoint_switch(
        &self,
        id: &EndpointId,
        enabled: bool,
    ) -> Result<EndpointPlan, ControlError> {
        let definition = self.endpoint(id).await?;
        let Some(flow) = &definition.flow else {
            return self.endpoint_update(id, |it| it.enabled = enabled).await;
        };
        if enabled && !definition.enabled {
            return Err(ControlError::DisabledByFlow {
                endpoint: id.clone(),
                flow: flow.clone(),
            });
        }
        let operation = OperatorChange::Suspend(!enabled);
        Ok(EndpointPlan::of_operation(id.clone(), operation))
    }

    /// Plans the deletion of an endpoint that does not belong to a flow.
    pub async fn endpoint_deletion(&self, id: &EndpointId) -> Result<EndpointPlan, ControlError> {
        self.own_endpoint(id).await?;
        Ok(EndpointPlan::of_deletion(id.clone()))
    }

    /// Plans the declarations of a file. Other endpoints stay, except those with the label `prune`, which are deleted.
    /// Endpoints of flows are never deleted.
    pub async fn declaration(
        &self,
        declared: Vec<EndpointDeclaration>,
        prune: Option<&(String, String)>,
    ) -> Result<EndpointPlan, ControlError> {
        let mut removed = Vec::new();
        if let Some((key, value)) = prune {
            let all = self.store.definitions("").await?;
            let is_declared = |id: &EndpointId| declared.iter().any(|it| it.definition.id == *id);
            for stored in all {
                let Definition {
                    id, labels, flow, ..
                } = stored.definition;
                if flow.is_none() && labels.get(key) == Some(value) && !is_declared(&id) {
                    removed.push(id);
                }
            }
        }
        self.plan_endpoints(declared, removed, false).await
    }

    /// Performs a plan in one transaction, and returns it with the secrets that ended.
    pub async fn perform(
        &self,
        actor: &Actor,
        mut plan: EndpointPlan,
    ) -> Result<EndpointPlan, ControlError> {
        let changes = self.changes_of(actor, &plan).await?;
        let retired = self.commit(Change::of_endpoints(changes)).await?;
        plan.set_retired(retired);
        Ok(plan)
    }

    /// Validates definitions against the configuration, and reports every mistake.
    pub(super) fn accept(&self, declared: &[EndpointDeclaration]) -> Result<(), ControlError> {
        let context = self.server.validation_context();
        let errors: Vec<DefinitionError> = declared
            .iter()
            .flat_map(|declaration| {
                let mistakes = declaration.definition.mistakes(&context).into_iter();
                mistakes.map(|mistake| DefinitionError {
                    place: place_of(declaration, mistake.key),
                    message: mistake.message,
                })
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ControlError::InvalidDefinitions(errors))
        }
    }

    /// The definition of an endpoint that does not belong to a flow.
    async fn own_endpoint(&self, id: &EndpointId) -> Result<Definition, ControlError> {
        let definition = self.endpoint(id).await?;
        match &definition.flow {
            None => Ok(definition),
            Some(flow) => Err(ControlError::EndpointOfFlow {
                endpoint: id.clone(),
                flow: flow.clone(),
            }),
        }
    }

    /// Plans that the store holds `declared` and that the endpoints `removed` are deleted. With `adopt`, a flow may take
    /// over existing endpoints.
    pub(super) async fn plan_endpoints(
        &self,
        declared: Vec<EndpointDeclaration>,
        removed: Vec<EndpointId>,
        adopt: bool,
    ) -> Result<EndpointPlan, ControlError> {
        self.refuse_taken_aliases(&declared, &removed).await?;
        self.refuse_sharing(&declared).await?;
        let mut secrets = BTreeSet::new();
        let mut plan = EndpointPlan::default();
        let mut refused = Vec::new();
        for EndpointDeclaration { definition, place } in declared {
            let planned = match self.plan_put(definition, adopt).await {
                Ok(planned) => planned,
                Err(error) if error.is_refusal() => {
                    refused.push(error.at(place));
                    continue;
                }
                Err(error) => return Err(error),
            };
            plan.push(planned, &mut secrets);
        }
        ControlError::of_all(refused)?;
        for id in removed {
            plan.push_deletion(id);
        }
        Ok(plan)
    }

    /// Refuses an alias of another endpoint, unless the same plan changes or deletes that endpoint.
    async fn refuse_taken_aliases(
        &self,
        declared: &[EndpointDeclaration],
        removed: &[EndpointId],
    ) -> Result<(), ControlError> {
        let mut taken = Vec::new();
        for EndpointDeclaration { definition, place } in declared {
            for alias in &definition.aliases {
                let Some(owner) = self.store.alias(alias).await? else {
                    continue;
                };
                let is_planned = declared.iter().any(|it| it.definition.id == owner);
                if !is_planned && !removed.contains(&owner) {
                    let error = ControlError::AliasTaken {
                        endpoint: definition.id.clone(),
                        alias: alias.clone(),
                        owner,
                    };
                    taken.push(error.at(place.clone()));
                }
            }
        }
        ControlError::of_all(taken)
    }
}

/// The place of a key: in the file that declares the endpoint, or else the endpoint itself.
fn place_of(declaration: &EndpointDeclaration, key: &str) -> SourceLocation {
    match &declaration.place {
        Some(place) => SourceLocation {
            key: format!("{}.{key}", place.key),
            ..place.clone()
        },
        None => SourceLocation {
            file: declaration.definition.id.as_str().into(),
            at: None,
            key: key.to_owned(),
        },
    }
}

/// The change that stores a definition.
fn put(definition: Definition, adopts: bool) -> EndpointChange {
    let definition = Box::new(definition);
    if adopts {
        EndpointChange::Adopt(definition)
    } else {
        EndpointChange::Put(definition)
    }
}
