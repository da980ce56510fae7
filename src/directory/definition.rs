//! An endpoint as people write it down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EndpointId, Name, PathTemplate, Target};
use crate::auth::{Mode, Scheme, UnknownPreset};
use crate::secrets::SecretRef;

/// The declared form of an endpoint: what a file or a command says, and what the store keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its id.
    pub id: EndpointId,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The run-time that it belongs to.
    pub target: Target,
    /// The name of the upstream that gets its deliveries.
    pub upstream: String,
    /// The path at the upstream, if it is not the one that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathTemplate>,
    /// How senders prove themselves. Without it every delivery is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthDefinition>,
    /// The methods that it takes; `POST` if nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Literal paths that lead to it beside its route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The name of the event that its deliveries stand for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<Name>,
    /// Anything that its owner wants to remember.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its own limits, where they differ from the server's.
    #[serde(default, skip_serializing_if = "LimitsDefinition::is_default")]
    pub limits: LimitsDefinition,
    /// How many refused deliveries are kept, and for how long; none if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<CaptureDefinition>,
    /// Whether the backend gets the token that proved a delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward_credentials: bool,
    /// Whether it takes deliveries.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Definition {
    /// An enabled endpoint that says nothing of its own, and refuses every delivery until it has
    /// `auth`.
    pub fn new(id: EndpointId, organisation: Name, workspace: Name, upstream: String) -> Self {
        Self {
            target: Target::of(&id),
            id,
            organisation,
            workspace,
            upstream,
            path: None,
            auth: None,
            methods: Vec::new(),
            aliases: Vec::new(),
            event_name: None,
            labels: BTreeMap::new(),
            limits: LimitsDefinition::default(),
            capture: None,
            forward_credentials: false,
            enabled: true,
        }
    }

    /// The secret that its deliveries are judged by, if there is one.
    pub fn secret(&self) -> Option<SecretRef> {
        self.auth.as_ref()?.secret_of(&self.id)
    }
}

/// How senders prove themselves, as it is written down.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthDefinition {
    /// The mode.
    pub mode: Mode,
    /// The header of the token, for modes that let it be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The provider's preset, for the mode that takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The secret; the slot `webhook` of the endpoint itself if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
}

impl AuthDefinition {
    /// A mode, and nothing that could be chosen with it.
    pub const fn of(mode: Mode) -> Self {
        Self {
            mode,
            header: None,
            preset: None,
            secret: None,
        }
    }

    /// How deliveries are proven; `None` if they are not.
    pub fn scheme(&self) -> Result<Option<Scheme>, UnknownPreset> {
        let header = self.header.as_deref().and_then(|name| name.parse().ok());
        self.mode.scheme(header.as_ref(), self.preset.as_deref())
    }

    /// The secret that deliveries to `endpoint` are judged by, if the mode has one.
    pub fn secret_of(&self, endpoint: &EndpointId) -> Option<SecretRef> {
        if self.mode == Mode::None {
            return None;
        }
        self.secret
            .clone()
            .or_else(|| SecretRef::new(endpoint.as_str(), DEFAULT_SLOT).ok())
    }
}

/// Limits of one endpoint.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsDefinition {
    /// The largest body, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// The largest `multipart/*` body under a signed mode, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_multipart_bytes: Option<u64>,
    /// How long a body may take to arrive, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_timeout_ms: Option<u64>,
}

impl LimitsDefinition {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which refused deliveries of an endpoint are kept.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureDefinition {
    /// The last so many.
    pub last: u16,
    /// How long each is kept.
    pub for_seconds: u32,
}

const fn yes() -> bool {
    true
}

const DEFAULT_SLOT: &str = "webhook";
