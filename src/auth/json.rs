//! Values of a JSON body, by their JSON Pointers (RFC 6901).
//!
//! No tree is built: the body is walked once, along all pointers, and everything else is skipped. The
//! body comes from anybody, so its size is bounded, the depth is the pointer's, and a name that
//! stands twice in one object makes the value ambiguous: parsers disagree about which one counts
//! (RFC 8259 §4).
//!
//! One addition: `*` stands for every element of an array. The value has to be in all of them, and the
//! same in all of them.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{MAX_PARSED_BODY_BYTES, PlaceValue, fold};

/// A path into a JSON document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer(Box<[Box<str>]>);

impl Pointer {
    /// Whether it leads to this member of the document itself.
    pub(super) fn is_member(&self, name: &str) -> bool {
        matches!(&*self.0, [only] if **only == *name)
    }

    /// The member of the document that it begins with.
    pub(super) fn root(&self) -> Option<&str> {
        self.0.first().map(|name| &**name)
    }

    /// Whether it leads through one element of an array, and says nothing about the others.
    pub(super) fn picks_element(&self) -> bool {
        let is_index = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        self.0.iter().any(|name| !name.is_empty() && is_index(name))
    }

    /// Why the gate reads no value there; `None` if it does.
    pub(super) fn obstacle(&self, body: &[u8]) -> Option<Obstacle> {
        if body.len() > MAX_PARSED_BODY_BYTES {
            return Some(Obstacle::TooLarge);
        }
        let Ok(document) = serde_json::from_slice::<Value>(body) else {
            return Some(Obstacle::Malformed);
        };
        if let Some(name) = folded_name(&self.0, &document) {
            return Some(Obstacle::FoldedName(name));
        }
        match self.read(body) {
            PlaceValue::Absent | PlaceValue::Value(_) => None,
            PlaceValue::Ambiguous | PlaceValue::Unreadable if leads_to_more(&self.0, &document) => {
                Some(Obstacle::NotScalar)
            }
            PlaceValue::Ambiguous | PlaceValue::Unreadable => Some(Obstacle::Repeated),
        }
    }

    /// Reads the text, number or boolean there. A number is given as it was written: a float would
    /// not sign the same.
    pub fn read<'b>(&self, body: &'b [u8]) -> PlaceValue<'b> {
        let found = read_all(&[self], body, false).pop();
        found.unwrap_or(PlaceValue::Unreadable)
    }
}

/// What keeps a value from being read.
pub(super) enum Obstacle {
    /// This name folds onto one on the way to it.
    FoldedName(String),
    /// The body is no JSON.
    Malformed,
    /// It is an object or an array.
    NotScalar,
    /// A name stands twice, or the elements of an array differ.
    Repeated,
    /// The body is too large to be read.
    TooLarge,
}

/// What stands below `value` on the way of a pointer that goes on with `name`.
fn below<'v>(name: &str, value: &'v Value) -> Vec<&'v Value> {
    match value {
        Value::Array(elements) if name == "*" => elements.iter().collect(),
        Value::Array(elements) => {
            let element = name.parse().ok().and_then(|at: usize| elements.get(at));
            element.into_iter().collect()
        }
        Value::Object(members) => members.get(name).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn folded_name(names: &[Box<str>], value: &Value) -> Option<String> {
    let (name, rest) = names.split_first()?;
    let members = value.as_object().into_iter().flatten();
    let mut others = members.map(|(other, _)| other);
    if let Some(other) = others.find(|other| fold::folds_onto(other, name)) {
        return Some(other.clone());
    }
    let mut values = below(name, value).into_iter();
    values.find_map(|value| folded_name(rest, value))
}

fn leads_to_more(names: &[Box<str>], value: &Value) -> bool {
    let Some((name, rest)) = names.split_first() else {
        return value.is_object() || value.is_array();
    };
    let mut values = below(name, value).into_iter();
    values.any(|value| leads_to_more(rest, value))
}

/// Reads what stands at every one of `pointers`, in one pass.
///
/// Where it `is_strict`, a name that folds onto one of a pointer makes what lies below it unreadable, and more names than
/// [`MAX_FOLDED_NAMES`] make everything unreadable.
pub(super) fn read_all<'b>(
    pointers: &[&Pointer],
    body: &'b [u8],
    is_strict: bool,
) -> Vec<PlaceValue<'b>> {
    let unreadable = || vec![PlaceValue::Unreadable; pointers.len()];
    if body.len() > MAX_PARSED_BODY_BYTES {
        return unreadable();
    }
    let mut root = Node::default();
    for (at, pointer) in pointers.iter().enumerate() {
        root.insert(&pointer.0, at);
    }
    let mut found = vec![Found::Nothing; pointers.len()];
    let names = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let step = Step {
        node: &root,
        folded: is_strict.then_some(&names),
        found: &mut found,
    };
    let walked = step.deserialize(&mut deserializer);
    if walked.and_then(|()| deserializer.end()).is_err() {
        return unreadable();
    }
    let readings = found.iter().map(|found| match found {
        Found::Scalar(raw) => scalar(raw.get()),
        Found::Nothing => PlaceValue::Absent,
        Found::Twice => PlaceValue::Unreadable,
    });
    readings.collect()
}

