//! Names that authors give: flows, installations, interfaces, invocations, slots.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that can be a part of a URL and a part of the address of a secret.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct PartName(Box<str>);

impl PartName {
    /// The text.
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
    type Err = InvalidPartName;

    fn from_str(text: &str) -> Result<Self, InvalidPartName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fit = (1..=MAX_LEN).contains(&text.len()) && !text.starts_with('.');
        if fit && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidPartName(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for PartName {
    type Error = InvalidPartName;

    fn try_from(text: String) -> Result<Self, InvalidPartName> {
        text.parse()
    }
}

impl From<PartName> for String {
    fn from(name: PartName) -> Self {
        name.0.into()
    }
}

/// Text that cannot be such a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no name: use up to 128 letters, digits, `.`, `_` and `-`, and no `.` at the beginning"
)]
pub struct InvalidPartName(String);

const MAX_LEN: usize = 128;
