//! Reads values of a JSON body by their JSON Pointers (RFC 6901).
//!
//! The reader builds no tree: it passes over the body once, for all pointers together, and skips everything else. The
//! body is unauthenticated, so its size is limited, and the depth is limited by the pointer. A name that occurs twice in
//! one object makes the value ambiguous, because parsers disagree about which one counts (RFC 8259 §4).
//!
//! One extension of the RFC: `*` means every element of an array. The value must occur in each element, and be the same
//! in each. An object in place of the array makes the value unreadable: `*` never stands for a member.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{MAX_PARSED_BODY_BYTES, PlaceValue, fold};
use crate::json_pointer::JsonPointer;

/// Reads the string, number or boolean at `pointer`.
///
/// The value of a number is its text in the body: a float would not produce the signed text again.
pub(super) fn read<'b>(pointer: &JsonPointer, body: &'b [u8]) -> PlaceValue<'b> {
    let reading = read_all(&[pointer], body, false).pop();
    reading.unwrap_or(PlaceValue::Unreadable)
}

/// Reads the values at all `pointers` in one pass.
///
/// If `is_strict`, a name that folds onto a segment of a pointer makes the values below it unreadable. So does a scalar or
/// an array in place of an object. More names than [`MAX_FOLDED_NAMES`] make every value unreadable, and so do more
/// elements than [`MAX_ELEMENTS`].
pub(super) fn read_all<'b>(
    pointers: &[&JsonPointer],
    body: &'b [u8],
    is_strict: bool,
) -> Vec<PlaceValue<'b>> {
    let unreadable = || vec![PlaceValue::Unreadable; pointers.len()];
    if body.len() > MAX_PARSED_BODY_BYTES {
        return unreadable();
    }
    let mut root = Node::default();
    for (at, pointer) in pointers.iter().enumerate() {
        root.insert(pointer.segments(), at);
    }
    let mut readings = vec![Reading::Absent; pointers.len()];
    let name_count = Cell::new(0);
    let element_count = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let reader = NodeReader {
        node: &root,
        folded_names: is_strict.then_some(&name_count),
        element_count: &element_count,
        readings: &mut readings,
    };
    let result = reader.deserialize(&mut deserializer);
    if result.and_then(|()| deserializer.end()).is_err() {
        return unreadable();
    }
    let values = readings.iter().map(|reading| match reading {
        Reading::Raw(raw) => scalar(raw.get()),
        Reading::Absent => PlaceValue::Absent,
        Reading::Ambiguous => PlaceValue::Unreadable,
    });
    values.collect()
}

/// The value of a JSON text: a string without its escapes, or the text of a number or a boolean. `null` is absent.
pub(super) fn scalar(text: &str) -> PlaceValue<'_> {
    match text.as_bytes().first() {
        Some(b'n') | None => PlaceValue::Absent,
        Some(b'{' | b'[') => PlaceValue::Unreadable,
        Some(b'"') => match serde_json::from_str::<Cow<'_, str>>(text) {
            Ok(text) => PlaceValue::Value(Cow::Owned(text.into_owned().into_bytes())),
            Err(_) => PlaceValue::Unreadable,
        },
        Some(_) => PlaceValue::Value(Cow::Borrowed(text.as_bytes())),
    }
}

/// Why a value cannot be read, for `explain`.
pub(super) enum Obstacle {
    /// This name folds onto a segment of the pointer.
    FoldedName(String),
    /// The body is not JSON.
    Malformed,
    /// The value is an object or an array.
    NotScalar,
    /// A name occurs twice, or the elements of an array differ.
    Repeated,
    /// The body exceeds the limit for parsing.
    TooLarge,
    /// A value on the path is not the array or object that the pointer needs.
    WrongType,
}

