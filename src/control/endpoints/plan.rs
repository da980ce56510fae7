//! The plan of a change of endpoints: shown first, performed in one transaction afterwards.

use std::collections::BTreeSet;

use serde::Serialize;

use super::put;
use crate::audit::{Action, Actor};
use crate::auth::KeyKind;
use crate::control::change::EndpointChanges;
use crate::control::secrets::check_value;
use crate::control::{Binding, Control, ControlError};
use crate::directory::{Definition, EndpointChange, EndpointId, OperatorChange};
use crate::secrets::{SecretRef, VaultError};

/// The steps of a change, which are performed together or not at all.
#[derive(Debug, Default)]
pub struct EndpointPlan {
    steps: Vec<Step>,
    /// The change of each step, in the same order.
    changes: Vec<EndpointChange>,
}

/// The step for one endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The kind of step.
    pub action: StepAction,
    /// The keys that differ from the stored definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The generated secret, if the endpoint needs one and none is bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_created: Option<SecretRef>,
    /// The generated verify token, which the provider sends in its challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_token_created: Option<SecretRef>,
    /// The secret whose kind of key does not fit the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_unfit: Option<KeyKindMismatch>,
    /// The bound secret whose value does not fit the new scheme of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_warning: Option<SecretValueWarning>,
    /// The secrets that ended with the endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets_retired: Vec<SecretRef>,
}

/// A secret that is bound as another kind of key than the endpoint needs.
#[derive(Clone, Debug, Serialize)]
pub struct KeyKindMismatch {
    /// The secret.
    pub secret: SecretRef,
    /// The kind that it was bound as.
    pub bound_as: KeyKind,
    /// The command that fixes it.
    pub remedy: String,
}

/// A secret whose value does not fit where it is used. `secret set` refuses such a value.
#[derive(Clone, Debug, Serialize)]
pub struct SecretValueWarning {
    /// The secret.
    pub secret: SecretRef,
    /// Why it does not fit, without its value.
    pub message: String,
    /// The command that repairs it.
    pub remedy: String,
}

/// The kind of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an endpoint comes, goes, changes or stays"
)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// The endpoint is created.
    Create,
    /// The endpoint is deleted.
    Delete,
    /// The endpoint does not change.
    Unchanged,
    /// The endpoint is updated.
    Update,
}

/// A step and its change.
pub(super) struct PlannedStep {
    step: Step,
    change: EndpointChange,
}

impl EndpointPlan {
    /// The steps, one per endpoint.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The change of each step, in the same order.
    pub(in crate::control) fn changes(&self) -> &[EndpointChange] {
        &self.changes
    }

    /// The endpoints that are deleted.
    pub fn deleted(&self) -> impl Iterator<Item = &EndpointId> {
        let deleted = self.steps.iter();
        let deleted = deleted.filter(|step| step.action == StepAction::Delete);
        deleted.map(|step| &step.endpoint)
    }

    /// Whether the plan changes nothing in the store.
    pub fn is_unchanged(&self) -> bool {
        let changes_nothing = |step: &Step| {
            step.action == StepAction::Unchanged
                && step.secret_created.is_none()
                && step.verify_token_created.is_none()
        };
        self.steps.iter().all(changes_nothing)
    }

    pub(super) fn of_deletion(id: EndpointId) -> Self {
        let mut plan = Self::default();
        plan.push_deletion(id);
        plan
    }

    pub(super) fn of_operation(id: EndpointId, operation: OperatorChange) -> Self {
        let mut step = Step::new(id.clone(), StepAction::Update);
        step.changed = vec![operation.key().to_owned()];
        Self {
            steps: vec![step],
            changes: vec![EndpointChange::Operate(id, operation)],
        }
    }

    /// Adds a step. Endpoints may share a new secret, which is created once: `secrets` holds those of earlier steps.
    pub(super) fn push(&mut self, planned: PlannedStep, secrets: &mut BTreeSet<String>) {
        let PlannedStep { mut step, change } = planned;
        for created in [&mut step.secret_created, &mut step.verify_token_created] {
            created.take_if(|secret| !secrets.insert(secret.to_string()));
        }
        self.steps.push(step);
        self.changes.push(change);
    }

    pub(super) fn push_deletion(&mut self, id: EndpointId) {
        self.steps.push(Step::new(id.clone(), StepAction::Delete));
        self.changes.push(EndpointChange::Delete(id));
    }

    /// Records the secrets that ended with the plan.
    pub(in crate::control) fn set_retired(&mut self, secrets: Vec<SecretRef>) {
        if let Some(last) = self.steps.last_mut() {
            last.secrets_retired = secrets;
        }
    }
}

