//! The declared form of an endpoint, and what operators change beside the declaration.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::validation::Validation;
use super::{
    AuthDefinition, ConcurrencyDefinition, DefinitionMistake, DraftAuth, EndpointId, MissingKey,
    Name, PathTemplate, ReplayDefinition, Target, ValidationContext,
};
use crate::auth::{Algorithm, SecretIssuer, Sender};
use crate::challenge::Challenge;
use crate::payload::{Contract, ContractDefinition, KeyPath, KeyRule, PayloadRules};
use crate::secrets::SecretRef;

/// An endpoint as a file or a command declares it, and as the store keeps it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The endpoint id, which its route derives from the path.
    pub id: EndpointId,
    /// The organisation that owns it. Sent to the backend.
    pub organisation: Name,
    /// The workspace that owns it. Sent to the backend.
    pub workspace: Name,
    /// The run-time that it belongs to; follows from the id.
    pub target: Target,
    /// The name of the upstream that receives its deliveries.
    pub upstream: String,
    /// The path at the upstream. By default it is the path of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathTemplate>,
    /// How senders prove themselves. Without it every delivery is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthDefinition>,
    /// The name of the provider challenge that the gate answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<String>,
    /// Until when a provider challenge may bind the secret. Set by a command, never declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_expected_until: Option<Timestamp>,
    /// True if an operator has suspended it, whatever its flow says. Set by a command, never declared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// The methods that it accepts. The default is the methods that its sender signs, or `POST`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Literal paths that lead to it in addition to its route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The name of the event, which is sent to the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<Name>,
    /// The events that it accepts, by the names of the provider; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// The rules for payloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractDefinition>,
    /// Where the concurrency key stands in the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_field: Option<KeyPath>,
    /// What happens to a payload without that key.
    #[serde(default, skip_serializing_if = "MissingKey::is_default")]
    pub key_missing: MissingKey,
    /// How many deliveries of one key may be in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyDefinition>,
    /// Who may deliver, if it is a draft. Overrides the setting of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft_auth: Option<DraftAuth>,
    /// A description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The flow that it is a part of. Set when the flow is applied, never declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<Name>,
    /// Free key-value pairs of its owner.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Limits that override those of the server.
    #[serde(default, skip_serializing_if = "LimitsDefinition::is_default")]
    pub limits: LimitsDefinition,
    /// How replays and duplicates are detected and answered, where that differs from the default.
    #[serde(default, skip_serializing_if = "ReplayDefinition::is_default")]
    pub replay: ReplayDefinition,
    /// How many refused deliveries are captured, and for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<CaptureDefinition>,
    /// Whether the backend receives the token that proved a delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward_credentials: bool,
    /// Whether it accepts deliveries.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Definition {
    /// An enabled endpoint with defaults. It refuses every delivery until it has `auth`.
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

    /// True if its deliveries are verified with a public key of the sender.
    pub fn has_public_key(&self) -> bool {
        let compiled = self.auth.as_ref().map(AuthDefinition::compiled);
        matches!(compiled, Some(Ok(Some(scheme))) if scheme.algorithm().is_public_key())
    }

    /// True if a random value can be its secret. A public key or a secret that the provider issues belongs to the
    /// provider, and a user and password belong to a person.
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

    /// The secret that verifies its deliveries, if there is one.
    pub fn secret(&self) -> Option<SecretRef> {
        self.auth.as_ref()?.secret_of(&self.id)
    }

    /// The token that the provider sends in its challenge, if there is one.
    pub fn verify_token(&self) -> Option<SecretRef> {
        let handshake = Challenge::named(self.handshake.as_deref()?)?;
        let has_one = handshake.has_verify_token();
        has_one.then(|| SecretRef::new(self.id.as_str(), HANDSHAKE_SLOT).ok())?
    }

    /// The secret that is generated when the endpoint is created. There is none if a challenge brings the secret, or
    /// if it belongs to a flow, whose slots are bound separately.
    pub fn generated_secret(&self) -> Option<SecretRef> {
        let handshake = self.handshake.as_deref().and_then(Challenge::named);
        let is_bound_elsewhere =
            handshake.is_some_and(Challenge::binds_secret) || self.flow.is_some();
        self.secret()
            .filter(|_| !is_bound_elsewhere && self.can_generate_secret())
    }

    /// Applies a change of an operator.
    pub fn apply_operation(&mut self, operation: OperatorChange) {
        match operation {
            OperatorChange::ExpectChallenge(until) => self.handshake_expected_until = Some(until),
            OperatorChange::Suspend(suspended) => self.suspended = suspended,
        }
    }

    /// Keeps what operators have changed in `old`, which this definition replaces.
    ///
    /// An expected challenge is kept only if it is for the same provider.
    pub fn keep_operator_changes(&mut self, old: &Self) {
        let same = self.handshake == old.handshake;
        self.handshake_expected_until = old.handshake_expected_until.filter(|_| same);
        // A flow that adopts a disabled endpoint must not enable it. Outside flows the declaration itself says
        // `enabled`.
        let was_stopped = old.suspended || (old.flow.is_none() && !old.enabled);
        self.suspended = was_stopped && self.flow.is_some();
    }

    /// The rules for payloads. The outer option is `None` if the definition could not have been stored.
    #[expect(
        clippy::option_option,
        reason = "an invalid contract differs from none"
    )]
    pub(super) fn payload_rules(&self) -> Option<Option<Arc<PayloadRules>>> {
        let contract = match &self.contract {
            None => None,
            Some(definition) => Some(Contract::compile(definition).ok()?),
        };
        let key = self.key_field.clone().map(|path| KeyRule {
            path,
            required: self.key_missing == MissingKey::Reject,
        });
        Some(PayloadRules::new(contract, key).map(Arc::new))
    }

    /// Every mistake of this definition.
    pub fn mistakes(&self, context: &ValidationContext<'_>) -> Vec<DefinitionMistake> {
        Validation::run(self, context)
    }
}

/// A change of an existing endpoint by an operator. A later declaration keeps it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OperatorChange {
    /// A provider challenge may bind the secret until this time.
    ExpectChallenge(Timestamp),
    /// Suspends or resumes the endpoint, whatever its flow says.
    Suspend(bool),
}

impl OperatorChange {
    /// The key of the definition that it changes.
    pub const fn key(self) -> &'static str {
        match self {
            Self::ExpectChallenge(_) => "handshake_expected_until",
            Self::Suspend(_) => "suspended",
        }
    }
}

/// Limits that an endpoint declares.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsDefinition {
    /// The largest body in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// The largest `multipart/*` body of a signed delivery, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_multipart_bytes: Option<u64>,
    /// The timeout for receiving a body, in milliseconds.
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

/// Which refused deliveries of an endpoint are captured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureDefinition {
    /// How many of the latest are kept.
    pub last: u16,
    /// How long each is kept, in seconds.
    pub for_seconds: u32,
}

const fn yes() -> bool {
    true
}

/// The slot of the verify token of an endpoint.
pub const HANDSHAKE_SLOT: &str = "handshake";
