//! The places where a scheme reads one value, and their syntax in declarations.
//!
//! ```text
//! header:NAME       a header
//! headers:PREFIX*   numbered headers: PREFIX1, PREFIX2 and so on, up to the first absent one
//! query:NAME        a parameter of the query string
//! form:NAME         a field of a form body
//! json:/PATH        a value of a JSON body, by its JSON Pointer (RFC 6901)
//! body              the whole body without a final line end
//! A|B               alternatives: the first place that has a value
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::HeaderName;

use super::view::ValueReader;
use super::{PartialRequest, Place, PlaceValue, ProofError};
use crate::json_pointer::JsonPointer;

/// One place of a request, or alternatives in the order of preference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    places: Box<[Place]>,
    /// Whether the places are numbered headers: every value counts, up to the first absent one.
    numbered: bool,
}

impl Source {
    /// Reads the first place that has a value.
    pub fn read<'a>(&self, received: &PartialRequest<'a>) -> PlaceValue<'a> {
        self.read_in(received)
    }

    /// [`read`](Self::read), for a request or a view of one.
    pub(super) fn read_in<'a>(&self, reader: &impl ValueReader<'a>) -> PlaceValue<'a> {
        self.find(reader)
            .map_or(PlaceValue::Absent, |(_, reading)| reading)
    }

    /// Reads a value without which the proof fails.
    pub(super) fn required<'a>(
        &self,
        reader: &impl ValueReader<'a>,
    ) -> Result<Cow<'a, [u8]>, ProofError> {
        match self.read_in(reader) {
            PlaceValue::Absent => Err(ProofError::SignatureMissing),
            PlaceValue::Ambiguous | PlaceValue::Unreadable => Err(ProofError::SignatureMalformed),
            PlaceValue::Value(value) => Ok(value),
        }
    }

    /// The first place that has a value, and the value.
    pub(super) fn find<'s, 'a>(
        &'s self,
        reader: &impl ValueReader<'a>,
    ) -> Option<(&'s Place, PlaceValue<'a>)> {
        let readings = self.places.iter().map(|place| (place, reader.at(place)));
        let mut present = readings.filter(|(_, reading)| *reading != PlaceValue::Absent);
        present.next()
    }

    /// Passes every value to `each`. Only numbered headers have more than one.
    pub(super) fn read_each<'a>(
        &self,
        reader: &impl ValueReader<'a>,
        each: impl FnMut(PlaceValue<'a>),
    ) {
        if self.numbered {
            let readings = self.places.iter().map(|place| reader.at(place));
            readings
                .take_while(|reading| *reading != PlaceValue::Absent)
                .for_each(each);
        } else {
            self.find(reader)
                .into_iter()
                .map(|(_, reading)| reading)
                .for_each(each);
        }
    }

    /// The first place whose value counts and is ambiguous or unreadable.
    pub(super) fn unreadable_place<'a>(&self, reader: &impl ValueReader<'a>) -> Option<&Place> {
        let readings = self.places.iter().map(|place| (place, reader.at(place)));
        let mut present = readings.filter(|(_, reading)| *reading != PlaceValue::Absent);
        let is_unreadable = |(_, reading): &(&Place, PlaceValue<'_>)| {
            matches!(reading, PlaceValue::Ambiguous | PlaceValue::Unreadable)
        };
        let found = if self.numbered {
            present.find(is_unreadable)
        } else {
            present.next().filter(is_unreadable)
        };
        found.map(|(place, _)| place)
    }

    /// All places, in the order of preference.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The place where a sender puts the value.
    pub fn preferred(&self) -> Option<&Place> {
        self.places.first()
    }

    /// Whether the only place is the header `Authorization`.
    pub fn is_authorization(&self) -> bool {
        matches!(&*self.places, [Place::Header(name)] if name == http::header::AUTHORIZATION)
    }

    /// Whether `Authorization` is one of the places.
    pub(super) fn may_be_authorization(&self) -> bool {
        let is_header = |place: &Place| matches!(place, Place::Header(name) if name == http::header::AUTHORIZATION);
        self.places.iter().any(is_header)
    }

    /// Whether the whole body is one of the places.
    pub(super) fn may_be_whole_body(&self) -> bool {
        self.places.contains(&Place::Body)
    }

    /// Whether the whole body is the only place.
    pub(super) fn is_whole_body(&self) -> bool {
        matches!(&*self.places, [Place::Body])
    }

    /// Whether the only place is the member `name` of the root object of a JSON body.
    pub(super) fn is_member(&self, name: &str) -> bool {
        let is_name =
            |pointer: &JsonPointer| matches!(pointer.segments(), [only] if **only == *name);
        matches!(&*self.places, [Place::Json(pointer)] if is_name(pointer))
    }

    /// Whether a place is in one element of an array, by its position, and ignores the other elements.
    pub fn picks_element(&self) -> bool {
        let is_position = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        self.places.iter().any(|place| match place {
            Place::Json(pointer) => pointer.segments().iter().any(|it| is_position(it)),
            _ => false,
        })
    }

    /// Whether every place is in the body.
    pub fn is_wholly_in_body(&self) -> bool {
        self.places.iter().all(Place::is_in_body)
    }

    /// Whether a value of a JSON body is one of the places.
    pub(super) fn is_in_json(&self) -> bool {
        let is_it = |place: &Place| matches!(place, Place::Json(_));
        self.places.iter().any(is_it)
    }

    /// Whether a place is in the body, so that reading it requires the body.
    pub fn is_in_body(&self) -> bool {
        self.places.iter().any(Place::is_in_body)
    }
}

