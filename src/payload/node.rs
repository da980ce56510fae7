//! Adapts [`Tree`] to the JSON traits of the validator, so that no value is copied.

use std::borrow::Cow;
use std::collections::HashSet;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::Value;

use super::json::{Decimal, Number};
use super::tree::{Member, Tree, find};

/// The tree as a JSON representation of `jsonschema`.
pub(super) struct TreeJson;

impl Json for TreeJson {
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

impl<'a> Node<'a, TreeJson> for &'a Tree<'a> {
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
                known: elements,
                unknown: 0,
            }),
            Tree::Length(len) => Some(Elements {
                known: &[],
                unknown: *len,
            }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            Tree::Text(text) => Some(Cow::Borrowed(text)),
            Tree::LossyText(text) => Some(Cow::Borrowed(text)),
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
        matches!(self, Tree::Null | Tree::Repeated)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Tree::Null | Tree::Repeated => JsonType::Null,
            Tree::Boolean(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::Text(_) | Tree::LossyText(_) | Tree::File => JsonType::String,
            Tree::Array(_) | Tree::Length(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self, expected) {
            (Tree::Number(text), Value::Number(number)) => {
                // Different numbers usually have different floats, so digits are compared last.
                text.parse().ok() == number.as_f64()
                    && Decimal::parse(text) == Decimal::parse(&number.to_string())
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
            (Tree::LossyText(text), Value::String(value)) => text == value,
            (Tree::Boolean(one), Value::Bool(other)) => one == other,
            (Tree::Null, Value::Null) => true,
            _ => false,
        }
    }

    /// Violations never contain the payload's values, so errors get none.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(*self).addr()))
    }
}

impl<'a> Object<'a, TreeJson> for &'a [Member<'a>] {
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

/// The elements of an array: the extracted ones, or a number of unknown ones.
pub(super) struct Elements<'a> {
    known: &'a [Tree<'a>],
    unknown: usize,
}

impl<'a> Array<'a, TreeJson> for Elements<'a> {
    type Node = &'a Tree<'a>;
    type ElementsIter =
        std::iter::Chain<std::slice::Iter<'a, Tree<'a>>, std::iter::RepeatN<&'a Tree<'a>>>;

    fn len(&self) -> usize {
        self.known.len() + self.unknown
    }

    fn elements(&self) -> Self::ElementsIter {
        let unknown = std::iter::repeat_n(&Tree::Null, self.unknown);
        self.known.iter().chain(unknown)
    }

    fn is_unique(&self) -> bool {
        let mut texts = HashSet::new();
        self.known.iter().all(|element| {
            let mut text = String::new();
            element.write_canonical(&mut text);
            texts.insert(text)
        })
    }
}
