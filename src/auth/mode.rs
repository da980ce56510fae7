//! The modes of `auth`: short names for schemes that people choose by hand.
//!
//! A mode is no second way of verifying. Each one names a preset, and `bearer` and `api-key` are
//! presets whose header can be replaced.

use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::{Preset, Scheme, Source};

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
    /// A token, in `Authorization: Bearer` or in `?token=`.
    Secret,
}

impl Mode {
    /// Every mode, in the order in which they are explained to people.
    pub const ALL: [Self; 5] = [
        Self::Secret,
        Self::Hmac,
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
            Self::Secret => "secret",
        }
    }

    /// The scheme; `None` for the mode without a proof.
    ///
    /// `header` replaces the one of the preset where the mode has a choice.
    pub fn scheme(self, header: Option<&HeaderName>) -> Option<Scheme> {
        let preset = match self {
            Self::ApiKey => "api-key",
            Self::Bearer => "bearer",
            Self::Hmac => "github",
            Self::None => return None,
            Self::Secret => "secret",
        };
        // A missing preset must not read as "no proof"; a test builds the scheme of every mode.
        let mut scheme = Preset::named(preset)
            .unwrap_or_else(|| unreachable!("no preset {preset}"))
            .scheme
            .clone();
        if let (true, Some(header), Some(rule)) =
            (self.takes_header(), header, scheme.signatures.first_mut())
        {
            rule.from = Source::Header(header.clone());
        }
        Some(scheme)
    }

    /// Whether `auth` may name a header with this mode.
    pub const fn takes_header(self) -> bool {
        matches!(self, Self::ApiKey)
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
#[error("the modes are `secret`, `hmac`, `bearer`, `api-key` and `none`")]
pub struct UnknownMode;
