//! The key of a delivery: what of its payload tells it from deliveries about other things.

use std::fmt::Write;

use super::KeyPath;
use super::field::{Content, Field};
use super::tree::Tree;

/// A key, in the form in which a header carries it.
///
/// Visible ASCII stands for itself; `%` and everything else is percent-encoded, byte by byte. So two keys
/// are the same exactly if what was sent is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ConcurrencyKey(Box<str>);

impl ConcurrencyKey {
    /// In bytes.
    pub const MAX_LEN: usize = 256;

    /// The text of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key that is `text`; `None` if there is nothing in it, or too much.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut encoded = String::with_capacity(text.len().min(Self::MAX_LEN));
        for byte in text.bytes() {
            if byte.is_ascii_graphic() && byte != b'%' {
                encoded.push(char::from(byte));
            } else {
                _ = write!(encoded, "%{byte:02X}");
            }
            if encoded.len() > Self::MAX_LEN {
                return None;
            }
        }
        (!encoded.is_empty()).then(|| Self(encoded.into()))
    }

    /// The key at `path`. A number is what was written, and no other spelling of the same.
    pub(super) fn of_tree(tree: &Tree<'_>, path: &KeyPath) -> Option<Self> {
        let mut value = tree;
        for name in path.names() {
            value = value.get(name)?;
        }
        match value {
            Tree::Boolean(true) => Self::of("true"),
            Tree::Boolean(false) => Self::of("false"),
            Tree::Number(text) => Self::of(text),
            Tree::Text(text) => Self::of(text),
            Tree::Array(_) | Tree::File | Tree::Null | Tree::Object(_) | Tree::Twice => None,
        }
    }

    /// The key that is the one field of that name.
    pub(super) fn of_fields(fields: &[Field<'_>], path: &KeyPath) -> Option<Self> {
        let name = path.only_name()?;
        let mut named = fields.iter().filter(|field| *field.name == *name);
        let (Some(field), None) = (named.next(), named.next()) else {
            return None;
        };
        match &field.content {
            Content::Text(text) => Self::of(text),
            Content::File | Content::NotText | Content::TooLong => None,
        }
    }
}
