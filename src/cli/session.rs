//! What most commands work with: the configuration, the store, the key service, and who is asking.

use std::path::Path;
use std::sync::Arc;

use crate::app::Custody;
use crate::audit::{Action, Actor, AuditEntry};
use crate::config::{Config, Mistake, Mistakes};
use crate::directory::{Definition, EndpointId, InvalidName, Surroundings};
use crate::flow::{Flow, FlowState, FlowTarget, PartName};
use crate::secrets::{InvalidSecretRef, SecretRef};
use crate::tokens::Issuer;

use super::failure::Failure;

/// An open configuration.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) custody: Custody,
    pub(super) actor: Actor,
    upstream_names: Vec<String>,
}

impl Session {
    /// Reads the configuration and opens what it names.
    pub(super) async fn open(path: &Path) -> Result<Self, Failure> {
        let config = Config::load(path)?;
        let custody = Custody::open(&config).await?;
        Ok(Self {
            upstream_names: config.upstream_names(),
            config,
            custody,
            actor: actor(),
        })
    }

    /// What definitions have to fit into.
    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        self.config.surroundings(&self.upstream_names)
    }

    /// Who makes tokens of workspaces.
    pub(super) fn issuer(&self) -> Issuer {
        let custody = &self.custody;
        Issuer::new(Arc::clone(&custody.store) as _, Arc::clone(&custody.clock))
    }

    /// The upstream of endpoints that name none: the only one, or the one called `default`.
    pub(super) fn default_upstream(&self) -> Option<&str> {
        match self.upstream_names.as_slice() {
            [only] => Some(only),
            several => several
                .iter()
                .find(|name| *name == "default")
                .map(String::as_str),
        }
    }

    /// Refuses definitions that are wrong, with everything that is.
    pub(super) fn accept<'d>(
        &self,
        definitions: impl IntoIterator<Item = &'d Definition>,
    ) -> Result<(), Failure> {
        let surroundings = self.surroundings();
        let wrong = definitions.into_iter().flat_map(|definition| {
            let mistakes = definition.mistakes(&surroundings).into_iter();
            mistakes.map(|mistake| Mistake {
                path: definition.id.as_str().into(),
                at: None,
                key: mistake.key.to_owned(),
                message: mistake.message,
            })
        });
        match wrong.collect::<Vec<Mistake>>() {
            none if none.is_empty() => Ok(()),
            mistakes => Err(Mistakes(mistakes).into()),
        }
    }

    /// The definition of an endpoint that has to be there.
    pub(super) async fn definition(&self, id: &EndpointId) -> Result<Definition, Failure> {
        self.custody
            .store
            .endpoint(id.as_str())
            .await?
            .ok_or_else(|| Failure::NotFound(format!("there is no endpoint `{id}`")))
    }

    /// The same, and it must not be a part of a flow.
    pub(super) async fn own_definition(&self, id: &EndpointId) -> Result<Definition, Failure> {
        let definition = self.definition(id).await?;
        match definition.flow {
            None => Ok(definition),
            Some(_) => Err(Failure::Other(of_flow(&definition))),
        }
    }

    /// A flow that has to be there.
    pub(super) async fn flow(&self, name: &PartName) -> Result<FlowState, Failure> {
        let found = self.custody.store.flow(name).await?;
        found.ok_or_else(|| Failure::NotFound(format!("there is no flow `{name}`")))
    }

    /// A version of it that has to be there.
    pub(super) async fn flow_version(&self, name: &PartName, number: u32) -> Result<Flow, Failure> {
        let found = self.custody.store.flow_version(name, number).await?;
        found.ok_or_else(|| Failure::NotFound(format!("`{name}` has no version {number}")))
    }

    /// What a flow declares where it is in force; `None` where it is not.
    pub(super) async fn flow_at(
        &self,
        state: &FlowState,
        target: &FlowTarget,
    ) -> Result<Option<Flow>, Failure> {
        match (target, state.version_at(target)) {
            (FlowTarget::Draft, _) => Ok(Some(state.draft.clone())),
            (_, None) => Ok(None),
            (_, Some(version)) => self.flow_version(&state.name, version).await.map(Some),
        }
    }

    /// The public URL of an endpoint: its route, or its first alias.
    pub(super) fn url(&self, definition: &Definition) -> Option<String> {
        let path = self.path(definition)?;
        Some(format!("{}{path}", self.config.public.url))
    }

    /// The path of that URL.
    pub(super) fn path(&self, definition: &Definition) -> Option<String> {
        let route = self.config.routes.path_of(&definition.id);
        route.or_else(|| definition.aliases.first().cloned())
    }

    /// A secret by its own address, or by the endpoint that is judged by it.
    pub(super) async fn secret(&self, text: &str) -> Result<SecretRef, Failure> {
        if text.contains('#') {
            return text
                .parse()
                .map_err(|error: InvalidSecretRef| Failure::Usage(error.to_string()));
        }
        let id: EndpointId = text
            .parse()
            .map_err(|error: InvalidName| Failure::Usage(error.to_string()))?;
        let definition = self.definition(&id).await?;
        definition
            .auth
            .as_ref()
            .and_then(|auth| auth.secret_of(&id))
            .ok_or_else(|| Failure::NotFound(format!("`{id}` is judged by no secret")))
    }

    /// The endpoints that are judged by a secret, as many as anybody looks at.
    pub(super) async fn users_of(&self, secret: &SecretRef) -> Result<Vec<Definition>, Failure> {
        let store = &self.custody.store;
        let mut users = Vec::new();
        for id in store.sharing(secret, &[], false, MAX_USERS).await? {
            users.extend(store.endpoint(id.as_str()).await?);
        }
        Ok(users)
    }

    /// A line of the audit log for a change that is about to be made.
    pub(super) fn audit(&self, action: Action, subject: &EndpointId, detail: String) -> AuditEntry {
        AuditEntry {
            at: self.custody.clock.now(),
            actor: self.actor.clone(),
            action,
            subject: subject.to_string(),
            detail,
        }
    }
}

/// Endpoints that share a secret are alike in what they need of it.
const MAX_USERS: usize = 100;

/// Why an endpoint that is a part of a flow is not changed by itself.
pub(super) fn of_flow(definition: &Definition) -> String {
    let flow = definition.flow.as_ref().map_or("", |flow| flow.as_str());
    format!(
        "`{}` is a part of the flow `{flow}`: change its declaration and apply that (`portcullis apply`), or see \
         `portcullis flow show {flow}`",
        definition.id
    )
}

/// The user of the operating system, on this host.
pub(super) fn actor() -> Actor {
    let name = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
    let host = whoami::hostname().unwrap_or_else(|_| "unknown".to_owned());
    Actor {
        name,
        origin: format!("cli@{host}"),
    }
}
