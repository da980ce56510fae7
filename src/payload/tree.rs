//! The extracted parts of a payload.

use std::borrow::Cow;
use std::fmt::Write;

use super::json::Decimal;

/// A value of a payload. It borrows the body, and has no `Debug`, so that it cannot be logged.
#[derive(Default)]
pub(super) enum Tree<'b> {
    #[default]
    Null,
    Boolean(bool),
    Number(&'b str),
    Text(Cow<'b, str>),
    /// A string with lone surrogates, each read as U+FFFD.
    LossyText(String),
    /// A file part of a form. A schema sees a string with unknown content.
    File,
    Array(Vec<Tree<'b>>),
    /// An array of which only the length is read.
    Length(usize),
    /// Members sorted by name, each name once.
    Object(Vec<Member<'b>>),
    /// A member whose name is repeated in its object: parsers disagree about which one counts.
    Repeated,
}

/// A member of an object.
pub(super) type Member<'b> = (Cow<'b, str>, Tree<'b>);

impl<'b> Tree<'b> {
    /// The member of this name; `None` for values that are not objects.
    pub(super) fn get(&self, name: &str) -> Option<&Tree<'b>> {
        match self {
            Self::Object(members) => find(members, name),
            _ => None,
        }
    }

    /// The member of this name, or the element at this position of an array.
    pub(super) fn at(&self, name: &str) -> Option<&Tree<'b>> {
        match self {
            Self::Array(elements) => elements.get(name.parse::<usize>().ok()?),
            _ => self.get(name),
        }
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Length(_))
    }

    /// The bytes of one error for every value in the tree, each with `each` bytes and the bytes of its path.
    pub(super) fn error_bytes(&self, each: usize) -> usize {
        let inner_bytes = |path_bytes: usize| each.saturating_add(path_bytes);
        let inner_total = match self {
            Self::Array(elements) => elements
                .iter()
                .map(|element| element.error_bytes(inner_bytes(POSITION_BYTES)))
                .fold(0, usize::saturating_add),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| value.error_bytes(inner_bytes(name.len())))
                .fold(0, usize::saturating_add),
            _ => 0,
        };
        each.saturating_add(inner_total)
    }

    /// Writes a text that is the same for equal values. The order of members and the spelling of numbers do not count.
    pub(super) fn write_canonical(&self, out: &mut String) {
        match self {
            Self::Null | Self::Repeated => out.push_str("null"),
            Self::Boolean(value) => _ = write!(out, "{value}"),
            Self::Number(text) => _ = write!(out, "{:?}", Decimal::parse(text)),
            Self::Text(text) => _ = write!(out, "{text:?}"),
            Self::LossyText(text) => _ = write!(out, "{text:?}"),
            Self::Length(len) => _ = write!(out, "[;{len}]"),
            Self::File => out.push_str("\"\""),
            Self::Array(elements) => {
                out.push('[');
                for element in elements {
                    element.write_canonical(out);
                    out.push(',');
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (name, value) in members {
                    _ = write!(out, "{name:?}:");
                    value.write_canonical(out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

pub(super) fn find<'t, 'b>(members: &'t [Member<'b>], name: &str) -> Option<&'t Tree<'b>> {
    let position = members.binary_search_by(|(known, _)| (**known).cmp(name));
    members.get(position.ok()?).map(|(_, value)| value)
}

/// The length of an array position in a path.
const POSITION_BYTES: usize = 8;
