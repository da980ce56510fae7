//! An endpoint as people write it down.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AuthDefinition, ConcurrencyDefinition, DraftAuth, EndpointId, MissingKey, Name, PathTemplate,
    ReplayDefinition, Target,
};
use crate::auth::{Algorithm, SecretIssuer, Sender};
use crate::contract::{ContractDefinition, KeyPath};
use crate::handshake::Handshake;
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
    /// The handshake that is answered at the edge, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<String>,
    /// Until when a handshake may bind its secret. It is no part of a declaration: a command sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_expected_until: Option<Timestamp>,
    /// Whether an operator has stopped it, whatever its flow says. It is no part of a declaration either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// The methods that it takes; those that its sender signs if nothing is said, and `POST` if it signs nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Literal paths that lead to it beside its route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The name of the event that its deliveries stand for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<Name>,
    /// The events that it takes, by the names that senders give them; all if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// What a payload has to be; anything if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractDefinition>,
    /// Where in the payload the key stands that tells the subjects of deliveries apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_field: Option<KeyPath>,
    /// What becomes of a payload that has no such key.
    #[serde(default, skip_serializing_if = "MissingKey::is_default")]
    pub key_missing: MissingKey,
    /// How many deliveries of one key may be with the backend at once; any number if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyDefinition>,
    /// Who may deliver, if it is a draft, where that differs from what the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft_auth: Option<DraftAuth>,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The flow that it is a part of. It is no part of a declaration: what the flow declares makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<Name>,
    /// Anything that its owner wants to remember.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its own limits, where they differ from the server's.
    #[serde(default, skip_serializing_if = "LimitsDefinition::is_default")]
    pub limits: LimitsDefinition,
    /// How replays and duplicates are told, where that differs from the usual.
    #[serde(default, skip_serializing_if = "ReplayDefinition::is_default")]
    pub replay: ReplayDefinition,
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
            handshake: None,
            handshake_expected_until: None,
            suspended: false,
            methods: Vec::new(),
            aliases: Vec::new(),
            event_name: None,
            events: Vec::new(),
            contract: None,
            key_field: None,
            key_missing: MissingKey::None,
            concurrency: None,
            draft_auth: None,
            description: None,
            flow: None,
            labels: BTreeMap::new(),
            limits: LimitsDefinition::default(),
            replay: ReplayDefinition::default(),
            capture: None,
            forward_credentials: false,
            enabled: true,
        }
    }

    /// Whether its deliveries are proven with the public key of the sender.
    pub fn has_public_key(&self) -> bool {
        let compiled = self.auth.as_ref().map(AuthDefinition::compiled);
        matches!(compiled, Some(Ok(Some(scheme))) if scheme.algorithm().is_public_key())
    }

    /// Whether any text will do for its secret: a public key and what only the provider issues are the provider's, a
    /// user and a password are somebody's, and nobody can make one up.
    pub fn can_generate_secret(&self) -> bool {
        let preset = self.auth.as_ref().and_then(AuthDefinition::named_preset);
        if preset.is_some_and(|preset| preset.secret == SecretIssuer::Provider) {
            return false;
        }
        let compiled = self.auth.as_ref().map(AuthDefinition::compiled);
        let Some(Ok(Some(scheme))) = compiled else {
            return true;
        };
        !scheme.algorithm().is_public_key() && scheme.algorithm() != Algorithm::Basic
    }

    /// The sender as its preset describes it, if `auth` follows a preset.
    pub fn sender(&self) -> Option<&'static Sender> {
        let preset = self.auth.as_ref()?.preset()?;
        Some(&preset.sender)
    }

    /// The secret that its deliveries are judged by, if there is one.
    pub fn secret(&self) -> Option<SecretRef> {
        self.auth.as_ref()?.secret_of(&self.id)
    }

    /// The token that the provider sends in its handshake, if there is one.
    pub fn verify_token(&self) -> Option<SecretRef> {
        let handshake = Handshake::named(self.handshake.as_deref()?)?;
        let has_one = handshake.has_verify_token();
        has_one.then(|| SecretRef::new(self.id.as_str(), HANDSHAKE_SLOT).ok())?
    }

    /// The secret that is generated for it if there is none yet: not one that a handshake brings, and none of
    /// a flow, whose slots somebody binds.
    pub fn generated_secret(&self) -> Option<SecretRef> {
        let handshake = self.handshake.as_deref().and_then(Handshake::named);
        let brought = handshake.is_some_and(Handshake::binds_secret) || self.flow.is_some();
        self.secret()
            .filter(|_| !brought && self.can_generate_secret())
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
    /// The fields of a `multipart/form-data` body that hold a raw MIME message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_mime_fields: Option<Vec<String>>,
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

/// The slot of an endpoint's verify token.
pub const HANDSHAKE_SLOT: &str = "handshake";
