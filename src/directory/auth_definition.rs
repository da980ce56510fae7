//! How senders of an endpoint prove themselves: the declared form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EndpointId;
use crate::auth::{AuthOptions, KeyKind, Mode, Preset, Scheme, SchemeError, SchemeWords};
use crate::secrets::SecretRef;

/// The `auth` of an endpoint as it is declared.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthDefinition {
    /// How deliveries are proven: a token, a signature, a preset or nothing.
    pub mode: Mode,
    /// The header of the token, for modes that let the endpoint choose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The name of a preset, for the mode that takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The scheme, for the modes `signature` and `provider`.
    #[serde(default, skip_serializing_if = "SchemeWords::is_empty")]
    pub scheme: SchemeWords,
    /// Values that the preset requires from the endpoint, such as an account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The URL that the sender delivers to and signs, without its query. By default it is the URL of the portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The secret. By default it is the slot `webhook` of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
}

impl AuthDefinition {
    /// A mode with its defaults.
    pub fn of(mode: Mode) -> Self {
        Self {
            mode,
            header: None,
            preset: None,
            scheme: SchemeWords::default(),
            settings: BTreeMap::new(),
            public_url: None,
            secret: None,
        }
    }

    /// The scheme that verifies deliveries; `None` if the mode asks for no proof.
    pub fn compiled(&self) -> Result<Option<Scheme>, SchemeError> {
        let header = self.header.as_deref().and_then(|name| name.parse().ok());
        self.mode.scheme(&AuthOptions {
            header: header.as_ref(),
            preset: self.preset.as_deref(),
            words: &self.scheme,
            settings: &self.settings,
        })
    }

    /// The preset that describes the sender, whether it is named or implied by the mode.
    pub fn preset(&self) -> Option<&'static Preset> {
        let header = self.header.as_deref().and_then(|name| name.parse().ok());
        self.mode.preset(header.as_ref(), self.preset.as_deref())
    }

    /// The kind of key that verifies deliveries; `None` without a secret or without a valid scheme.
    pub fn key_kind(&self) -> Option<KeyKind> {
        let scheme = self.compiled().ok().flatten()?;
        (!scheme.has_certificate()).then(|| scheme.algorithm().key_kind())
    }

    /// True if deliveries are verified with the certificate of the sender, so there is no secret.
    pub fn has_certificate(&self) -> bool {
        self.named_preset()
            .is_some_and(|preset| preset.scheme.has_certificate())
    }

    /// The preset that the endpoint names, if the mode takes one.
    pub fn named_preset(&self) -> Option<&'static Preset> {
        let preset = self.preset.as_deref().filter(|_| self.mode.takes_preset());
        preset.and_then(Preset::named)
    }

    /// The secret that verifies deliveries to `endpoint`, if the mode has one.
    pub fn secret_of(&self, endpoint: &EndpointId) -> Option<SecretRef> {
        if self.mode == Mode::None || self.has_certificate() {
            return None;
        }
        self.secret
            .clone()
            .or_else(|| SecretRef::new(endpoint.as_str(), DEFAULT_SLOT).ok())
    }
}

const DEFAULT_SLOT: &str = "webhook";
