//! How senders of an endpoint prove themselves, as people write it down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EndpointId;
use crate::auth::{KeyKind, Mode, NoScheme, Preset, Said, Scheme, SchemeWords};
use crate::secrets::SecretRef;

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
    /// What is said about the scheme, for the modes `signature` and `provider`.
    #[serde(default, skip_serializing_if = "SchemeWords::is_empty")]
    pub scheme: SchemeWords,
    /// What the preset asks of the endpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The URL that the sender delivers to and signs, without its query, if it is not the portal's
    /// own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The secret; the slot `webhook` of the endpoint itself if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
}

impl AuthDefinition {
    /// A mode, and nothing that could be chosen with it.
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

    /// How deliveries are proven; `None` if they are not.
    pub fn compiled(&self) -> Result<Option<Scheme>, NoScheme> {
        let header = self.header.as_deref().and_then(|name| name.parse().ok());
        self.mode.scheme(&Said {
            header: header.as_ref(),
            preset: self.preset.as_deref(),
            words: &self.scheme,
            settings: &self.settings,
        })
    }

    /// The preset that describes the sender, if the mode follows one.
    pub fn preset(&self) -> Option<&'static Preset> {
        let header = self.header.as_deref().and_then(|name| name.parse().ok());
        self.mode.preset(header.as_ref(), self.preset.as_deref())
    }

    /// The kind of key that deliveries are proven with; `None` if there is no secret, or no scheme.
    pub fn key_kind(&self) -> Option<KeyKind> {
        let scheme = self.compiled().ok().flatten()?;
        (!scheme.has_certificate()).then(|| scheme.algorithm().key_kind())
    }

    /// Whether deliveries are proven with the sender's certificate, so that there is no secret.
    pub fn has_certificate(&self) -> bool {
        let preset = self.preset.as_deref().filter(|_| self.mode.takes_preset());
        preset
            .and_then(Preset::named)
            .is_some_and(|preset| preset.scheme.has_certificate())
    }

    /// The preset, if the mode takes one.
    pub fn named_preset(&self) -> Option<&'static Preset> {
        let preset = self.preset.as_deref().filter(|_| self.mode.takes_preset());
        preset.and_then(Preset::named)
    }

    /// The secret that deliveries to `endpoint` are judged by, if the mode has one.
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
