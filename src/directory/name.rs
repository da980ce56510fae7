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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_id_has_segments_with_one_spelling_in_a_path() {
        let segments = |lengths: &[usize]| {
            let segments: Vec<String> = lengths.iter().map(|len| "a".repeat(*len)).collect();
            segments.join("/")
        };
        for (text, is_valid) in [
            ("a".to_owned(), true),
            ("workflows/pr-bot".to_owned(), true),
            ("A.b_c-d~9/0".to_owned(), true),
            ("a..".to_owned(), true),
            (segments(&[128]), true),
            (segments(&[128, 127, 127, 127]), true),
            (segments(&[129]), false),
            (segments(&[128, 128, 127, 127]), false),
            (String::new(), false),
            ("/a".to_owned(), false),
            ("a/".to_owned(), false),
            ("a//b".to_owned(), false),
            (".".to_owned(), false),
            ("..".to_owned(), false),
            ("a/../b".to_owned(), false),
            ("a/.hidden".to_owned(), false),
            ("a b".to_owned(), false),
            ("a%2eb".to_owned(), false),
            ("a:b".to_owned(), false),
            ("a\0b".to_owned(), false),
            ("ü".to_owned(), false),
        ] {
            assert_eq!(text.parse::<EndpointId>().is_ok(), is_valid, "{text}");
        }
    }

    #[test]
    fn a_name_has_visible_ascii_characters_that_a_header_can_carry() {
        let longest = "a".repeat(128);
        let too_long = "a".repeat(129);
        for (text, is_valid) in [
            ("acme", true),
            ("!~:/{}\"", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            ("a b", false),
            ("a\t", false),
            ("a\r\nb", false),
            ("a\x7f", false),
            ("é", false),
        ] {
            assert_eq!(text.parse::<Name>().is_ok(), is_valid, "{text:?}");
        }
    }

    #[test]
    fn an_error_quotes_at_most_80_characters_of_the_text() {
        let error = "ü".repeat(500).parse::<Name>().unwrap_err();
        assert_eq!(error.to_string().matches('ü').count(), 80);
    }
}
