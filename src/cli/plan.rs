//! What is about to happen to endpoints: planned and shown first, then done in one step.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::adoption;
use super::binding::{self, Binding};
use super::failure::Failure;
use super::output;
use super::session::{self, Session};
use super::sharing;
use super::step::{Step, StepAction, Unfit};
use crate::audit::AuditEntry;
use crate::directory::{Definition, EndpointChange, EndpointId, Operation};
use crate::secrets::{Installation, SecretRef};

/// Steps that are taken together, or not at all.
pub(super) struct Plan(Vec<Step>);

impl Plan {
    /// What has to happen for the store to hold `definitions`, which are right in themselves.
    pub(super) async fn to_put(
        session: &Session,
        definitions: Vec<Definition>,
    ) -> Result<Self, Failure> {
        Self::to_replace(session, definitions, Vec::new(), false).await
    }

    /// The same, while other endpoints go, and some may become parts of a flow (`adopt`).
    pub(super) async fn to_replace(
        session: &Session,
        definitions: Vec<Definition>,
        gone: Vec<EndpointId>,
        adopt: bool,
    ) -> Result<Self, Failure> {
        refuse_taken_aliases(session, &definitions, &gone).await?;
        sharing::refuse(session, &definitions).await?;
        let mut secrets = BTreeSet::new();
        let mut steps = Vec::with_capacity(definitions.len() + gone.len());
        let mut refused = Vec::new();
        for definition in definitions {
            let mut step = match put(session, definition, adopt).await {
                Err(Failure::Other(why)) => {
                    refused.push(why);
                    continue;
                }
                step => step?,
            };
            // Endpoints may share a secret, which is created once.
            for created in [&mut step.secret_created, &mut step.verify_token_created] {
                created.take_if(|secret| !secrets.insert(secret.to_string()));
            }
            steps.push(step);
        }
        if !refused.is_empty() {
            return Err(Failure::Other(refused.join("\n")));
        }
        steps.extend(gone.into_iter().map(deletion));
        Ok(Self(steps))
    }

    /// What has to happen for an endpoint to be gone.
    pub(super) async fn to_delete(session: &Session, id: EndpointId) -> Result<Self, Failure> {
        session.own_definition(&id).await?;
        Ok(Self(vec![deletion(id)]))
    }

    /// What has to happen for an operator to do something to an endpoint that is there.
    pub(super) fn to_operate(id: EndpointId, operation: Operation) -> Self {
        Self(vec![Step {
            endpoint: id.clone(),
            action: StepAction::Update,
            changed: vec![operation.key().to_owned()],
            secret_created: None,
            verify_token_created: None,
            secret_unfit: None,
            secrets_retired: Vec::new(),
            change: EndpointChange::Operate(id, operation),
        }])
    }

    /// Does it, all or nothing.
    pub(super) async fn perform(&mut self, session: &Session) -> Result<(), Failure> {
        let (changes, secrets) = self.changes(session).await?;
        if changes.is_empty() && secrets.is_empty() {
            return Ok(());
        }
        let retired = session.custody.store.change(changes, secrets).await?;
        self.retired(retired);
        Ok(())
    }

    /// What it asks of the store, for whoever does it together with something else.
    pub(super) async fn changes(&self, session: &Session) -> Result<Changes, Failure> {
        let vault = session.custody.vault();
        let mut secrets = Vec::new();
        for secret in self
            .0
            .iter()
            .flat_map(|step| [&step.secret_created, &step.verify_token_created])
            .flatten()
        {
            secrets.extend(vault.first_version(secret, &session.actor).await?);
        }
        let changes: Vec<_> = self
            .0
            .iter()
            .filter_map(|step| Some((step.change.clone(), step.audit(session)?)))
            .collect();
        Ok((changes, secrets))
    }

    /// Notes which secrets have ended with it.
    pub(super) fn retired(&mut self, secrets: Vec<SecretRef>) {
        if let Some(last) = self.0.last_mut() {
            last.secrets_retired = secrets;
        }
    }

    /// Whether nothing has to happen.
    pub(super) fn is_done(&self) -> bool {
        let unchanged = |step: &Step| step.action == StepAction::Unchanged;
        let makes =
            |step: &Step| step.secret_created.is_some() || step.verify_token_created.is_some();
        self.0.iter().all(|step| unchanged(step) && !makes(step))
    }

    /// What happens to each endpoint.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// As a list of JSON objects.
    pub(super) fn json(&self) -> Result<String, Failure> {
        output::json(&self.0)
    }

    /// One line a step.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.iter().map(Step::line).collect()
    }

    /// Both, for a command about one endpoint.
    pub(super) fn shown(&self, json: bool) -> Result<String, Failure> {
        match self.0.as_slice() {
            [only] if json => output::json(only),
            _ if json => self.json(),
            _ => Ok(self.lines().join("\n")),
        }
    }
}

/// Changes of endpoints, each with its line of the audit log, and the secrets that they need.
pub(super) type Changes = (Vec<(EndpointChange, AuditEntry)>, Vec<Installation>);

