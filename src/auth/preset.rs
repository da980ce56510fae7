//! Presets: schemes by name, each one a file in `presets/` that people can read.

use std::sync::LazyLock;

use toml_span::Deserialize;

use super::Scheme;

/// A scheme with a name.
#[derive(Clone, Debug)]
pub struct Preset {
    /// The name, as configuration writes it.
    pub name: &'static str,
    /// The scheme.
    pub scheme: Scheme,
}

impl Preset {
    /// Every preset.
    pub fn all() -> &'static [Self] {
        &PRESETS
    }

    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }
}

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(name, text)| Preset {
            name,
            // The files are part of the source, and a test reads every one of them.
            scheme: toml_span::parse(text)
                .map_err(toml_span::DeserError::from)
                .and_then(|mut value| Scheme::deserialize(&mut value))
                .unwrap_or_else(|error| unreachable!("preset {name}: {error}")),
        })
        .collect()
});

const FILES: &[(&str, &str)] = &[
    ("api-key", include_str!("presets/api-key.toml")),
    ("bearer", include_str!("presets/bearer.toml")),
    ("github", include_str!("presets/github.toml")),
    ("github-sha1", include_str!("presets/github-sha1.toml")),
    ("secret", include_str!("presets/secret.toml")),
];
