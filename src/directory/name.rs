//! Names of endpoints, organisations and workspaces.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The id of an endpoint: names joined by `/`, such as `workflows/pr-bot`.
///
/// It is case-sensitive. Nothing is decoded or normalised, so a path in another spelling names another endpoint.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct EndpointId(Arc<str>);

impl EndpointId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for EndpointId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for EndpointId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        if text.len() <= MAX_ID_LEN && text.split('/').all(is_segment) {
            Ok(Self(text.into()))
        } else {
            Err(ParseNameError::new(text))
        }
    }
}

impl TryFrom<String> for EndpointId {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, ParseNameError> {
        text.parse()
    }
}

impl From<EndpointId> for String {
    fn from(id: EndpointId) -> Self {
        id.0.as_ref().into()
    }
}

/// A name that is sent in a header: an organisation, a workspace or an event.
///
/// 1 to 128 visible ASCII characters, without spaces.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct Name(Box<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        let is_valid = (1..=MAX_NAME_LEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid {
            Ok(Self(text.into()))
        } else {
            Err(ParseNameError::new(text))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, ParseNameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}

/// Text that is not a valid name. The error quotes at most 80 characters of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not a valid name: use letters, digits, `.`, `_`, `-` (and `/` between the parts of an id)"
)]
pub struct ParseNameError(String);

impl ParseNameError {
    fn new(text: &str) -> Self {
        Self(text.chars().take(80).collect())
    }
}

/// True if `text` can be one part of an id, and so one segment of a path.
///
/// Only the unreserved characters of RFC 3986 §2.3, so that there is exactly one spelling in a URL. `.` and `..` are
/// excluded.
pub(super) fn is_segment(text: &str) -> bool {
    (1..=MAX_SEGMENT_LEN).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~'))
}

const MAX_ID_LEN: usize = 512;
const MAX_NAME_LEN: usize = 128;
const MAX_SEGMENT_LEN: usize = 128;
