//! What people do with endpoints: create, update, enable, disable, delete, apply, expect a challenge, look.

mod adoption;
mod challenge;
mod plan;
mod sharing;

use std::collections::BTreeSet;

pub use self::adoption::AdoptionError;
pub use self::challenge::{ChallengeStatus, ExpectedChallenge};
pub use self::plan::{EndpointPlan, KeyKindMismatch, SecretWarning, Step, StepAction};
use super::change::Change;
use super::error::DefinitionError;
use super::{Control, ControlError};
use crate::audit::Actor;
use crate::auth::Mode;
use crate::directory::{
    AuthDefinition, Definition, EndpointChange, EndpointDeclaration, EndpointId, Name, Operation,
    SourcePlace,
};
use crate::store::Stored;

impl Control {
    /// The endpoints whose id begins with `prefix`, in the order of their ids.
    pub async fn endpoints(&self, prefix: &str) -> Result<Vec<Stored>, ControlError> {
        Ok(self.store.definitions(prefix).await?)
    }

    /// A new endpoint as it is before its owner says anything else: with a secret in the mode `secret`.
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

    /// Plans an endpoint that [`new_endpoint`](Self::new_endpoint) began.
    pub async fn endpoint_creation(
        &self,
        definition: Definition,
    ) -> Result<EndpointPlan, ControlError> {
        self.accept([&definition])?;
        self.plan_endpoints(vec![definition.into()], Vec::new(), false)
            .await
    }

    /// Plans an edit of an endpoint that is not a part of a flow.
    pub async fn endpoint_update(
        &self,
        id: &EndpointId,
        edit: impl FnOnce(&mut Definition),
    ) -> Result<EndpointPlan, ControlError> {
        let mut definition = self.own_endpoint(id).await?;
        edit(&mut definition);
        self.accept([&definition])?;
        self.plan_endpoints(vec![definition.into()], Vec::new(), false)
            .await
    }

    /// Plans that an endpoint takes deliveries, or answers as if it did not exist.
    ///
    /// The declaration of a flow changes with its versions. So an operator's word about an endpoint of a flow stands
    /// beside the declaration.
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
        let operation = Operation::Suspend(!enabled);
        Ok(EndpointPlan::of_operation(id.clone(), operation))
    }

    /// Plans the deletion of an endpoint that is not a part of a flow.
    pub async fn endpoint_deletion(&self, id: &EndpointId) -> Result<EndpointPlan, ControlError> {
        self.own_endpoint(id).await?;
        Ok(EndpointPlan::of_deletion(id.clone()))
    }

    /// Plans what a file declares. Endpoints that it does not name are left alone, except those with the label
    /// `prune`: they are deleted. An endpoint of a flow never is.
    pub async fn declaration(
        &self,
        declared: Vec<EndpointDeclaration>,
        prune: Option<&(String, String)>,
    ) -> Result<EndpointPlan, ControlError> {
        let mut gone = Vec::new();
        if let Some((key, value)) = prune {
            let is_declared = |id: &EndpointId| declared.iter().any(|it| it.definition.id == *id);
            for stored in self.store.definitions("").await? {
                let Definition {
                    id, labels, flow, ..
                } = stored.definition;
                if flow.is_none() && labels.get(key) == Some(value) && !is_declared(&id) {
                    gone.push(id);
                }
            }
        }
        self.plan_endpoints(declared, gone, false).await
    }

    /// Performs a plan, all of it or nothing, and gives the plan with the secrets that have ended with it.
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

    /// Refuses definitions that do not fit the configuration, with everything that is wrong.
    pub(super) fn accept<'d>(
        &self,
        definitions: impl IntoIterator<Item = &'d Definition>,
    ) -> Result<(), ControlError> {
        let surroundings = self.server.surroundings();
        let errors: Vec<DefinitionError> = definitions
            .into_iter()
            .flat_map(|definition| {
                let mistakes = definition.mistakes(&surroundings).into_iter();
                mistakes.map(|mistake| DefinitionError {
                    place: place_of(&definition.id, mistake.key),
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

    /// The definition of an endpoint that is not a part of a flow.
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

    /// Plans what has to happen for the store to hold `declared`, while the endpoints `gone` go. With `adopt`,
    /// endpoints that stand for themselves may become parts of a flow.
    pub(super) async fn plan_endpoints(
        &self,
        declared: Vec<EndpointDeclaration>,
        gone: Vec<EndpointId>,
        adopt: bool,
    ) -> Result<EndpointPlan, ControlError> {
        self.refuse_taken_aliases(&declared, &gone).await?;
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
        for id in gone {
            plan.push_deletion(id);
        }
        Ok(plan)
    }

    /// An alias can be taken only from an endpoint that gives it up in the same plan.
    async fn refuse_taken_aliases(
        &self,
        declared: &[EndpointDeclaration],
        gone: &[EndpointId],
    ) -> Result<(), ControlError> {
        let mut taken = Vec::new();
        for EndpointDeclaration { definition, place } in declared {
            for alias in &definition.aliases {
                let Some(owner) = self.store.alias(alias).await? else {
                    continue;
                };
                let is_planned = declared.iter().any(|it| it.definition.id == owner);
                if !is_planned && !gone.contains(&owner) {
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

impl ControlError {
    /// The same error, about a place in a file if there is one.
    pub(super) fn at(self, place: Option<SourcePlace>) -> Self {
        match place {
            None => self,
            Some(place) => Self::At {
                place,
                error: Box::new(self),
            },
        }
    }

    /// Whether a rule refuses one declaration, so that the others are worth looking at.
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::EndpointOfFlow { .. }
                | Self::EndpointNotOfFlow { .. }
                | Self::NotAdoptable { .. }
                | Self::SecretInUse { .. }
                | Self::PublicKey { .. }
        )
    }
}

/// A key of an endpoint that no file declares.
fn place_of(endpoint: &EndpointId, key: &str) -> SourcePlace {
    SourcePlace {
        file: endpoint.as_str().into(),
        at: None,
        key: key.to_owned(),
    }
}

/// The change that puts a definition in place.
fn put(definition: Definition, adopts: bool) -> EndpointChange {
    let definition = Box::new(definition);
    if adopts {
        EndpointChange::Adopt(definition)
    } else {
        EndpointChange::Put(definition)
    }
}