impl From<Place> for Source {
    fn from(place: Place) -> Self {
        Self {
            places: Box::new([place]),
            numbered: false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (true, Some(Place::Header(first))) = (self.numbered, self.places.first()) {
            let prefix = first.as_str().strip_suffix('1').unwrap_or_default();
            return write!(f, "headers:{prefix}*");
        }
        let mut separator = "";
        self.places.iter().try_for_each(|place| {
            write!(f, "{separator}{place}")?;
            separator = "|";
            Ok(())
        })
    }
}

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, ParseSourceError> {
        if let Some(pattern) = text.strip_prefix("headers:") {
            let prefix = pattern.strip_suffix('*').ok_or(ParseSourceError)?;
            let numbers = 1..=MAX_NUMBER;
            let places = numbers.map(|number| header(&format!("{prefix}{number}")));
            return Ok(Self {
                places: places.collect::<Result<_, _>>()?,
                numbered: true,
            });
        }
        Ok(Self {
            places: text.split('|').map(place).collect::<Result<_, _>>()?,
            numbered: false,
        })
    }
}

fn place(text: &str) -> Result<Place, ParseSourceError> {
    match text.split_once(':') {
        None if text == "body" => Ok(Place::Body),
        Some(("form", name)) if !name.is_empty() => Ok(Place::Form(name.into())),
        Some(("header", name)) => header(name),
        Some(("json", pointer)) if !pointer.is_empty() => pointer
            .parse()
            .map(Place::Json)
            .map_err(|_| ParseSourceError),
        Some(("query", name)) if !name.is_empty() => Ok(Place::Query(name.into())),
        _ => Err(ParseSourceError),
    }
}

fn header(name: &str) -> Result<Place, ParseSourceError> {
    HeaderName::from_str(name)
        .map(Place::Header)
        .map_err(|_| ParseSourceError)
}

/// Text that is not a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a source is `header:NAME`, `headers:PREFIX*`, `query:NAME`, `form:NAME`, `json:/POINTER` or `body`; `|` \
     separates alternatives"
)]
pub struct ParseSourceError;

/// `DocuSign` sends up to 100 numbered signatures.
const MAX_NUMBER: u8 = 100;