fn scalar(text: &str) -> PlaceValue<'_> {
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

/// The pointers as a tree, so that a name is compared once with each name that is looked for there.
#[derive(Default)]
struct Node<'p> {
    name: &'p str,
    /// The pointers that end here.
    ends: Vec<usize>,
    below: Vec<Self>,
}

impl<'p> Node<'p> {
    fn insert(&mut self, names: &'p [Box<str>], at: usize) {
        let Some((name, rest)) = names.split_first() else {
            self.ends.push(at);
            return;
        };
        let known = self.below.iter().position(|node| *node.name == **name);
        let known = known.unwrap_or_else(|| {
            self.below.push(Self {
                name,
                ..Self::default()
            });
            self.below.len() - 1
        });
        if let Some(node) = self.below.get_mut(known) {
            node.insert(rest, at);
        }
    }

    /// Says the same of every pointer that leads through here.
    fn put<'de>(&self, all: &mut [Found<'de>], found: Found<'de>) {
        for at in &self.ends {
            if let Some(place) = all.get_mut(*at) {
                *place = found;
            }
        }
        for node in &self.below {
            node.put(all, found);
        }
    }

    /// Takes over what was found below here in one more element of an array.
    fn join<'de>(&self, all: &mut [Found<'de>], of_element: &[Found<'de>], is_first: bool) {
        for at in &self.ends {
            if let (Some(place), Some(new)) = (all.get_mut(*at), of_element.get(*at)) {
                *place = if is_first {
                    *new
                } else {
                    place.and_the_same(*new)
                };
            }
        }
        for node in &self.below {
            node.join(all, of_element, is_first);
        }
    }
}

#[derive(Clone, Copy)]
enum Found<'de> {
    Nothing,
    Scalar(&'de RawValue),
    Twice,
}

impl Found<'_> {
    /// What both are, as far as they are written the same.
    fn and_the_same(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Nothing, Self::Nothing) => self,
            (Self::Scalar(one), Self::Scalar(two)) if one.get() == two.get() => self,
            _ => Self::Twice,
        }
    }
}

/// What is still to be walked.
struct Step<'p, 'f, 'de> {
    node: &'p Node<'p>,
    /// How many names were folded; `None` if names need not be folded.
    folded: Option<&'p Cell<usize>>,
    found: &'f mut [Found<'de>],
}

impl<'p, 'de> Step<'p, '_, 'de> {
    fn walk(self, raw: &'de RawValue) -> Result<(), serde_json::Error> {
        self.deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
    }

    fn below<'f>(&'f mut self, node: &'p Node<'p>) -> Step<'p, 'f, 'de> {
        Step {
            node,
            folded: self.folded,
            found: self.found,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Step<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node.ends.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        for at in &self.node.ends {
            if let Some(place) = self.found.get_mut(*at) {
                *place = Found::Scalar(raw);
            }
        }
        if self.node.below.is_empty() {
            return Ok(());
        }
        let inner = &mut serde_json::Deserializer::from_str(raw.get());
        inner.deserialize_any(self).map_err(D::Error::custom)
    }
}