impl Step {
    fn new(endpoint: EndpointId, action: StepAction) -> Self {
        Self {
            endpoint,
            action,
            changed: Vec::new(),
            secret_created: None,
            verify_token_created: None,
            secret_unfit: None,
            secret_warning: None,
            secrets_retired: Vec::new(),
        }
    }
}

impl Control {
    /// The changes of a plan, each with its audit line, and the first versions of new secrets.
    pub(in crate::control) async fn changes_of(
        &self,
        actor: &Actor,
        plan: &EndpointPlan,
    ) -> Result<EndpointChanges, ControlError> {
        let vault = self.vault();
        let mut changes = EndpointChanges::default();
        for step in &plan.steps {
            let created = [&step.secret_created, &step.verify_token_created];
            for secret in created.into_iter().flatten() {
                let first = vault.first_version(secret, actor).await?;
                changes.secrets.extend(first);
            }
        }
        for (step, change) in plan.steps.iter().zip(&plan.changes) {
            let action = match step.action {
                StepAction::Create => Action::EndpointCreated,
                StepAction::Delete => Action::EndpointDeleted,
                StepAction::Unchanged => continue,
                StepAction::Update => Action::EndpointUpdated,
            };
            let subject = step.endpoint.to_string();
            let entry = self.audit(actor, action, subject, step.changed.join(", "));
            changes.changes.push((change.clone(), entry));
        }
        Ok(changes)
    }

    /// Plans the step that stores `definition`.
    pub(super) async fn plan_put(
        &self,
        mut definition: Definition,
        adopt: bool,
    ) -> Result<PlannedStep, ControlError> {
        let old = self.store.endpoint(definition.id.as_str()).await?;
        if let Some(old) = &old {
            super::adoption::refuse_other_owner(old, &definition, adopt)?;
            definition.keep_operator_changes(old);
        }
        let adopts = old.as_ref().is_some_and(|old| old.flow != definition.flow);
        let changed = match &old {
            None => Vec::new(),
            Some(old) => changed_keys(old, &definition)?,
        };
        let action = match (&old, changed.is_empty()) {
            (None, _) => StepAction::Create,
            (Some(_), true) => StepAction::Unchanged,
            (Some(_), false) => StepAction::Update,
        };
        if old.is_none() {
            self.refuse_used_secret(&definition).await?;
        }
        // `flows::slots` checks the slots of flows, over all their versions.
        if definition.flow.is_none() {
            self.refuse_public_key(&definition).await?;
        }
        let mut step = Step::new(definition.id.clone(), action);
        step.changed = changed;
        step.secret_created = self.unbound(definition.generated_secret()).await?;
        step.verify_token_created = self.unbound(definition.verify_token()).await?;
        if action != StepAction::Unchanged {
            step.secret_unfit = self.kind_mismatch(&definition).await?;
        }
        // A new scheme reads the value in another way.
        let is_new = old.is_none() || step.changed.iter().any(|key| key == "auth");
        if is_new && step.secret_unfit.is_none() {
            step.secret_warning = self.value_warning(&definition).await?;
        }
        let change = put(definition, adopts);
        Ok(PlannedStep { step, change })
    }

    /// The mismatch between the bound kind of key and the needed one, if there is one.
    async fn kind_mismatch(
        &self,
        definition: &Definition,
    ) -> Result<Option<KeyKindMismatch>, ControlError> {
        let Some(secret) = definition.secret() else {
            return Ok(None);
        };
        let needed = Binding::needed_kind(definition);
        let Binding::OtherKind(bound_as) = self.binding(&secret, needed).await? else {
            return Ok(None);
        };
        Ok(Some(KeyKindMismatch {
            remedy: Binding::remedy(definition, &secret),
            secret,
            bound_as,
        }))
    }

    /// The secret of an endpoint, if it is bound to a value that `secret set` would refuse for the endpoint. A value that
    /// cannot be decrypted now is not checked.
    async fn value_warning(
        &self,
        definition: &Definition,
    ) -> Result<Option<SecretValueWarning>, ControlError> {
        let Some(secret) = definition.secret() else {
            return Ok(None);
        };
        let value = match self.vault().current(&secret).await {
            Ok(Some(value)) => value,
            Err(VaultError::Store(error)) => return Err(error.into()),
            Ok(None) | Err(_) => return Ok(None),
        };
        let checked = check_value(&value, std::slice::from_ref(definition), false);
        let Err(ControlError::ValueRefused(refusal)) = checked else {
            return Ok(None);
        };
        Ok(Some(SecretValueWarning {
            message: refusal.to_string(),
            remedy: Binding::remedy(definition, &secret),
            secret,
        }))
    }

