//! One value of a JSON body, by its JSON Pointer (RFC 6901).
//!
//! No tree is built: the body is walked once, along the pointer, and everything else is skipped. The
//! body comes from anybody, so its size is bounded, the depth is the pointer's, and a name that
//! stands twice in one object makes the value ambiguous: parsers disagree about which one counts
//! (RFC 8259 §4).
//!
//! One addition: `*` stands for every element of an array. The value has to be in all of them, and the
//! same in all of them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{MAX_PARSED_BODY_BYTES, Reading};

/// A path into a JSON document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer(Box<[Box<str>]>);

impl Pointer {
    /// Whether it leads to this member of the document itself.
    pub(super) fn is_member(&self, name: &str) -> bool {
        matches!(&*self.0, [only] if **only == *name)
    }

    /// Whether it leads through one element of an array, and says nothing about the others.
    pub(super) fn picks_element(&self) -> bool {
        let is_index = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        self.0.iter().any(|name| !name.is_empty() && is_index(name))
    }

    /// Reads the text, number or boolean there. A number is given as it was written: a float would
    /// not sign the same.
    pub fn read<'b>(&self, body: &'b [u8]) -> Reading<'b> {
        if body.len() > MAX_PARSED_BODY_BYTES {
            return Reading::Unreadable;
        }
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let found = Step(&self.0).deserialize(&mut deserializer);
        match found.and_then(|found| deserializer.end().map(|()| found)) {
            Ok(Found::Scalar(raw)) => scalar(raw.get()),
            Ok(Found::Nothing) => Reading::Absent,
            Ok(Found::Twice) | Err(_) => Reading::Unreadable,
        }
    }
}

fn scalar(text: &str) -> Reading<'_> {
    match text.as_bytes().first() {
        Some(b'n') | None => Reading::Absent,
        Some(b'{' | b'[') => Reading::Unreadable,
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(text) => Reading::Value(Cow::Owned(text.into_bytes())),
            Err(_) => Reading::Unreadable,
        },
        Some(_) => Reading::Value(Cow::Borrowed(text.as_bytes())),
    }
}

/// What is still to be walked.
struct Step<'p>(&'p [Box<str>]);

enum Found<'de> {
    Nothing,
    Scalar(&'de RawValue),
    Twice,
}

impl Found<'_> {
    /// What both are, as far as they are written the same.
    fn and_the_same(self, other: &Self) -> Self {
        match (&self, other) {
            (Self::Nothing, Self::Nothing) => self,
            (Self::Scalar(one), Self::Scalar(two)) if one.get() == two.get() => self,
            _ => Self::Twice,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        if self.0.is_empty() {
            return serde::Deserialize::deserialize(deserializer).map(Found::Scalar);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let Some((name, rest)) = self.0.split_first() else {
            return Ok(Found::Nothing);
        };
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(IsNamed(name))? {
            if !is_it {
                map.next_value::<IgnoredAny>()?;
            } else if found.is_none() {
                found = Some(map.next_value_seed(Step(rest))?);
            } else {
                map.next_value::<IgnoredAny>()?;
                found = Some(Found::Twice);
            }
        }
        Ok(found.unwrap_or(Found::Nothing))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found<'de>, A::Error> {
        let Some((name, rest)) = self.0.split_first() else {
            return Ok(Found::Nothing);
        };
        if **name == *"*" {
            let mut all: Option<Found<'de>> = None;
            while let Some(found) = seq.next_element_seed(Step(rest))? {
                all = Some(match all {
                    None => found,
                    Some(before) => before.and_the_same(&found),
                });
            }
            return Ok(all.unwrap_or(Found::Nothing));
        }
        // RFC 6901 §4: digits without a leading zero.
        let wanted = (**name == *"0" || !name.starts_with('0'))
            .then(|| name.parse::<usize>().ok())
            .flatten();
        let mut found = Found::Nothing;
        for index in 0.. {
            if Some(index) == wanted {
                match seq.next_element_seed(Step(rest))? {
                    Some(element) => found = element,
                    None => break,
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found<'de>, E> {
        Ok(Found::Nothing)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found<'de>, E> {
        Ok(Found::Nothing)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found<'de>, E> {
        Ok(Found::Nothing)
    }

    fn visit_str<E>(self, _: &str) -> Result<Found<'de>, E> {
        Ok(Found::Nothing)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found<'de>, E> {
        Ok(Found::Nothing)
    }

    fn visit_unit<E>(self) -> Result<Found<'de>, E> {
        Ok(Found::Nothing)
    }
}

/// Whether the name of a member is this one.
struct IsNamed<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsNamed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsNamed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
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
    type Err = NotAPointer;

    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        let names = text.strip_prefix('/').ok_or(NotAPointer)?.split('/');
        let names: Box<[Box<str>]> = names
            .map(unescaped)
            .collect::<Option<_>>()
            .ok_or(NotAPointer)?;
        (names.len() <= MAX_DEPTH)
            .then_some(Self(names))
            .ok_or(NotAPointer)
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
pub struct NotAPointer;

const MAX_DEPTH: usize = 16;
