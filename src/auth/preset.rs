//! Presets: named schemes of providers. Each one is a TOML file in `presets/`.

use jiff::SignedDuration;

use super::catalogue::{GENERIC, PROVIDERS};
use super::{Evidence, Scheme, SecretIssuer, SecretShape, Sender};

/// The scheme of one provider, with the facts that operators need about it.
#[derive(Clone, Debug)]
pub struct Preset {
    /// The name in configuration.
    pub name: &'static str,
    /// The title in lists.
    pub title: String,
    /// The URL of the provider's documentation.
    pub source: String,
    /// How the preset was confirmed.
    pub evidence: Evidence,
    /// The URL of the evidence, if it is not `source`.
    pub evidence_at: Option<String>,
    /// The provider's timeout for a response, if it is published.
    pub sender_timeout: Option<SignedDuration>,
    /// Whether a rejection needs an empty body, because the provider treats any other body as a broken endpoint.
    pub refuses_empty: bool,
    /// Whether the provider probes the URL with an unsigned `HEAD` request before it delivers.
    pub probed: bool,
    /// Who issues the secret.
    pub secret: SecretIssuer,
    /// The format of the provider's secrets.
    pub secret_shape: SecretShape,
    /// Notes for operators.
    pub notes: Option<String>,
    /// How the sender behaves.
    pub sender: Sender,
    /// The scheme, compiled from `declaration`. Settings of the endpoint are still missing.
    pub scheme: Scheme,
    /// The text of the TOML file.
    pub declaration: &'static str,
}

impl Preset {
    /// Every preset, sorted by name.
    pub fn all() -> &'static [Self] {
        &PROVIDERS
    }

    /// The preset called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|preset| preset.name == name)
    }
}

/// The scheme of a mode that is not tied to a provider.
pub(super) fn generic(name: &str) -> Option<&'static Scheme> {
    let found = GENERIC.iter().find(|(known, _)| *known == name);
    found.map(|(_, scheme)| scheme)
}
