//! One field of a JSON document, read without keeping the rest of it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The way to a field through objects, such as `/payload/token` (RFC 6901).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer(Box<[Box<str>]>);

impl FromStr for Pointer {
    type Err = UnknownPointer;

    fn from_str(text: &str) -> Result<Self, UnknownPointer> {
        let names = text.strip_prefix('/').ok_or(UnknownPointer)?;
        let names: Box<[Box<str>]> = names.split('/').map(Into::into).collect();
        let plain = |name: &str| !name.is_empty() && !name.contains('~');
        if names.iter().all(|name| plain(name)) {
            Ok(Self(names))
        } else {
            Err(UnknownPointer)
        }
    }
}

/// Text that is no pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a pointer is written `/name`, or `/name/name`")]
pub struct UnknownPointer;

/// What stands at a pointer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Field<'b> {
    /// Nothing, in a document that could have it.
    Absent,
    /// A whole number.
    Number(i64),
    /// Something that no handshake asks for.
    Other,
    /// A string.
    Text(Cow<'b, str>),
    /// A name on the way is there twice, or the way leads through what is no object, or this is no JSON.
    Unclear,
}

/// Reads the field of `document` at `pointer`. With `alone`, no object on the way may have another one.
///
/// A document in which a name of the way is there twice has no such field: another reader could take
/// the other one.
pub fn field<'b>(document: &'b [u8], pointer: &Pointer, alone: bool) -> Field<'b> {
    let mut reader = serde_json::Deserializer::from_slice(document);
    let way = Way {
        names: &pointer.0,
        alone,
    };
    match way.deserialize(&mut reader) {
        Ok(field) if reader.end().is_ok() => field,
        _ => Field::Unclear,
    }
}

#[derive(Clone, Copy)]
struct Way<'p> {
    names: &'p [Box<str>],
    alone: bool,
}

impl<'b> Way<'_> {
    fn ends_at(self, field: Field<'b>) -> Field<'b> {
        if self.names.is_empty() {
            field
        } else {
            Field::Unclear
        }
    }
}

impl<'b> DeserializeSeed<'b> for Way<'_> {
    type Value = Field<'b>;

    fn deserialize<D: Deserializer<'b>>(self, value: D) -> Result<Field<'b>, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Way<'_> {
    type Value = Field<'b>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut members: A) -> Result<Field<'b>, A::Error> {
        let (next, rest) = match self.names.split_first() {
            Some((next, rest)) => (Some(&**next), rest),
            None => (None, self.names),
        };
        let (mut found, mut others, mut twice) = (None, false, false);
        while let Some(is_next) = members.next_key_seed(NameIs(next))? {
            if is_next {
                let way = Way {
                    names: rest,
                    ..self
                };
                twice |= found.replace(members.next_value_seed(way)?).is_some();
            } else {
                others = true;
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(match found {
            _ if next.is_none() => Field::Other,
            _ if twice || self.alone && others => Field::Unclear,
            Some(field) => field,
            None => Field::Absent,
        })
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<Field<'b>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.ends_at(Field::Other))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'b str) -> Result<Field<'b>, E> {
        Ok(self.ends_at(Field::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field<'b>, E> {
        Ok(self.ends_at(Field::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Field<'b>, E> {
        Ok(self.ends_at(Field::Number(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Field<'b>, E> {
        Ok(self.ends_at(i64::try_from(number).map_or(Field::Other, Field::Number)))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Field<'b>, E> {
        Ok(self.ends_at(Field::Other))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Field<'b>, E> {
        Ok(self.ends_at(Field::Other))
    }

    fn visit_unit<E: Error>(self) -> Result<Field<'b>, E> {
        Ok(self.ends_at(Field::Other))
    }
}

/// Whether the name of a member is the one that is looked for.
struct NameIs<'p>(Option<&'p str>);

impl<'b> DeserializeSeed<'b> for NameIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'b>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIs<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}
