//! Concurrency keys: the value of a payload that decides which deliveries take turns, and its path.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::field::{Content, Field};
use super::tree::Tree;
use crate::json_pointer::Escaped;

/// A concurrency key in the form of the header `X-Portal-Concurrency-Key`.
///
/// Visible ASCII is kept; `%` and every other byte is percent-encoded. Two keys are equal exactly if their texts are:
/// the number 1 and the text "1" are one key, 1 and 1.0 are two.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ConcurrencyKey(Box<str>);

impl ConcurrencyKey {
    /// The limit of the encoded key, in bytes.
    pub const MAX_LEN: usize = 256;

    /// The value of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Encodes `text` as a key.
    fn encode(text: &str) -> Result<Self, KeyError> {
        let mut encoded = String::with_capacity(text.len().min(Self::MAX_LEN));
        for byte in text.bytes() {
            if byte.is_ascii_graphic() && byte != b'%' {
                encoded.push(char::from(byte));
            } else {
                _ = write!(encoded, "%{byte:02X}");
            }
            if encoded.len() > Self::MAX_LEN {
                return Err(KeyError::TooLong);
            }
        }
        if encoded.is_empty() {
            return Err(KeyError::Missing);
        }
        Ok(Self(encoded.into()))
    }

    /// The key at `path` of a JSON payload. A number counts as it is written.
    pub(super) fn of_tree(tree: &Tree<'_>, path: &KeyPath) -> Result<Self, KeyError> {
        let mut value = tree;
        for name in path.names() {
            value = value.get(name).ok_or(KeyError::Missing)?;
        }
        match value {
            Tree::Boolean(true) => Self::encode("true"),
            Tree::Boolean(false) => Self::encode("false"),
            Tree::Number(text) => Self::encode(text),
            Tree::Text(text) => Self::encode(text),
            // Parsers disagree about a string with a lone surrogate.
            Tree::Array(_)
            | Tree::Length(_)
            | Tree::File
            | Tree::LossyText(_)
            | Tree::Null
            | Tree::Object(_)
            | Tree::Repeated => Err(KeyError::Missing),
        }
    }

    /// The key in a form: the only field of that name.
    pub(super) fn of_fields(fields: &[Field<'_>], path: &KeyPath) -> Result<Self, KeyError> {
        let name = path.only_name().ok_or(KeyError::Missing)?;
        let mut named = fields.iter().filter(|field| *field.name == *name);
        let (Some(field), None) = (named.next(), named.next()) else {
            return Err(KeyError::Missing);
        };
        match &field.content {
            Content::Text(text) => Self::encode(text),
            Content::TooLong => Err(KeyError::TooLong),
            Content::File | Content::NotText | Content::Opaque => Err(KeyError::Missing),
        }
    }
}

/// Why a payload has no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeyError {
    Missing,
    TooLong,
}

impl KeyError {
    /// The violation for the sender.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Missing => "must be one string, number or boolean: it is the concurrency key",
            Self::TooLong => "is too long for a concurrency key: at most 256 bytes",
        }
    }
}

/// A path of names from the top of a payload, such as `["pull_request", "id"]`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct KeyPath(Vec<Box<str>>);

impl KeyPath {
    /// The names from the top of the payload.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// The name of a path with one name only. Form fields have no deeper path.
    pub(super) fn only_name(&self) -> Option<&str> {
        match &*self.0 {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|name| write!(f, "/{}", Escaped(name)))
    }
}

impl TryFrom<Vec<String>> for KeyPath {
    type Error = KeyPathError;

    fn try_from(names: Vec<String>) -> Result<Self, KeyPathError> {
        let fits = |name: &String| (1..=MAX_NAME_LEN).contains(&name.len());
        if (1..=MAX_DEPTH).contains(&names.len()) && names.iter().all(fits) {
            Ok(Self(names.into_iter().map(Into::into).collect()))
        } else {
            Err(KeyPathError)
        }
    }
}

impl From<KeyPath> for Vec<String> {
    fn from(path: KeyPath) -> Self {
        path.0.into_iter().map(Into::into).collect()
    }
}

/// The path is empty, too deep, or has a name that is empty or too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a path has 1 to 16 names of 1 to 128 bytes")]
pub struct KeyPathError;

const MAX_DEPTH: usize = 16;
const MAX_NAME_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_has_few_and_short_names_and_is_written_as_a_json_pointer() {
        let many = |count: usize| vec!["a"; count];
        let longest = "a".repeat(MAX_NAME_LEN);
        let too_long = "a".repeat(MAX_NAME_LEN + 1);
        for (names, expected) in [
            (
                vec!["pull_request", "id"],
                Some("/pull_request/id".to_owned()),
            ),
            (vec!["a/b", "~", " "], Some("/a~1b/~0/ ".to_owned())),
            (many(16), Some("/a".repeat(16))),
            (vec![longest.as_str()], Some(format!("/{longest}"))),
            (many(17), None),
            (vec![too_long.as_str()], None),
            (vec![], None),
            (vec!["a", ""], None),
        ] {
            let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let path = KeyPath::try_from(owned);
            assert_eq!(path.ok().map(|it| it.to_string()), expected, "{names:?}");
        }
    }

    #[test]
    fn only_a_field_that_is_there_once_has_a_key() {
        let text = |name, value: &'static str| Field {
            name,
            content: Content::Text(value.into()),
        };
        let of = |content| Field {
            name: "a".into(),
            content,
        };
        let path = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            KeyPath::try_from(names).unwrap()
        };
        for (case, fields, names, expected) in [
            (
                "one",
                vec![text("a".into(), "1"), text("b".into(), "2")],
                &["a"][..],
                Ok("1"),
            ),
            (
                "none",
                vec![text("b".into(), "2")],
                &["a"],
                Err(KeyError::Missing),
            ),
            ("no fields", vec![], &["a"], Err(KeyError::Missing)),
            (
                "two",
                vec![text("a".into(), "1"), text("a".into(), "1")],
                &["a"],
                Err(KeyError::Missing),
            ),
            (
                "empty",
                vec![text("a".into(), "")],
                &["a"],
                Err(KeyError::Missing),
            ),
            (
                "deep path",
                vec![text("a".into(), "1")],
                &["a", "b"],
                Err(KeyError::Missing),
            ),
            (
                "file",
                vec![of(Content::File)],
                &["a"],
                Err(KeyError::Missing),
            ),
            (
                "bytes",
                vec![of(Content::NotText)],
                &["a"],
                Err(KeyError::Missing),
            ),
            (
                "long",
                vec![of(Content::TooLong)],
                &["a"],
                Err(KeyError::TooLong),
            ),
        ] {
            let key = ConcurrencyKey::of_fields(&fields, &path(names));
            let found = key.as_ref().map(ConcurrencyKey::as_str).map_err(|it| *it);
            assert_eq!(found, expected, "{case}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_a_header_value_that_stands_for_one_text(text in "\\PC{1,120}|[%a]{1,300}") {
            match ConcurrencyKey::encode(&text) {
                Ok(key) => {
                    let is_header = |b: u8| b.is_ascii_graphic();
                    prop_assert!(key.as_str().bytes().all(is_header));
                    prop_assert!(key.as_str().len() <= ConcurrencyKey::MAX_LEN);
                    let decoded = percent_decode_str(key.as_str()).decode_utf8().unwrap();
                    prop_assert_eq!(decoded, text);
                }
                Err(error) => {
                    prop_assert_eq!(error, KeyError::TooLong);
                    prop_assert!(3 * text.len() > ConcurrencyKey::MAX_LEN);
                }
            }
        }
    }
}
