//! The names that authors give to flows, installations, interfaces, invocations and slots.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that is valid in a URL path and in the address of a secret.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct PartName(Box<str>);

impl PartName {
    /// 1 to 128 bytes of ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for PartName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for PartName {
    type Err = PartNameError;

    fn from_str(text: &str) -> Result<Self, PartNameError> {
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fits = (1..=MAX_LEN).contains(&text.len()) && !text.starts_with('.');
        if fits && text.bytes().all(is_allowed) {
            Ok(Self(text.into()))
        } else {
            Err(PartNameError(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for PartName {
    type Error = PartNameError;

    fn try_from(text: String) -> Result<Self, PartNameError> {
        text.parse()
    }
}

impl From<PartName> for String {
    fn from(name: PartName) -> Self {
        name.0.into()
    }
}

/// The text is not a valid name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not a valid name: use 1 to 128 letters, digits, `.`, `_` and `-`, and do not begin with `.`"
)]
pub struct PartNameError(String);

const MAX_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_name_fits_into_a_path_and_into_the_address_of_a_secret() {
        let longest = "a".repeat(128);
        let too_long = "a".repeat(129);
        for (text, is_valid) in [
            ("a", true),
            ("PR-bot_2.1", true),
            ("-a", true),
            ("a..", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            (".", false),
            ("..", false),
            (".a", false),
            ("a/b", false),
            ("a#b", false),
            ("a b", false),
            ("a~b", false),
            ("a%20b", false),
            ("ü", false),
        ] {
            assert_eq!(text.parse::<PartName>().is_ok(), is_valid, "{text:?}");
        }
    }
}
