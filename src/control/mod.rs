//! The control plane: every rule about changing what is stored.
//!
//! ```text
//! Control         one method per operation; takes the actor, returns a typed result
//! EndpointPlan    the steps of a change of endpoints, before it is performed
//! FlowPlan        the same for a flow and its endpoints
//! Impact          the effect of a change on deliveries, for a confirmation
//! Change          the rows to write with their audit lines; only this module makes one
//! ControlError    why an operation is refused: a word, a message, the next step, the place in a file
//! ```
//!
//! A change is planned first and performed afterwards, so that a dry run and a confirmation show the same plan.
//! The command line prints the results and decides nothing. The methods of [`Control`] stand by subject:
//! `endpoints`, `deliveries`, `flows`, `secrets`, `tokens`, `operators` and `impact`.

mod binding;
mod change;
mod deliveries;
mod endpoints;
mod error;
mod flows;
mod impact;
mod operators;
mod overview;
mod presets;
mod public_key;
mod secrets;
mod stores;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub use self::binding::Binding;
pub use self::change::Change;
pub use self::deliveries::Activity;
pub use self::endpoints::{
    AdoptionError, ChallengeStatus, EndpointPlan, ExpectedChallenge, KeyKindMismatch,
    SecretValueWarning, Step, StepAction,
};
#[cfg(test)]
pub(crate) use self::error::examples;
pub use self::error::{ControlError, DefinitionError};
pub use self::flows::{
    Consent, FlowDeclaration, FlowDeletion, FlowOwner, FlowPlan, FlowRelease, FlowTargetView,
    FlowView, InterfaceView, PlannedMove, SlotView, UnboundSlot,
};
pub use self::impact::{Impact, Refusal, SecretImpact, SenderImpact, VersionImpact};
use self::operators::SignInLimits;
pub use self::operators::{IssuedOperatorToken, NewOperatorToken, SessionState, SignedIn};
pub use self::overview::{EndpointFilter, SecretOwner, SecretState};
pub use self::presets::{
    PresetView, UNBOUND_RECIPIENT, preset_accounts, preset_recipient, preset_window,
};
pub use self::public_key::PublicKeyConflict;
pub use self::secrets::{SecretChange, SlotBinding};
pub use self::stores::{Backup, backup_store, copy_store, migrate_store};
pub use self::tokens::TokenRequest;
use crate::capture::StoredCapture;
use crate::clock::Clock;
use crate::directory::{
    Definition, DraftAuth, EndpointId, PathTemplate, RouteTable, Target, ValidationContext,
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
    sign_ins: Mutex<SignInLimits>,
}

/// The part of the configuration that declarations are validated against.
#[derive(Clone, Debug)]
pub struct ServerContext {
    /// The names of the upstreams.
    pub upstreams: Vec<String>,
    /// The path templates of upstreams, by upstream name.
    pub upstream_paths: BTreeMap<String, PathTemplate>,
    /// The routes of the portal.
    pub routes: Arc<RouteTable>,
    /// The public URL of the portal, without a trailing slash.
    pub public_url: String,
    /// Whether endpoints may have the mode `none`.
    pub allow_unauthenticated: bool,
    /// What drafts without `draft_auth` require from senders.
    pub draft_auth: DraftAuth,
    /// The largest body in bytes that the memory budget allows.
    pub largest_body_bytes: u64,
}

impl ServerContext {
    /// The upstream of endpoints that name none: the only upstream, or the upstream `default`.
    pub fn default_upstream(&self) -> Option<&str> {
        match self.upstreams.as_slice() {
            [only] => Some(only),
            several => {
                let mut names = several.iter().map(String::as_str);
                names.find(|name| *name == "default")
            }
        }
    }

    /// The context that definitions are validated in.
    pub fn validation_context(&self) -> ValidationContext<'_> {
        ValidationContext {
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
            sign_ins: Mutex::default(),
        }
    }

    /// The public URL of an endpoint: by its route, or else by its first alias.
    pub fn url(&self, definition: &Definition) -> Option<String> {
        let path = self.path(definition)?;
        Some(format!("{}{path}", self.server.public_url))
    }

    /// The path of the public URL.
    pub fn path(&self, definition: &Definition) -> Option<String> {
        let route = self.server.routes.path_of(&definition.id);
        route.or_else(|| definition.aliases.first().cloned())
    }

    /// The part of the configuration that declarations are validated against.
    pub fn server(&self) -> &ServerContext {
        &self.server
    }

    /// What a delivery to an endpoint needs. A draft can require a workspace token.
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

    /// Checks that the store answers.
    pub async fn check_store(&self) -> Result<(), ControlError> {
        Ok(self.store.ping().await?)
    }

    /// The captured delivery with a request id, as raw HTTP.
    pub async fn capture(&self, id: &str) -> Result<(StoredCapture, Vec<u8>), ControlError> {
        let found = self.store.kept_one(id, self.clock.now()).await?;
        found.ok_or_else(|| {
            let id = id.chars().filter(|c| !c.is_control());
            ControlError::CaptureNotFound(id.take(MAX_SHOWN_CHARS).collect())
        })
    }

    /// The captured deliveries of an endpoint, the newest first.
    pub async fn captures(
        &self,
        endpoint: &EndpointId,
    ) -> Result<Vec<StoredCapture>, ControlError> {
        self.endpoint(endpoint).await?;
        let now = self.clock.now();
        Ok(self.store.kept(endpoint.as_str(), now).await?)
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

const MAX_SHOWN_CHARS: usize = 128;
