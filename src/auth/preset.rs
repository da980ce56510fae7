//! Presets: schemes by name, each one a file in `presets/` that people can read.

use jiff::SignedDuration;

use super::catalogue::{GENERIC, PROVIDERS};
use super::{Evidence, Scheme, SecretIssuer, SecretShape, Sender};

/// How a provider signs its deliveries.
#[derive(Clone, Debug)]
pub struct Preset {
    /// The name, as configuration writes it.
    pub name: &'static str,
    /// What it is for.
    pub title: String,
    /// The provider's own page about it.
    pub source: String,
    /// What the preset rests on.
    pub evidence: Evidence,
    /// Where that stands, if it is not the page itself.
    pub evidence_at: Option<String>,
    /// How long the provider waits for an answer, if it says so.
    pub sender_timeout: Option<SignedDuration>,
    /// Whether a refusal has to have an empty body, or the provider takes the endpoint for broken.
    pub refuses_empty: bool,
    /// Whether the provider looks for the URL with a `HEAD` request, unsigned, before it delivers.
    pub probed: bool,
    /// Who makes the secret.
    pub secret: SecretIssuer,
    /// What the provider's secrets look like.
    pub secret_shape: SecretShape,
    /// What an operator has to know.
    pub notes: Option<String>,
    /// How the sender behaves.
    pub sender: Sender,
    /// The scheme.
    pub scheme: Scheme,
    /// The declaration, as it stands in the source.
    pub declaration: &'static str,
}

impl Preset {
    /// Every provider's preset, in the order of the names.
    pub fn all() -> &'static [Self] {
        &PROVIDERS
    }

    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|preset| preset.name == name)
    }
}

/// The scheme of a mode that is no provider's.
pub(super) fn generic(name: &str) -> Option<&'static Scheme> {
    let found = GENERIC.iter().find(|(known, _)| *known == name);
    found.map(|(_, scheme)| scheme)
}