fn deletion(id: EndpointId) -> Step {
    Step {
        endpoint: id.clone(),
        action: StepAction::Delete,
        changed: Vec::new(),
        secret_created: None,
        verify_token_created: None,
        secret_unfit: None,
        secrets_retired: Vec::new(),
        change: EndpointChange::Delete(id),
    }
}

async fn put(session: &Session, mut definition: Definition, adopt: bool) -> Result<Step, Failure> {
    let custody = &session.custody;
    let old = custody.store.endpoint(definition.id.as_str()).await?;
    if let Some(old) = &old {
        refuse_other_owner(old, &definition, adopt)?;
    }
    let is_adopted = old.as_ref().is_some_and(|old| old.flow != definition.flow);
    if let Some(old) = &old {
        definition.keep_operated(old);
    }
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
        sharing::refuse_used_secret(session, &definition).await?;
    }
    // What a flow declares is looked at with its history.
    if definition.flow.is_none() {
        sharing::refuse_public_key(session, &definition).await?;
    }
    let secret_unfit = unfit(session, &definition).await?;
    let secret_created = unbound(session, definition.generated_secret()).await?;
    let verify_token_created = unbound(session, definition.verify_token()).await?;
    Ok(Step {
        endpoint: definition.id.clone(),
        action,
        changed,
        secret_created,
        verify_token_created,
        secret_unfit: secret_unfit.filter(|_| action != StepAction::Unchanged),
        secrets_retired: Vec::new(),
        change: if is_adopted {
            EndpointChange::Adopt(Box::new(definition))
        } else {
            EndpointChange::Put(Box::new(definition))
        },
    })
}

/// What is a part of a flow stays one, and nothing else becomes one that nobody wants to.
fn refuse_other_owner(old: &Definition, new: &Definition, adopt: bool) -> Result<(), Failure> {
    if old.flow == new.flow {
        return Ok(());
    }
    let id = &new.id;
    Err(Failure::Other(match (&old.flow, &new.flow) {
        (Some(_), None) => session::of_flow(old),
        (None, Some(_)) if adopt => match adoption::why_not(old, new) {
            None => return Ok(()),
            Some(why) => format!("`{id}` cannot become a part of the flow: {why}"),
        },
        (_, Some(flow)) => format!(
            "`{id}` is there already and is no part of the flow `{flow}`: let it become one (`--adopt`), \
             delete it first (`portcullis endpoint delete {id}`), or give the interface another id"
        ),
        (None, None) => format!("`{id}` cannot be changed"),
    }))
}

/// The secret that is bound, and not as what the endpoint needs.
async fn unfit(session: &Session, definition: &Definition) -> Result<Option<Unfit>, Failure> {
    let Some(secret) = definition.secret() else {
        return Ok(None);
    };
    let needed = binding::needed(definition);
    let binding = Binding::of(session, &secret, needed).await?;
    let Binding::OtherKind(bound_as) = binding else {
        return Ok(None);
    };
    Ok(Some(Unfit {
        remedy: binding::remedy(definition, &secret),
        secret,
        bound_as,
    }))
}

async fn unbound(
    session: &Session,
    secret: Option<SecretRef>,
) -> Result<Option<SecretRef>, Failure> {
    match secret {
        Some(secret) if session.custody.vault().is_bound(&secret).await? => Ok(None),
        secret => Ok(secret),
    }
}

/// An alias can be taken over only from an endpoint that gives it up in the same plan.
async fn refuse_taken_aliases(
    session: &Session,
    definitions: &[Definition],
    gone: &[EndpointId],
) -> Result<(), Failure> {
    let mut taken = Vec::new();
    for definition in definitions {
        for alias in &definition.aliases {
            let Some(owner) = session.custody.store.alias(alias).await? else {
                continue;
            };
            if !definitions.iter().any(|planned| planned.id == owner) && !gone.contains(&owner) {
                let id = &definition.id;
                taken.push(format!(
                    "`{id}`: the alias `{alias}` belongs to the endpoint `{owner}`"
                ));
            }
        }
    }
    if taken.is_empty() {
        Ok(())
    } else {
        Err(Failure::Other(taken.join("\n")))
    }
}

/// The keys in which two definitions differ.
fn changed_keys(old: &Definition, new: &Definition) -> Result<Vec<String>, Failure> {
    let other = |error: &dyn Display| Failure::Other(error.to_string());
    let keys = |definition: &Definition| match serde_json::to_value(definition) {
        Ok(serde_json::Value::Object(keys)) => Ok(keys),
        Ok(_) => Err(other(&"a definition is an object")),
        Err(error) => Err(other(&error)),
    };
    let (old, new) = (keys(old)?, keys(new)?);
    let changed: BTreeSet<&String> = old
        .keys()
        .chain(new.keys())
        .filter(|key| old.get(*key) != new.get(*key))
        .collect();
    Ok(changed.into_iter().cloned().collect())
}
