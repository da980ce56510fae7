//! Finds every value of a JSON document that a pointer leads to, however many there are.
//!
//! [`read_all`](super::json::read_all) reads one value and compares repetitions. A walk passes each value to the
//! caller, once and in the order of the document.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::{EVERY, scalar};
use super::{MAX_PARSED_BODY_BYTES, PlaceValue, fold};
use crate::json_pointer::JsonPointer;

/// A walk along a pointer, in which `*` means every element of an array and no member of an object.
#[derive(Clone, Copy)]
pub(super) struct Walk<'p> {
    path: &'p [Box<str>],
    /// Whether a string on the path is parsed as JSON.
    opens_strings: bool,
}

/// The numbers of values and dead ends of a walk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct WalkResult {
    values: usize,
    /// The number of branches that end without a value.
    dead_ends: usize,
}

impl WalkResult {
    /// Whether every branch has a value, or none has.
    pub(super) const fn is_consistent(self) -> bool {
        self.values == 0 || self.dead_ends == 0
    }
}

impl<'p> Walk<'p> {
    pub(super) fn along(pointer: &'p JsonPointer) -> Self {
        Self {
            path: pointer.segments(),
            opens_strings: false,
        }
    }

    /// A walk that also parses one string on the path as JSON: some tokens carry JSON text in a claim.
    pub(super) fn through_strings(pointer: &'p JsonPointer) -> Self {
        Self {
            path: pointer.segments(),
            opens_strings: true,
        }
    }

    /// Passes every value to `show`.
    ///
    /// Returns `None` if `json` is not valid, if a name on the path occurs twice or has a sibling that folds onto it, or if
    /// an object stands in place of an array.
    pub(super) fn each(self, json: &[u8], show: &mut dyn FnMut(&str)) -> Option<WalkResult> {
        if json.len() > MAX_PARSED_BODY_BYTES {
            return None;
        }
        let mut result = WalkResult::default();
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let branch = Branch {
            walk: self,
            show,
            result: &mut result,
        };
        let done = branch.deserialize(&mut deserializer);
        done.and_then(|()| deserializer.end()).ok()?;
        Some(result)
    }
}

/// The rest of a walk below one value.
struct Branch<'p, 's> {
    walk: Walk<'p>,
    show: &'s mut dyn FnMut(&str),
    result: &'s mut WalkResult,
}

impl Branch<'_, '_> {
    fn child(&mut self) -> Branch<'_, '_> {
        Branch {
            walk: Walk {
                path: self.walk.path.get(1..).unwrap_or_default(),
                ..self.walk
            },
            show: &mut *self.show,
            result: &mut *self.result,
        }
    }

    /// Counts the value at the end of the path and shows it.
    fn end(self, raw: &RawValue) -> Result<(), serde_json::Error> {
        match scalar(raw.get()) {
            PlaceValue::Value(value) => {
                self.result.values += 1;
                (self.show)(&String::from_utf8_lossy(&value));
                Ok(())
            }
            PlaceValue::Absent => {
                self.end_without_value();
                Ok(())
            }
            PlaceValue::Ambiguous | PlaceValue::Unreadable => Err(serde_json::Error::custom(
                "the value is an object or an array",
            )),
        }
    }

    fn end_without_value(self) {
        self.result.dead_ends += 1;
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
        let segment = self.walk.path.first().map(|segment| &**segment);
        if segment == Some(EVERY) {
            return Err(A::Error::custom("an object stands in place of an array"));
        }
        let mut is_found = false;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            let is_exact = segment == Some(&*name);
            if is_exact && !is_found {
                is_found = true;
                map.next_value_seed(self.child())?;
            } else if is_exact || segment.is_some_and(|known| fold::folds_onto(&name, known)) {
                return Err(A::Error::custom("a name occurs twice"));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if !is_found {
            self.end_without_value();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        if self.walk.path.first().is_some_and(|it| **it == *EVERY) {
            while seq.next_element_seed(self.child())?.is_some() {}
        } else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            self.end_without_value();
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.end_without_value();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.end_without_value();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.end_without_value();
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if !self.walk.opens_strings {
            self.end_without_value();
            return Ok(());
        }
        // Only one level: a string that nests JSON in JSON again and again would cost a parser for each level.
        let inner = Branch {
            walk: Walk {
                opens_strings: false,
                ..self.walk
            },
            ..self
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let done = inner.deserialize(&mut deserializer);
        done.and_then(|()| deserializer.end()).map_err(E::custom)
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.end_without_value();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.end_without_value();
        Ok(())
    }
}
