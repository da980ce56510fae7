//! What most commands work with: the configuration, the store, the key service, and who is asking.

use std::path::Path;
use std::sync::Arc;

use crate::app::Custody;
use crate::audit::{Action, Actor, AuditEntry};
use crate::config::Config;
use crate::directory::{Definition, EndpointId, InvalidName, Surroundings};
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

    /// The definition of an endpoint that has to be there.
    pub(super) async fn definition(&self, id: &EndpointId) -> Result<Definition, Failure> {
        self.custody
            .store
            .endpoint(id.as_str())
            .await?
            .ok_or_else(|| Failure::NotFound(format!("there is no endpoint `{id}`")))
    }

    /// The public URL of an endpoint: its route, or its first alias.
    pub(super) fn url(&self, definition: &Definition) -> Option<String> {
        let path = self
            .config
            .routes
            .path_of(&definition.id)
            .or_else(|| definition.aliases.first().cloned())?;
        Some(format!("{}{path}", self.config.public.url))
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

/// The user of the operating system, on this host.
pub(super) fn actor() -> Actor {
    let name = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
    let host = whoami::hostname().unwrap_or_else(|_| "unknown".to_owned());
    Actor {
        name,
        origin: format!("cli@{host}"),
    }
}
