//! The modes of `auth`: short names for schemes in an endpoint's configuration.
//!
//! A mode resolves to a scheme: that of a preset, sometimes with another header, or one in the endpoint's own words.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::{Place, Preset, Scheme, SchemeWordError, SchemeWords, preset};

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
    /// HMAC-SHA256 in a header of the endpoint's choice; well-known headers use the format of their provider.
    HmacSha256,
    /// No proof: the endpoint is unauthenticated.
    None,
    /// The scheme of a provider's preset.
    Provider,
    /// A token, in `Authorization: Bearer` or in `?token=`.
    Secret,
    /// A signature scheme that the endpoint describes.
    Signature,
}

impl Mode {
    /// Every mode, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Secret,
        Self::Hmac,
        Self::HmacSha256,
        Self::Provider,
        Self::Signature,
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
            Self::HmacSha256 => "hmac-sha256",
            Self::None => "none",
            Self::Provider => "provider",
            Self::Secret => "secret",
            Self::Signature => "signature",
        }
    }

    /// The scheme; `None` for mode `none`.
    pub fn scheme(self, options: &AuthOptions<'_>) -> Result<Option<Scheme>, SchemeError> {
        // A missing preset must be an error: `None` would mean that no proof is required.
        let generic = |name| preset::generic(name).ok_or(SchemeError::UnknownPreset);
        let preset = self.preset(options.header, options.preset);
        let mut base = match self {
            Self::ApiKey => Some(generic("api-key")?.clone()),
            Self::Bearer => Some(generic("bearer")?.clone()),
            Self::HmacSha256 if options.header.is_none() => return Err(SchemeError::HeaderMissing),
            Self::HmacSha256 if preset.is_none() => Some(generic("hmac-sha256")?.clone()),
            Self::None => return Ok(None),
            Self::Hmac | Self::HmacSha256 | Self::Provider => {
                let preset = preset.ok_or(SchemeError::UnknownPreset)?;
                Some(preset.scheme.clone())
            }
            Self::Secret => Some(generic("secret")?.clone()),
            Self::Signature => None,
        };
        if let (true, Some(header), Some(scheme)) = (self.takes_header(), options.header, &mut base)
        {
            for rule in &mut scheme.signatures {
                rule.from = Place::Header(header.clone()).into();
            }
        }
        let mut scheme = match base {
            Some(scheme) if options.words.is_empty() => scheme,
            base => options.words.scheme(base).map_err(SchemeError::Words)?,
        };
        scheme.set(options.settings)?;
        Ok(Some(scheme))
    }

    /// The preset that the mode uses for this header or this preset name.
    pub fn preset(
        self,
        header: Option<&HeaderName>,
        name: Option<&str>,
    ) -> Option<&'static Preset> {
        let name = match self {
            Self::Hmac => Some("github"),
            Self::HmacSha256 => KNOWN_HEADERS
                .iter()
                .find(|(known, _)| header.is_some_and(|header| header == known))
                .map(|(_, preset)| *preset),
            Self::Provider => name,
            Self::ApiKey | Self::Bearer | Self::None | Self::Secret | Self::Signature => None,
        };
        name.and_then(Preset::named)
    }

    /// The scheme without any option except the preset's name.
    pub fn plain_scheme(self, preset: Option<&str>) -> Result<Option<Scheme>, SchemeError> {
        self.scheme(&AuthOptions {
            header: None,
            preset,
            words: &SchemeWords::default(),
            settings: &BTreeMap::new(),
        })
    }

    /// Whether `auth` may override parts of the scheme in this mode.
    pub const fn takes_words(self) -> bool {
        matches!(self, Self::Provider | Self::Signature)
    }

    /// Whether `auth` may set `header` in this mode.
    pub const fn takes_header(self) -> bool {
        matches!(self, Self::ApiKey | Self::HmacSha256)
    }

    /// Whether `auth` must set `preset` in this mode.
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
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, ParseModeError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.word() == text)
            .ok_or(ParseModeError)
    }
}

/// Text that names no mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the modes are `secret`, `hmac`, `hmac-sha256`, `provider`, `signature`, `bearer`, `api-key` and `none`"
)]
pub struct ParseModeError;

/// The options of `auth` next to the mode.
#[derive(Clone, Copy, Debug)]
pub struct AuthOptions<'s> {
    /// The header, in modes that take one.
    pub header: Option<&'s HeaderName>,
    /// The name of the preset.
    pub preset: Option<&'s str>,
    /// Overrides of the scheme, or the whole scheme in mode `signature`.
    pub words: &'s SchemeWords,
    /// The settings that the preset requires.
    pub settings: &'s BTreeMap<String, String>,
}

/// Why the options of `auth` make no scheme.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemeError {
    /// Mode `hmac-sha256` without a header.
    #[error("mode `hmac-sha256` needs the `header` of the signature, such as \"Stripe-Signature\"")]
    HeaderMissing,

    /// A setting has an invalid value: its name and the fault.
    #[error("the setting `{0}`: {1}")]
    SettingMalformed(Box<str>, String),

    /// The preset requires a setting that is missing.
    #[error("the preset needs the setting `{0}`")]
    SettingMissing(Box<str>),

    /// The preset does not exist, or none was named.
    #[error("unknown preset; `portcullis presets list` shows all presets")]
    UnknownPreset,

    /// The scheme's own words have mistakes.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Words(Vec<SchemeWordError>),
}

/// Headers with a well-known format in mode `hmac-sha256`, each with the preset of that format.
const KNOWN_HEADERS: &[(&str, &str)] = &[
    ("stripe-signature", "stripe"),
    ("x-hub-signature-256", "github"),
];
