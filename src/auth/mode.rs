//! The modes of `auth`: short names for schemes that people choose by hand.
//!
//! A mode is no second way of verifying. Each one names a preset, whose header can be replaced in some,
//! or is described by the endpoint itself.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::{Place, Preset, Scheme, SchemeWords, WrongWord, preset};

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
    /// HMAC-SHA256 in a header of the endpoint's choice, in the form that the header is known for.
    HmacSha256,
    /// No proof at all.
    None,
    /// As a provider signs, by the name of its preset.
    Provider,
    /// A token, in `Authorization: Bearer` or in `?token=`.
    Secret,
    /// A signature that the endpoint describes in its own words.
    Signature,
}

impl Mode {
    /// Every mode, in the order in which they are explained to people.
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

    /// The scheme; `None` for the mode without a proof.
    pub fn scheme(self, said: &Said<'_>) -> Result<Option<Scheme>, NoScheme> {
        // What is not found must never read as "no proof".
        let generic = |name| preset::generic(name).ok_or(NoScheme::UnknownPreset);
        let preset = self.preset(said.header, said.preset);
        let mut base = match self {
            Self::ApiKey => Some(generic("api-key")?.clone()),
            Self::Bearer => Some(generic("bearer")?.clone()),
            Self::HmacSha256 if said.header.is_none() => return Err(NoScheme::HeaderMissing),
            Self::HmacSha256 if preset.is_none() => Some(generic("hmac-sha256")?.clone()),
            Self::None => return Ok(None),
            Self::Hmac | Self::HmacSha256 | Self::Provider => {
                let preset = preset.ok_or(NoScheme::UnknownPreset)?;
                Some(preset.scheme.clone())
            }
            Self::Secret => Some(generic("secret")?.clone()),
            Self::Signature => None,
        };
        if let (true, Some(header), Some(scheme)) = (self.takes_header(), said.header, &mut base) {
            for rule in &mut scheme.signatures {
                rule.from = Place::Header(header.clone()).into();
            }
        }
        let mut scheme = match base {
            Some(scheme) if said.words.is_empty() => scheme,
            base => said.words.scheme(base).map_err(NoScheme::Words)?,
        };
        scheme.set(said.settings)?;
        Ok(Some(scheme))
    }

    /// The preset that the mode follows, with this header or this name of a preset.
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

    /// The scheme if nothing is said beside the mode and, with `provider`, the preset.
    pub fn plain_scheme(self, preset: Option<&str>) -> Result<Option<Scheme>, NoScheme> {
        self.scheme(&Said {
            header: None,
            preset,
            words: &SchemeWords::default(),
            settings: &BTreeMap::new(),
        })
    }

    /// Whether `auth` may say something about the scheme with this mode.
    pub const fn takes_words(self) -> bool {
        matches!(self, Self::Provider | Self::Signature)
    }

    /// Whether `auth` may name a header with this mode.
    pub const fn takes_header(self) -> bool {
        matches!(self, Self::ApiKey | Self::HmacSha256)
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
#[error(
    "the modes are `secret`, `hmac`, `hmac-sha256`, `provider`, `signature`, `bearer`, `api-key` and `none`"
)]
pub struct UnknownMode;

/// What `auth` says beside its mode.
#[derive(Clone, Copy, Debug)]
pub struct Said<'s> {
    /// The header, for modes that take one.
    pub header: Option<&'s HeaderName>,
    /// The provider's preset.
    pub preset: Option<&'s str>,
    /// What is said about the scheme.
    pub words: &'s SchemeWords,
    /// What the preset asks of the endpoint.
    pub settings: &'s BTreeMap<String, String>,
}

/// Why there is no scheme.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoScheme {
    /// The mode needs a header.
    #[error("mode `hmac-sha256` needs the `header` of the signature, such as \"Stripe-Signature\"")]
    HeaderMissing,

    /// What was said is not what the preset asks for.
    #[error("the setting `{0}`: {1}")]
    SettingMalformed(Box<str>, String),

    /// The preset asks for something that was not said.
    #[error("the preset needs the setting `{0}`")]
    SettingMissing(Box<str>),

    /// There is no such preset, or none was named.
    #[error("there is no such preset; `portcullis presets list` shows them all")]
    UnknownPreset,

    /// What was said about the scheme cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Words(Vec<WrongWord>),
}

/// Headers that have a form of their own under `hmac-sha256`, by the preset that has it.
const KNOWN_HEADERS: &[(&str, &str)] = &[
    ("stripe-signature", "stripe"),
    ("x-hub-signature-256", "github"),
];
