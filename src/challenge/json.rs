//! Reads one field of a JSON document in one pass, without a tree of the rest.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json_pointer::JsonPointer;

/// The value at a pointer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JsonField<'b> {
    /// The object exists and has no such member.
    Absent,
    /// An integer that fits in 64 bits with a sign.
    Number(i64),
    /// A value of a type that no challenge uses.
    Other,
    /// A string, without its escapes.
    Text(Cow<'b, str>),
    /// Not JSON, a repeated name on the path, or a path through a value that is not an object.
    Unclear,
}

/// Reads the field of `document` at `pointer`. With `alone`, no object on the path may have another member.
///
/// The pointer leads through objects only: a segment never names an element of an array. A repeated name on the path makes
/// the field unclear, because another parser could choose the other member.
pub fn field<'b>(document: &'b [u8], pointer: &JsonPointer, alone: bool) -> JsonField<'b> {
    let mut reader = serde_json::Deserializer::from_slice(document);
    let path = PathVisitor {
        names: pointer.segments(),
        alone,
    };
    match path.deserialize(&mut reader) {
        Ok(field) if reader.end().is_ok() => field,
        _ => JsonField::Unclear,
    }
}

#[derive(Clone, Copy)]
struct PathVisitor<'p> {
    names: &'p [Box<str>],
    alone: bool,
}

impl<'b> PathVisitor<'_> {
    fn at_end(self, field: JsonField<'b>) -> JsonField<'b> {
        if self.names.is_empty() {
            field
        } else {
            JsonField::Unclear
        }
    }
}

impl<'b> DeserializeSeed<'b> for PathVisitor<'_> {
    type Value = JsonField<'b>;

    fn deserialize<D: Deserializer<'b>>(self, value: D) -> Result<JsonField<'b>, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for PathVisitor<'_> {
    type Value = JsonField<'b>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut members: A) -> Result<JsonField<'b>, A::Error> {
        let (next, rest) = match self.names.split_first() {
            Some((next, rest)) => (Some(&**next), rest),
            None => (None, self.names),
        };
        let (mut found, mut has_others, mut is_repeated) = (None, false, false);
        while let Some(is_next) = members.next_key_seed(NameMatcher(next))? {
            if is_next {
                let path = PathVisitor {
                    names: rest,
                    ..self
                };
                is_repeated |= found.replace(members.next_value_seed(path)?).is_some();
            } else {
                has_others = true;
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(match found {
            _ if next.is_none() => JsonField::Other,
            _ if is_repeated || self.alone && has_others => JsonField::Unclear,
            Some(field) => field,
            None => JsonField::Absent,
        })
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<JsonField<'b>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.at_end(JsonField::Other))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'b str) -> Result<JsonField<'b>, E> {
        Ok(self.at_end(JsonField::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<JsonField<'b>, E> {
        Ok(self.at_end(JsonField::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<JsonField<'b>, E> {
        Ok(self.at_end(JsonField::Number(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<JsonField<'b>, E> {
        Ok(self.at_end(i64::try_from(number).map_or(JsonField::Other, JsonField::Number)))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<JsonField<'b>, E> {
        Ok(self.at_end(JsonField::Other))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<JsonField<'b>, E> {
        Ok(self.at_end(JsonField::Other))
    }

    fn visit_unit<E: Error>(self) -> Result<JsonField<'b>, E> {
        Ok(self.at_end(JsonField::Other))
    }
}

/// Compares a member name with the next one of the path, without keeping it.
struct NameMatcher<'p>(Option<&'p str>);

impl<'b> DeserializeSeed<'b> for NameMatcher<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'b>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for NameMatcher<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}
