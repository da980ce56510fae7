//! The control plane: every rule about changing what is stored.
//!
//! ```text
//! Control         one entry for each thing that a person can do; takes the actor, gives a typed answer
//! EndpointPlan    what would happen to endpoints, before it happens
//! FlowPlan        the same for a flow and its endpoints
//! Impact          what a change would do to deliveries, as data for a confirmation
//! Change          what a store is asked to do, with its audit lines; only this module makes one
//! ControlError    why something is not done: a word, a message, the next step, the place in a file
//! ```
//!
//! A change is planned first and performed afterwards, so that a dry run and a confirmation show the same plan.
//! The command line prints the answers. It decides nothing.

mod binding;
mod captures;
mod change;
mod endpoints;
mod error;
mod flows;
mod impact;
mod secret_value;
mod secrets;
mod stores;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::binding::Binding;
pub use self::change::Change;
pub use self::endpoints::{
    AdoptionError, ChallengeStatus, EndpointPlan, ExpectedChallenge, KeyKindMismatch,
    SecretWarning, Step, StepAction,
};
pub use self::error::{ControlError, DefinitionError, PublicKeyConflict};
pub use self::flows::{
    Consent, FlowDeclaration, FlowDeletion, FlowOwner, FlowPlan, FlowRelease, PlannedMove,
    UnboundSlot,
};
pub use self::impact::{Impact, Refusal, SecretImpact, SenderImpact, VersionImpact};
pub use self::secrets::{SecretChange, SlotBinding};
pub use self::stores::{Backup, backup_store, copy_store, migrate_store};
pub use self::tokens::TokenRequest;
use crate::clock::Clock;
use crate::directory::{
    Definition, DraftAuth, EndpointId, PathTemplate, RouteTable, Surroundings, Target,
};
use crate::secrets::{KeyService, Vault};
use crate::store::Store;
use crate::tokens::Issuer;

/// The control plane over one store.
pub struct Control {
    store: Arc<dyn Store>,
    key_service: Arc<dyn KeyService>,
    clock: Arc<dyn Clock>,
    server: ServerContext,
}

/// What the configuration of the server says about declarations.
#[derive(Clone, Debug)]
pub struct ServerContext {
    /// The names of the upstreams.
    pub upstreams: Vec<String>,
    /// The paths that upstreams ask for, by their names.
    pub upstream_paths: BTreeMap<String, PathTemplate>,
    /// The routes of the portal.
    pub routes: Arc<RouteTable>,
    /// The public URL of the portal, without a slash at its end.
    pub public_url: String,
    /// Whether endpoints may ask for no proof.
    pub allow_unauthenticated: bool,
    /// Who may deliver to drafts that do not say it themselves.
    pub draft_auth: DraftAuth,
    /// The largest body that the memory budget has room for.
    pub largest_body_bytes: u64,
}

impl ServerContext {
    /// The upstream of endpoints that name none: the only one, or the one called `default`.
    pub fn default_upstream(&self) -> Option<&str> {
        match self.upstreams.as_slice() {
            [only] => Some(only),
            several => {
                let mut names = several.iter().map(String::as_str);
                names.find(|name| *name == "default")
            }
        }
    }

    /// What definitions have to fit into.
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            upstreams: &self.upstreams,
            routes: &self.routes,
            upstream_paths: &self.upstream_paths,
            allow_unauthenticated: self.allow_unauthenticated,
            draft_auth: self.draft_auth,
            largest_body_bytes: self.largest_body_bytes,
        }
    }
}

impl Control {
    /// The control plane over a store and the key service that encrypts its secrets.
    pub fn new(
        store: Arc<dyn Store>,
        key_service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
        server: ServerContext,
    ) -> Self {
        Self {
            store,
            key_service,
            clock,
            server,
        }
    }

    /// The public URL of an endpoint: its route, or else its first alias.
    pub fn url(&self, definition: &Definition) -> Option<String> {
        let path = self.path(definition)?;
        Some(format!("{}{path}", self.server.public_url))
    }

    /// The path of that URL.
    pub fn path(&self, definition: &Definition) -> Option<String> {
        let route = self.server.routes.path_of(&definition.id);
        route.or_else(|| definition.aliases.first().cloned())
    }

    /// What the configuration says about declarations.
    pub fn server(&self) -> &ServerContext {
        &self.server
    }

    /// What a delivery to an endpoint needs beside its proof: a draft may ask for a token of its workspace.
    pub fn draft_auth(&self, definition: &Definition) -> DraftAuth {
        match Target::of(&definition.id) {
            Target::Draft => definition.draft_auth.unwrap_or(self.server.draft_auth),
            Target::Installation | Target::Live => DraftAuth::Interface,
        }
    }

    /// The definition of an endpoint.
    pub async fn endpoint(&self, id: &EndpointId) -> Result<Definition, ControlError> {
        let found = self.store.endpoint(id.as_str()).await?;
        found.ok_or_else(|| ControlError::EndpointNotFound(id.clone()))
    }

    fn vault(&self) -> Vault {
        Vault::new(
            Arc::clone(&self.store) as _,
            Arc::clone(&self.key_service),
            Arc::clone(&self.clock),
        )
    }

    fn issuer(&self) -> Issuer {
        Issuer::new(Arc::clone(&self.store) as _, Arc::clone(&self.clock))
    }
}
