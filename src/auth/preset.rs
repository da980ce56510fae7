//! Presets: schemes by name, each one a file in `presets/` that people can read.

use std::sync::LazyLock;

use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize};

use super::Scheme;

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
    /// Where the published vector stands, if there is one.
    pub vector: Option<String>,
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

/// What a preset rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// The provider has published a delivery with its signature, and a test verifies it.
    Vector,
}

impl Evidence {
    /// The word in lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Vector => "vector",
        }
    }
}

/// The scheme of a mode that is no provider's.
pub(super) fn generic(name: &str) -> Option<&'static Scheme> {
    let found = GENERIC.iter().find(|(known, _)| *known == name);
    found.map(|(_, scheme)| scheme)
}

struct Declared {
    title: String,
    source: String,
    evidence: Evidence,
    vector: Option<String>,
    scheme: Scheme,
}

impl<'de> Deserialize<'de> for Declared {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let title = table.required("title")?;
        let source = table.required("source")?;
        let evidence = match table.required_s::<String>("evidence")?.value.as_str() {
            "vector" => Evidence::Vector,
            other => unreachable!("no evidence `{other}`"),
        };
        let vector = table.optional("vector");
        let scheme = table.required("scheme")?;
        table.finalize(None)?;
        Ok(Self {
            title,
            source,
            evidence,
            vector,
            scheme,
        })
    }
}

// The files are part of the source, and a test reads every one of them.
fn read<T: for<'de> Deserialize<'de>>(name: &str, text: &str) -> T {
    toml_span::parse(text)
        .map_err(DeserError::from)
        .and_then(|mut value| T::deserialize(&mut value))
        .unwrap_or_else(|error| unreachable!("preset {name}: {error}"))
}

static PROVIDERS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let preset = |(name, text): &(&'static str, &'static str)| {
        let declared: Declared = read(name, text);
        Preset {
            name,
            title: declared.title,
            source: declared.source,
            evidence: declared.evidence,
            vector: declared.vector,
            scheme: declared.scheme,
            declaration: text,
        }
    };
    PROVIDER_FILES.iter().map(preset).collect()
});

static GENERIC: LazyLock<Vec<(&str, Scheme)>> = LazyLock::new(|| {
    let scheme = |(name, text): &(&'static str, &'static str)| (*name, read(name, text));
    GENERIC_FILES.iter().map(scheme).collect()
});

const GENERIC_FILES: &[(&str, &str)] = &[
    ("api-key", include_str!("presets/api-key.toml")),
    ("bearer", include_str!("presets/bearer.toml")),
    ("secret", include_str!("presets/secret.toml")),
];

macro_rules! providers {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("presets/providers/", $name, ".toml")))),*]
    };
}

const PROVIDER_FILES: &[(&str, &str)] = providers![
    "adyen-platform",
    "bitbucket",
    "circleci",
    "coinbase-commerce",
    "github",
    "github-sha1",
    "gocardless",
    "jira",
    "line",
    "mux",
    "notion",
    "onfido",
    "openai",
    "paddle",
    "pagerduty",
    "razorpay",
    "sanity",
    "slack",
    "standard-webhooks",
    "svix",
];
