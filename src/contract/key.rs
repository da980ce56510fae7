//! The key of a delivery: what of its payload tells it from deliveries about other things.

use std::fmt::Write;

use super::KeyPath;
use super::field::{Content, Field};
use super::tree::Tree;

/// A key, in the form in which a header carries it.
///
/// Visible ASCII stands for itself; `%` and everything else is percent-encoded, byte by byte. So two keys
/// are the same exactly if their texts are: the number 1 and the text "1" are one key, 1 and 1.0 are two.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ConcurrencyKey(Box<str>);

impl ConcurrencyKey {
    /// In bytes.
    pub const MAX_LEN: usize = 256;

    /// The text of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key that is `text`.
    fn of(text: &str) -> Result<Self, NoKey> {
        let mut encoded = String::with_capacity(text.len().min(Self::MAX_LEN));
        for byte in text.bytes() {
            if byte.is_ascii_graphic() && byte != b'%' {
                encoded.push(char::from(byte));
            } else {
                _ = write!(encoded, "%{byte:02X}");
            }
            if encoded.len() > Self::MAX_LEN {
                return Err(NoKey::TooLong);
            }
        }
        if encoded.is_empty() {
            return Err(NoKey::Missing);
        }
        Ok(Self(encoded.into()))
    }

    /// The key at `path`. A number is what was written, and no other spelling of the same.
    pub(super) fn of_tree(tree: &Tree<'_>, path: &KeyPath) -> Result<Self, NoKey> {
        let mut value = tree;
        for name in path.names() {
            value = value.get(name).ok_or(NoKey::Missing)?;
        }
        match value {
            Tree::Boolean(true) => Self::of("true"),
            Tree::Boolean(false) => Self::of("false"),
            Tree::Number(text) => Self::of(text),
            Tree::Text(text) => Self::of(text),
            // Half of a character is no text that two readers would agree about.
            Tree::Array(_)
            | Tree::Counted(_)
            | Tree::File
            | Tree::Marred(_)
            | Tree::Null
            | Tree::Object(_)
            | Tree::Twice => Err(NoKey::Missing),
        }
    }

    /// The key that is the one field of that name.
    pub(super) fn of_fields(fields: &[Field<'_>], path: &KeyPath) -> Result<Self, NoKey> {
        let name = path.only_name().ok_or(NoKey::Missing)?;
        let mut named = fields.iter().filter(|field| *field.name == *name);
        let (Some(field), None) = (named.next(), named.next()) else {
            return Err(NoKey::Missing);
        };
        match &field.content {
            Content::Text(text) => Self::of(text),
            Content::TooLong => Err(NoKey::TooLong),
            Content::File | Content::NotText | Content::Unread => Err(NoKey::Missing),
        }
    }
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoKey {
    Missing,
    TooLong,
}

impl NoKey {
    /// For the sender.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Missing => {
                "must be one text, number, true or false: it is the key of the delivery"
            }
            Self::TooLong => "is too long for the key of the delivery: it has at most 256 bytes",
        }
    }
}