impl Obstacle {
    /// The obstacle to reading the value at `pointer`; `None` if the value is readable or absent.
    pub(super) fn at(pointer: &JsonPointer, body: &[u8]) -> Option<Self> {
        if body.len() > MAX_PARSED_BODY_BYTES {
            return Some(Self::TooLarge);
        }
        let Ok(document) = serde_json::from_slice::<Value>(body) else {
            return Some(Self::Malformed);
        };
        let path = pointer.segments();
        if let Some(name) = folded_name(path, &document) {
            return Some(Self::FoldedName(name));
        }
        if has_wrong_type(path, &document) {
            return Some(Self::WrongType);
        }
        match read(pointer, body) {
            PlaceValue::Absent | PlaceValue::Value(_) => None,
            PlaceValue::Ambiguous | PlaceValue::Unreadable if is_compound(path, &document) => {
                Some(Self::NotScalar)
            }
            PlaceValue::Ambiguous | PlaceValue::Unreadable => Some(Self::Repeated),
        }
    }
}

/// The first name that folds onto a segment of `path`.
fn folded_name(path: &[Box<str>], value: &Value) -> Option<String> {
    let (segment, rest) = path.split_first()?;
    let members = value.as_object().filter(|_| **segment != *EVERY);
    let members = members.into_iter().flatten();
    let mut names = members.map(|(name, _)| name);
    if let Some(name) = names.find(|name| fold::folds_onto(name, segment)) {
        return Some(name.clone());
    }
    let mut children = children(segment, value).into_iter();
    children.find_map(|value| folded_name(rest, value))
}

/// Whether a value on `path` is neither `null` nor of the type that the next segment needs.
fn has_wrong_type(path: &[Box<str>], value: &Value) -> bool {
    let Some((segment, rest)) = path.split_first() else {
        return false;
    };
    let is_right = match value {
        Value::Null => true,
        Value::Array(_) => **segment == *EVERY || index(segment).is_some(),
        Value::Object(_) => **segment != *EVERY,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    let mut children = children(segment, value).into_iter();
    !is_right || children.any(|value| has_wrong_type(rest, value))
}

/// Whether `path` leads to an object or an array.
fn is_compound(path: &[Box<str>], value: &Value) -> bool {
    let Some((segment, rest)) = path.split_first() else {
        return value.is_object() || value.is_array();
    };
    let mut children = children(segment, value).into_iter();
    children.any(|value| is_compound(rest, value))
}

/// The children of `value` that one segment of a pointer names.
fn children<'v>(segment: &str, value: &'v Value) -> Vec<&'v Value> {
    match value {
        Value::Array(elements) if segment == EVERY => elements.iter().collect(),
        Value::Array(elements) => {
            let element = index(segment).and_then(|at| elements.get(at));
            element.into_iter().collect()
        }
        Value::Object(_) if segment == EVERY => Vec::new(),
        Value::Object(members) => members.get(segment).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The position of an element that `segment` names: digits without a leading zero (RFC 6901 §4).
fn index(segment: &str) -> Option<usize> {
    let is_index = segment == "0" || !segment.starts_with('0');
    let is_index = is_index && segment.bytes().all(|byte| byte.is_ascii_digit());
    is_index.then(|| segment.parse().ok()).flatten()
}

/// The pointers as a tree: each name of the body is compared once with each segment that is possible there.
#[derive(Default)]
struct Node<'p> {
    segment: &'p str,
    /// The positions of the pointers that end here.
    ends: Vec<usize>,
    children: Vec<Self>,
}

impl<'p> Node<'p> {
    fn insert(&mut self, path: &'p [Box<str>], pointer: usize) {
        let Some((segment, rest)) = path.split_first() else {
            self.ends.push(pointer);
            return;
        };
        let position = self
            .children
            .iter()
            .position(|node| *node.segment == **segment);
        let position = position.unwrap_or_else(|| {
            self.children.push(Self {
                segment,
                ..Self::default()
            });
            self.children.len() - 1
        });
        if let Some(node) = self.children.get_mut(position) {
            node.insert(rest, pointer);
        }
    }

    /// Whether this node stands for every element of an array.
    fn is_every(&self) -> bool {
        self.segment == EVERY
    }