    /// Returns the secret if it is not bound.
    async fn unbound(&self, secret: Option<SecretRef>) -> Result<Option<SecretRef>, ControlError> {
        match secret {
            Some(secret) if !self.is_bound(&secret).await? => Ok(Some(secret)),
            _ => Ok(None),
        }
    }
}

/// The keys that differ between two definitions.
fn changed_keys(old: &Definition, new: &Definition) -> Result<Vec<String>, ControlError> {
    let keys = |definition: &Definition| match serde_json::to_value(definition) {
        Ok(serde_json::Value::Object(keys)) => Ok(keys),
        Ok(_) => Err(ControlError::Internal(
            "internal error: a definition is not a JSON object".to_owned(),
        )),
        Err(error) => Err(ControlError::Internal(error.to_string())),
    };
    let (old, new) = (keys(old)?, keys(new)?);
    let changed: BTreeSet<&String> = old
        .keys()
        .chain(new.keys())
        .filter(|key| old.get(*key) != new.get(*key))
        .collect();
    Ok(changed.into_iter().cloned().collect())
}

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use super::*;
    use crate::auth::Mode;
    use crate::directory::{AuthDefinition, Duplicates};

    fn endpoint() -> Definition {
        let name = |text: &str| text.parse().unwrap();
        let id = "workflows/pr-bot".parse().unwrap();
        Definition::new(id, name("acme"), name("main"), "backend".to_owned())
    }

    #[test]
    fn a_plan_names_each_key_that_differs_and_no_other() {
        let changes: [(fn(&mut Definition), &[&str]); 8] = [
            (|_| {}, &[]),
            (|new| new.enabled = false, &["enabled"]),
            (|new| new.suspended = true, &["suspended"]),
            (
                |new| new.auth = Some(AuthDefinition::of(Mode::Hmac)),
                &["auth"],
            ),
            (
                |new| new.replay.duplicates = Some(Duplicates::Reject),
                &["replay"],
            ),
            (|new| new.upstream = "other".to_owned(), &["upstream"]),
            (
                |new| {
                    new.path = Some("/x".parse().unwrap());
                    new.aliases = vec!["/alias".to_owned()];
                },
                &["aliases", "path"],
            ),
            // The default, written out.
            (|new| new.methods = Vec::new(), &[]),
        ];
        for (change, expected) in changes {
            let mut new = endpoint();
            change(&mut new);
            assert_eq!(changed_keys(&endpoint(), &new).unwrap(), expected);
            // A key that is taken away differs too.
            assert_eq!(changed_keys(&new, &endpoint()).unwrap(), expected);
        }
    }

    #[test]
    fn endpoints_that_share_a_new_secret_create_it_once() {
        let secret = || -> SecretRef { "shared#webhook".parse().unwrap() };
        let mut plan = EndpointPlan::default();
        let mut secrets = BTreeSet::new();
        for id in ["a", "b"] {
            let id: EndpointId = id.parse().unwrap();
            let mut step = Step::new(id.clone(), StepAction::Unchanged);
            step.secret_created = Some(secret());
            let change = EndpointChange::Delete(id);
            plan.push(PlannedStep { step, change }, &mut secrets);
        }
        let created = plan.steps().iter().map(|step| step.secret_created.clone());
        assert_eq!(created.collect::<Vec<_>>(), [Some(secret()), None]);
        assert!(!plan.is_unchanged());
    }

    #[test]
    fn a_plan_changes_nothing_if_no_endpoint_and_no_secret_changes() {
        let secret = || -> Option<SecretRef> { "a#webhook".parse().ok() };
        for (action, secret, verify_token, is_unchanged) in [
            (StepAction::Unchanged, None, None, true),
            (StepAction::Unchanged, secret(), None, false),
            (StepAction::Unchanged, None, secret(), false),
            (StepAction::Create, None, None, false),
            (StepAction::Update, None, None, false),
            (StepAction::Delete, None, None, false),
        ] {
            let mut step = Step::new("a".parse().unwrap(), action);
            step.secret_created = secret;
            step.verify_token_created = verify_token;
            let plan = EndpointPlan {
                steps: vec![step],
                changes: Vec::new(),
            };
            assert_eq!(plan.is_unchanged(), is_unchanged, "{action:?}");
        }
    }
}
