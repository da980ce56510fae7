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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scope_and_a_slot_of_plain_names() {
        let longest = format!("{}#{}", "a".repeat(512), "b".repeat(512));
        let long_scope = format!("{}#b", "a".repeat(513));
        let long_slot = format!("a#{}", "b".repeat(513));
        for (text, parts) in [
            ("a#b", Some(("a", "b"))),
            (
                "workflows/pr-bot#webhook",
                Some(("workflows/pr-bot", "webhook")),
            ),
            ("A.b_c/../d#.0", Some(("A.b_c/../d", ".0"))),
            (longest.as_str(), longest.split_once('#')),
            (long_scope.as_str(), None),
            (long_slot.as_str(), None),
            ("", None),
            ("a", None),
            ("#", None),
            ("a#", None),
            ("#b", None),
            ("a#b#c", None),
            ("a#b/c", None),
            ("/a#b", None),
            ("a/#b", None),
            ("a//c#b", None),
            ("a b#c", None),
            ("a:b#c", None),
            ("a#b\n", None),
            ("ü#b", None),
        ] {
            let reference: Option<SecretRef> = text.parse().ok();
            let found = reference.as_ref().map(|it| (it.scope(), it.slot()));
            assert_eq!(found, parts, "{text}");
            let written = reference.map(|it| it.to_string());
            assert_eq!(written.as_deref(), parts.map(|_| text));
        }
    }
}