impl<'de> Visitor<'de> for Step<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut seen: u64 = 0;
        let node = self.node;
        while let Some(named) = map.next_key_seed(Named {
            node,
            folded: self.folded,
        })? {
            let Some((at, is_it)) = named else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let Some(child) = node.below.get(at) else {
                continue;
            };
            let bit = 1_u64.checked_shl(u32::try_from(at).unwrap_or(u32::MAX));
            let bit = bit.unwrap_or(u64::MAX);
            if is_it && seen & bit == 0 {
                map.next_value_seed(self.below(child))?;
            } else {
                map.next_value::<IgnoredAny>()?;
                child.put(self.found, Found::Twice);
            }
            seen |= bit;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let node = self.node;
        let every = node.below.iter().find(|child| child.name == "*");
        let single = node.below.iter().filter_map(|child| {
            // RFC 6901 §4: digits without a leading zero.
            let is_index = child.name == "0" || !child.name.starts_with('0');
            let index = is_index.then(|| child.name.parse::<usize>().ok());
            Some((index.flatten()?, child))
        });
        let single: Vec<(usize, &Node<'_>)> = single.collect();
        let mut of_element = vec![Found::Nothing; every.map_or(0, |_| self.found.len())];
        for index in 0_usize.. {
            let one = single.iter().find(|(wanted, _)| *wanted == index);
            match (every, one) {
                (None, None) => {
                    if seq.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                }
                (None, Some((_, child))) => {
                    if seq.next_element_seed(self.below(child))?.is_none() {
                        break;
                    }
                }
                (Some(every), one) => {
                    every.put(&mut of_element, Found::Nothing);
                    let in_element = Step {
                        node: every,
                        folded: self.folded,
                        found: &mut of_element,
                    };
                    if let Some((_, child)) = one {
                        let Some(raw) = seq.next_element::<&RawValue>()? else {
                            break;
                        };
                        in_element.walk(raw).map_err(A::Error::custom)?;
                        self.below(child).walk(raw).map_err(A::Error::custom)?;
                    } else if seq.next_element_seed(in_element)?.is_none() {
                        break;
                    }
                    every.join(self.found, &of_element, index == 0);
                }
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Which of the names that are looked for a member has, and whether it is that one or only folds onto it.
struct Named<'p, 'n> {
    node: &'n Node<'p>,
    folded: Option<&'n Cell<usize>>,
}

impl<'de> DeserializeSeed<'de> for Named<'_, '_> {
    type Value = Option<(usize, bool)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_, '_> {
    type Value = Option<(usize, bool)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let mut below = self.node.below.iter();
        if let Some(at) = below.position(|child| child.name == name) {
            return Ok(Some((at, true)));
        }
        let Some(count) = self.folded else {
            return Ok(None);
        };
        if count.replace(count.get() + 1) == MAX_FOLDED_NAMES {
            return Err(E::custom("more names than anybody sends"));
        }
        let folded = fold::FoldedName::of(name);
        let mut below = self.node.below.iter();
        let at = below.position(|child| folded.folds_onto(child.name));
        Ok(at.map(|at| (at, false)))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|name| write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")))
    }
}

impl FromStr for Pointer {
    type Err = ParsePointerError;

    fn from_str(text: &str) -> Result<Self, ParsePointerError> {
        let names = text.strip_prefix('/').ok_or(ParsePointerError)?.split('/');
        let names: Box<[Box<str>]> = names
            .map(unescaped)
            .collect::<Option<_>>()
            .ok_or(ParsePointerError)?;
        (names.len() <= MAX_DEPTH)
            .then_some(Self(names))
            .ok_or(ParsePointerError)
    }
}

/// RFC 6901 §4: `~1` first, then `~0`; a `~` of its own means nothing.
fn unescaped(name: &str) -> Option<Box<str>> {
    let escapes_well = name
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    escapes_well.then(|| name.replace("~1", "/").replace("~0", "~").into())
}

/// Text that is no JSON Pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a JSON Pointer begins with `/` and is at most 16 names deep (RFC 6901)")]
pub struct ParsePointerError;

const MAX_DEPTH: usize = 16;
/// More names than the objects have, all together, that hold signed values.
const MAX_FOLDED_NAMES: usize = 1000;

/// A walk to every value that a pointer leads to, however many there are.
///
/// Other than [`read_all`] it compares nothing: whoever asks sees each value, once, in its order.
#[derive(Clone, Copy)]
pub(super) struct Walk<'p> {
    path: &'p [Box<str>],
    /// Whether a text on the way is read as the JSON that is written in it.
    opens_texts: bool,
}

/// What a walk found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct WalkResult {
    /// How many values.
    values: usize,
    /// How many branches end before there is a value.
    lacking: usize,
}

impl<'p> Walk<'p> {
    pub(super) fn along(pointer: &'p Pointer) -> Self {
        Self {
            path: &pointer.0,
            opens_texts: false,
        }
    }

    pub(super) fn in_texts(pointer: &'p Pointer) -> Self {
        Self {
            path: &pointer.0,
            opens_texts: true,
        }
    }

    /// Shows every value; `None` if `json` is none, or some name on the way stands twice or has one beside it
    /// that folds onto it.
    pub(super) fn each(self, json: &[u8], show: &mut dyn FnMut(&str)) -> Option<WalkResult> {
        if json.len() > MAX_PARSED_BODY_BYTES {
            return None;
        }
        let mut walked = WalkResult {
            values: 0,
            lacking: 0,
        };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let branch = Branch {
            walk: self,
            show,
            walked: &mut walked,
        };
        let done = branch.deserialize(&mut deserializer);
        done.and_then(|()| deserializer.end()).ok()?;
        Some(walked)
    }

    /// Whether every branch has a value, or none has.
    pub(super) fn is_clear(walked: Option<WalkResult>) -> bool {
        walked.is_some_and(|it| it.values == 0 || it.lacking == 0)
    }
}

struct Branch<'p, 's> {
    walk: Walk<'p>,
    show: &'s mut dyn FnMut(&str),
    walked: &'s mut WalkResult,
}

impl Branch<'_, '_> {
    fn below(&mut self) -> Branch<'_, '_> {
        Branch {
            walk: Walk {
                path: self.walk.path.get(1..).unwrap_or_default(),
                ..self.walk
            },
            show: &mut *self.show,
            walked: &mut *self.walked,
        }
    }

    fn end(self, raw: &RawValue) -> Result<(), serde_json::Error> {
        match scalar(raw.get()) {
            PlaceValue::Value(value) => {
                self.walked.values += 1;
                (self.show)(&String::from_utf8_lossy(&value));
                Ok(())
            }
            PlaceValue::Absent => {
                self.walked.lacking += 1;
                Ok(())
            }
            PlaceValue::Ambiguous | PlaceValue::Unreadable => {
                Err(serde_json::Error::custom("no text and no number"))
            }
        }
    }

    fn lacks(self) {
        self.walked.lacking += 1;
    }
}

impl<'de> DeserializeSeed<'de> for Branch<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.walk.path.is_empty() {
            let raw = <&RawValue>::deserialize(deserializer)?;
            return self.end(raw).map_err(D::Error::custom);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branch<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let name = self.walk.path.first().map(|name| &**name);
        let mut is_there = false;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let is_it = name == Some(&*key);
            if is_it && !is_there {
                is_there = true;
                map.next_value_seed(self.below())?;
            } else if is_it || name.is_some_and(|name| fold::folds_onto(&key, name)) {
                return Err(A::Error::custom("a name stands twice"));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if !is_there {
            self.lacks();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        if self.walk.path.first().is_some_and(|name| **name == *"*") {
            while seq.next_element_seed(self.below())?.is_some() {}
        } else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            self.lacks();
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.lacks();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.lacks();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.lacks();
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if !self.walk.opens_texts {
            self.lacks();
            return Ok(());
        }
        // A text inside it is a text: one that holds itself again and again would cost a parser for each.
        let inner = Branch {
            walk: Walk {
                opens_texts: false,
                ..self.walk
            },
            ..self
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let done = inner.deserialize(&mut deserializer);
        done.and_then(|()| deserializer.end()).map_err(E::custom)
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.lacks();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.lacks();
        Ok(())
    }
}
