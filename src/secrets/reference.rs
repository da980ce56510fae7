//! The address of a secret: `scope#slot`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of a secret, such as `workflows/pr-bot#webhook`.
///
/// The scope is usually the id of the endpoint that owns it. The slot distinguishes the secrets of one scope.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct SecretRef {
    scope: Box<str>,
    slot: Box<str>,
}

impl SecretRef {
    /// The secret in `slot` of `scope`.
    pub fn new(scope: &str, slot: &str) -> Result<Self, ParseSecretRefError> {
        let scope_ok = scope.len() <= MAX_LEN && scope.split('/').all(is_name);
        if !scope_ok || slot.len() > MAX_LEN || !is_name(slot) {
            return Err(ParseSecretRefError(format!("{scope}#{slot}")));
        }
        Ok(Self {
            scope: scope.into(),
            slot: slot.into(),
        })
    }

    /// The owner, usually an endpoint id.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The name of the secret within its scope.
    pub fn slot(&self) -> &str {
        &self.slot
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.scope, self.slot)
    }
}

impl FromStr for SecretRef {
    type Err = ParseSecretRefError;

    fn from_str(text: &str) -> Result<Self, ParseSecretRefError> {
        let (scope, slot) = text
            .split_once('#')
            .ok_or_else(|| ParseSecretRefError(text.to_owned()))?;
        Self::new(scope, slot)
    }
}

impl TryFrom<String> for SecretRef {
    type Error = ParseSecretRefError;

    fn try_from(text: String) -> Result<Self, ParseSecretRefError> {
        text.parse()
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

/// Text that is not the address of a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not the address of a secret: write `scope#slot` with letters, digits, `.`, `_` and `-`, and `/` inside \
     the scope"
)]
pub struct ParseSecretRefError(String);

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

const MAX_LEN: usize = 512;