    /// Sets the reading of every pointer that passes through this node.
    fn set<'de>(&self, readings: &mut [Reading<'de>], reading: Reading<'de>) {
        for at in &self.ends {
            if let Some(place) = readings.get_mut(*at) {
                *place = reading;
            }
        }
        for node in &self.children {
            node.set(readings, reading);
        }
    }

    /// Merges the readings of one more element of an array into `readings`.
    fn merge<'de>(
        &self,
        readings: &mut [Reading<'de>],
        of_element: &[Reading<'de>],
        is_first: bool,
    ) {
        for at in &self.ends {
            if let (Some(place), Some(new)) = (readings.get_mut(*at), of_element.get(*at)) {
                *place = if is_first { *new } else { place.merge(*new) };
            }
        }
        for node in &self.children {
            node.merge(readings, of_element, is_first);
        }
    }
}

/// The reading of one pointer so far.
#[derive(Clone, Copy)]
enum Reading<'de> {
    Absent,
    Raw(&'de RawValue),
    /// A name occurs twice, or the elements of an array differ.
    Ambiguous,
}

impl Reading<'_> {
    fn merge(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Absent, Self::Absent) => self,
            (Self::Raw(one), Self::Raw(two)) if one.get() == two.get() => self,
            _ => Self::Ambiguous,
        }
    }
}

/// Reads one value of the document, and the values below it that pointers name.
struct NodeReader<'p, 'r, 'de> {
    node: &'p Node<'p>,
    /// The number of names that were folded; `None` if the reader is not strict.
    folded_names: Option<&'p Cell<usize>>,
    /// The number of elements that `*` stood for.
    element_count: &'p Cell<usize>,
    readings: &'r mut [Reading<'de>],
}

impl<'p, 'de> NodeReader<'p, '_, 'de> {
    fn read_raw(self, raw: &'de RawValue) -> Result<(), serde_json::Error> {
        self.deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
    }

    fn child<'r>(&'r mut self, node: &'p Node<'p>) -> NodeReader<'p, 'r, 'de> {
        NodeReader {
            node,
            folded_names: self.folded_names,
            element_count: self.element_count,
            readings: self.readings,
        }
    }

    /// Makes the values below the children that `matches` selects unreadable.
    fn reject(&mut self, matches: impl Fn(&Node<'_>) -> bool) {
        let node = self.node;
        for child in node.children.iter().filter(|child| matches(child)) {
            child.set(self.readings, Reading::Ambiguous);
        }
    }

    /// Makes the values below a scalar unreadable. A signed value that is absent there could be another one to a backend.
    fn reject_scalar(&mut self) {
        if self.folded_names.is_some() {
            self.reject(|_| true);
        }
    }
}

impl<'de> DeserializeSeed<'de> for NodeReader<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node.ends.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        for at in &self.node.ends {
            if let Some(place) = self.readings.get_mut(*at) {
                *place = Reading::Raw(raw);
            }
        }
        if self.node.children.is_empty() {
            return Ok(());
        }
        let inner = &mut serde_json::Deserializer::from_str(raw.get());
        inner.deserialize_any(self).map_err(D::Error::custom)
    }
}

