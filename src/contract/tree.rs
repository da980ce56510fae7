//! What was taken of a payload: the part that a contract looks at.

use std::borrow::Cow;
use std::fmt::Write;

use super::json::Decimal;

/// A value of a payload. It borrows the body, and cannot be printed.
#[derive(Default)]
pub(super) enum Tree<'b> {
    #[default]
    Null,
    Boolean(bool),
    Number(&'b str),
    Text(Cow<'b, str>),
    /// A text with halves of characters, each of which was read as U+FFFD.
    Marred(String),
    /// A part of a form that is a file. To a schema it is a string, of which nothing is known.
    File,
    Array(Vec<Tree<'b>>),
    /// An array of which only the length is looked at.
    Counted(usize),
    /// By name, each once.
    Object(Vec<Member<'b>>),
    /// A member whose name stands twice in its object: parsers disagree about which one counts.
    Twice,
}

/// A member of an object.
pub(super) type Member<'b> = (Cow<'b, str>, Tree<'b>);

impl<'b> Tree<'b> {
    /// The member of this name, if it is an object that has one.
    pub(super) fn get(&self, name: &str) -> Option<&Tree<'b>> {
        match self {
            Self::Object(members) => find(members, name),
            _ => None,
        }
    }

    /// The member of this name, or the element at this position.
    pub(super) fn at(&self, name: &str) -> Option<&Tree<'b>> {
        match self {
            Self::Array(elements) => elements.get(name.parse::<usize>().ok()?),
            _ => self.get(name),
        }
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Counted(_))
    }

    /// How many bytes the paths of all values in it have together, with `each` for every value.
    pub(super) fn weigh(&self, each: usize) -> usize {
        let inner = |path_bytes: usize| each.saturating_add(path_bytes);
        let of_inner = match self {
            Self::Array(elements) => elements
                .iter()
                .map(|element| element.weigh(inner(POSITION_BYTES)))
                .fold(0, usize::saturating_add),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| value.weigh(inner(name.len())))
                .fold(0, usize::saturating_add),
            _ => 0,
        };
        each.saturating_add(of_inner)
    }

    /// One text for all values that are equal, whatever the order of members and the spelling of numbers.
    pub(super) fn write_canonical(&self, out: &mut String) {
        match self {
            Self::Null | Self::Twice => out.push_str("null"),
            Self::Boolean(value) => _ = write!(out, "{value}"),
            Self::Number(text) => _ = write!(out, "{:?}", Decimal::of(text)),
            Self::Text(text) => _ = write!(out, "{text:?}"),
            Self::Marred(text) => _ = write!(out, "{text:?}"),
            Self::Counted(len) => _ = write!(out, "[;{len}]"),
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

/// A position in an array, in a path.
const POSITION_BYTES: usize = 8;
