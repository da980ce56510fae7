//! The modes of `auth`: short names for schemes that people choose by hand.
//!
//! A mode is no second way of verifying. Each one names a preset, and `bearer` and `api-key` are
//! presets whose header can be replaced.

use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::{Place, Preset, Scheme, preset};

/// How an endpoint asks senders to prove themselves.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A token in a header of the endpoint's choice.
    ApiKey,
    /// `Authorization: Bearer <secret>` (RFC 6750 §2.1).
    Bearer,
    /// GitHub's `X-Hub-Signature-256`.
    Hmac,
    /// No proof at all.
    None,
    /// As a provider signs, by the name of its preset.
    Provider,
    /// A token, in `Authorization: Bearer` or in `?token=`.
    Secret,
}

impl Mode {
    /// Every mode, in the order in which they are explained to people.
    pub const ALL: [Self; 6] = [
        Self::Secret,
        Self::Hmac,
        Self::Provider,
        Self::Bearer,
        Self::ApiKey,
        Self::None,
    ];

    /// The word in configuration, logs, metrics and headers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Bearer => "bearer",
            Self::Hmac => "hmac",
            Self::None => "none",
            Self::Provider => "provider",
            Self::Secret => "secret",
        }
    }

    /// The scheme; `None` for the mode without a proof.
    ///
    /// `header` replaces the one of the preset where the mode has a choice; `preset` is the provider's.
    pub fn scheme(
        self,
        header: Option<&HeaderName>,
        preset: Option<&str>,
    ) -> Result<Option<Scheme>, UnknownPreset> {
        let generic = |name| preset::generic(name).ok_or(UnknownPreset);
        let provider = |name| {
            Preset::named(name)
                .map(|it| &it.scheme)
                .ok_or(UnknownPreset)
        };
        // What is not found must never read as "no proof".
        let mut scheme = match self {
            Self::ApiKey => generic("api-key")?.clone(),
            Self::Bearer => generic("bearer")?.clone(),
            Self::Hmac => provider("github")?.clone(),
            Self::None => return Ok(None),
            Self::Provider => provider(preset.ok_or(UnknownPreset)?)?.clone(),
            Self::Secret => generic("secret")?.clone(),
        };
        if let (true, Some(header), Some(rule)) =
            (self.takes_header(), header, scheme.signatures.first_mut())
        {
            rule.from = Place::Header(header.clone()).into();
        }
        Ok(Some(scheme))
    }

    /// Whether `auth` may name a header with this mode.
    pub const fn takes_header(self) -> bool {
        matches!(self, Self::ApiKey)
    }

    /// Whether `auth` names a preset with this mode.
    pub const fn takes_preset(self) -> bool {
        matches!(self, Self::Provider)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.word() == text)
            .ok_or(UnknownMode)
    }
}

/// Text that is no mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the modes are `secret`, `hmac`, `provider`, `bearer`, `api-key` and `none`")]
pub struct UnknownMode;

/// A preset that there is not, or that was not named.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no such preset; `portcullis presets list` shows them all")]
pub struct UnknownPreset;