impl<'de> Visitor<'de> for NodeReader<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // One bit for each child. A child beyond the 64th uses all bits: it may count as repeated although it is not,
        // but a repetition never counts as unique.
        let mut seen: u64 = 0;
        let node = self.node;
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the path is not general enough over lifetimes"
        )]
        self.reject(|child| child.is_every());
        while let Some(name) = map.next_key_seed(NameMatcher {
            node,
            folded_names: self.folded_names,
        })? {
            let (at, is_exact) = match name {
                NameMatch::Exact(at) => (at, true),
                NameMatch::Folded(at) => (at, false),
                NameMatch::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let Some(child) = node.children.get(at) else {
                continue;
            };
            let bit = 1_u64.checked_shl(u32::try_from(at).unwrap_or(u32::MAX));
            let bit = bit.unwrap_or(u64::MAX);
            if is_exact && seen & bit == 0 {
                map.next_value_seed(self.child(child))?;
            } else {
                map.next_value::<IgnoredAny>()?;
                child.set(self.readings, Reading::Ambiguous);
            }
            seen |= bit;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let node = self.node;
        if self.folded_names.is_some() {
            self.reject(|child| !child.is_every() && index(child.segment).is_none());
        }
        let every = node.children.iter().find(|child| child.is_every());
        let single = node.children.iter();
        let single = single.filter_map(|child| Some((index(child.segment)?, child)));
        let single: Vec<(usize, &Node<'_>)> = single.collect();
        let mut of_element = vec![Reading::Absent; every.map_or(0, |_| self.readings.len())];
        for at in 0_usize.. {
            let one = single.iter().find(|(wanted, _)| *wanted == at);
            match (every, one) {
                (None, None) => {
                    if seq.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                }
                (None, Some((_, child))) => {
                    if seq.next_element_seed(self.child(child))?.is_none() {
                        break;
                    }
                }
                (Some(every), one) => {
                    every.set(&mut of_element, Reading::Absent);
                    let in_element = NodeReader {
                        node: every,
                        folded_names: self.folded_names,
                        element_count: self.element_count,
                        readings: &mut of_element,
                    };
                    if let Some((_, child)) = one {
                        let Some(raw) = seq.next_element::<&RawValue>()? else {
                            break;
                        };
                        in_element.read_raw(raw).map_err(A::Error::custom)?;
                        self.child(child).read_raw(raw).map_err(A::Error::custom)?;
                    } else if seq.next_element_seed(in_element)?.is_none() {
                        break;
                    }
                    every.merge(self.readings, &of_element, at == 0);
                    // The body is unauthenticated, and each element costs a pass over the pointers.
                    let count = self.element_count.replace(self.element_count.get() + 1);
                    if count == MAX_ELEMENTS {
                        let why = "the arrays with values have too many elements";
                        return Err(A::Error::custom(why));
                    }
                }
            }
        }
        Ok(())
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<(), E> {
        self.reject_scalar();
        Ok(())
    }

    fn visit_f64<E>(mut self, _: f64) -> Result<(), E> {
        self.reject_scalar();
        Ok(())
    }

    fn visit_i64<E>(mut self, _: i64) -> Result<(), E> {
        self.reject_scalar();
        Ok(())
    }

    fn visit_str<E>(mut self, _: &str) -> Result<(), E> {
        self.reject_scalar();
        Ok(())
    }

    fn visit_u64<E>(mut self, _: u64) -> Result<(), E> {
        self.reject_scalar();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Compares the name of a member with the children of a node, without a copy of the name.
struct NameMatcher<'p, 'n> {
    node: &'n Node<'p>,
    folded_names: Option<&'n Cell<usize>>,
}

/// The child of a node that a name belongs to, by its position.
enum NameMatch {
    Exact(usize),
    /// The name only folds onto the segment of the child.
    Folded(usize),
    Other,
}

impl<'de> DeserializeSeed<'de> for NameMatcher<'_, '_> {
    type Value = NameMatch;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NameMatch, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameMatcher<'_, '_> {
    type Value = NameMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<NameMatch, E> {
        let mut children = self.node.children.iter();
        if let Some(at) = children.position(|child| !child.is_every() && child.segment == name) {
            return Ok(NameMatch::Exact(at));
        }
        let Some(count) = self.folded_names else {
            return Ok(NameMatch::Other);
        };
        if count.replace(count.get() + 1) == MAX_FOLDED_NAMES {
            return Err(E::custom(
                "the objects with signed values have too many names",
            ));
        }
        let folded = fold::FoldedName::of(name);
        let mut children = self.node.children.iter();
        let at = children.position(|child| !child.is_every() && folded.folds_onto(child.segment));
        Ok(at.map_or(NameMatch::Other, NameMatch::Folded))
    }
}

/// The segment of a pointer that means every element of an array.
pub(super) const EVERY: &str = "*";
/// The limit of names in all objects that hold signed values. Providers send fewer.
const MAX_FOLDED_NAMES: usize = 1000;
/// The limit of elements that `*` stands for. A body of the maximum size has fewer elements of a provider's usual length.
const MAX_ELEMENTS: usize = MAX_PARSED_BODY_BYTES / 256;
