//! What was taken of a payload: the part that a contract looks at.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::Value;

use super::json::{Decimal, Number};

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
    fn write_canonical(&self, out: &mut String) {
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

fn find<'t, 'b>(members: &'t [Member<'b>], name: &str) -> Option<&'t Tree<'b>> {
    let position = members.binary_search_by(|(known, _)| (**known).cmp(name));
    members.get(position.ok()?).map(|(_, value)| value)
}

/// Such a tree, as the validator knows it.
pub(super) struct OfTree;

impl Json for OfTree {
    type Node<'a> = &'a Tree<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = Tree<'static>;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(
        buffer: &mut Tree<'static>,
        string: &str,
        f: impl for<'a> FnOnce(&'a Tree<'a>) -> T,
    ) -> T {
        *buffer = Tree::Text(Cow::Owned(string.to_owned()));
        f(buffer)
    }
}

impl<'a> Node<'a, OfTree> for &'a Tree<'a> {
    type Object = &'a [Member<'a>];
    type Array = Elements<'a>;
    type Number = Number<'a>;

    fn as_object(&self) -> Option<Self::Object> {
        match self {
            Tree::Object(members) => Some(members),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Self::Array> {
        match self {
            Tree::Array(elements) => Some(Elements {
                taken: elements,
                counted: 0,
            }),
            Tree::Counted(len) => Some(Elements {
                taken: &[],
                counted: *len,
            }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            Tree::Text(text) => Some(Cow::Borrowed(text)),
            Tree::Marred(text) => Some(Cow::Borrowed(text)),
            Tree::File => Some(Cow::Borrowed("")),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<Number<'a>> {
        match self {
            Tree::Number(text) => Some(Number(text)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self {
            Tree::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Tree::Null | Tree::Twice)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Tree::Null | Tree::Twice => JsonType::Null,
            Tree::Boolean(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::Text(_) | Tree::Marred(_) | Tree::File => JsonType::String,
            Tree::Array(_) | Tree::Counted(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self, expected) {
            (Tree::Number(text), Value::Number(number)) => {
                // Most are told apart by their nearest floats, without a look at each digit.
                text.parse().ok() == number.as_f64()
                    && Decimal::of(text) == Decimal::of(&number.to_string())
            }
            (Tree::Array(elements), Value::Array(values)) => {
                let mut pairs = elements.iter().zip(values);
                elements.len() == values.len()
                    && pairs.all(|(element, value)| element.equals_value(value))
            }
            (Tree::Object(members), Value::Object(values)) => {
                let is_equal = |(name, value): (&String, &Value)| {
                    find(members, name).is_some_and(|member| member.equals_value(value))
                };
                members.len() == values.len() && values.iter().all(is_equal)
            }
            (Tree::Text(text), Value::String(value)) => text == value,
            (Tree::Marred(text), Value::String(value)) => text == value,
            (Tree::Boolean(one), Value::Bool(other)) => one == other,
            (Tree::Null, Value::Null) => true,
            _ => false,
        }
    }

    /// What is wrong is told without the value, so no error gets to see one.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(*self).addr()))
    }
}

impl<'a> Object<'a, OfTree> for &'a [Member<'a>] {
    type Node = &'a Tree<'a>;
    type MemberName = &'a str;
    type MembersIter = std::iter::Map<
        std::slice::Iter<'a, Member<'a>>,
        fn(&'a Member<'a>) -> (&'a str, &'a Tree<'a>),
    >;

    fn len(&self) -> usize {
        <[Member<'a>]>::len(self)
    }

    fn get(&self, key: &Box<str>) -> Option<&'a Tree<'a>> {
        find(self, key)
    }

    fn members(&self) -> Self::MembersIter {
        self.iter().map(|(name, value)| (name, value))
    }
}

/// The elements of an array: those that were taken, or so many of which nothing is known.
pub(super) struct Elements<'a> {
    taken: &'a [Tree<'a>],
    counted: usize,
}

impl<'a> Array<'a, OfTree> for Elements<'a> {
    type Node = &'a Tree<'a>;
    type ElementsIter =
        std::iter::Chain<std::slice::Iter<'a, Tree<'a>>, std::iter::RepeatN<&'a Tree<'a>>>;

    fn len(&self) -> usize {
        self.taken.len() + self.counted
    }

    fn elements(&self) -> Self::ElementsIter {
        let counted = std::iter::repeat_n(&Tree::Null, self.counted);
        self.taken.iter().chain(counted)
    }

    fn is_unique(&self) -> bool {
        let mut known = HashSet::new();
        self.taken.iter().all(|element| {
            let mut text = String::new();
            element.write_canonical(&mut text);
            known.insert(text)
        })
    }
}

/// A position in an array, in a path.
const POSITION_BYTES: usize = 8;
