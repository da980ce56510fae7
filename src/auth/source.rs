//! Where a scheme looks for a value.
//!
//! ```text
//! header:NAME       a header
//! headers:PREFIX*   numbered headers, PREFIX1, PREFIX2 and so on, up to the first that is not there
//! query:NAME        a parameter of the query string
//! form:NAME         a field of a form in the body
//! json:/PATH        a value of a JSON body, by its JSON Pointer (RFC 6901)
//! body              the whole body, without the line end that may close it
//! A|B               the first of several that is there
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::HeaderName;

use super::view::ValueReader;
use super::{PartialRequest, Place, PlaceValue, ProofError};

/// One or several places of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    places: Box<[Place]>,
    /// Whether every place counts, as far as they are there, and not only the first that is.
    numbered: bool,
}

impl Source {
    /// The value at the first place that is there.
    pub fn read<'a>(&self, received: &PartialRequest<'a>) -> PlaceValue<'a> {
        self.read_in(received)
    }

    /// The same in whatever gives values.
    pub(super) fn read_in<'a>(&self, sight: &impl ValueReader<'a>) -> PlaceValue<'a> {
        self.found(sight)
            .map_or(PlaceValue::Absent, |(_, reading)| reading)
    }

    /// The value, which has to be there: without it nothing can be proven.
    pub(super) fn required<'a>(
        &self,
        sight: &impl ValueReader<'a>,
    ) -> Result<Cow<'a, [u8]>, ProofError> {
        match self.read_in(sight) {
            PlaceValue::Absent => Err(ProofError::SignatureMissing),
            PlaceValue::Ambiguous | PlaceValue::Unreadable => Err(ProofError::SignatureMalformed),
            PlaceValue::Value(value) => Ok(value),
        }
    }

    /// The same, with its place.
    pub(super) fn found<'s, 'a>(
        &'s self,
        sight: &impl ValueReader<'a>,
    ) -> Option<(&'s Place, PlaceValue<'a>)> {
        let readings = self.places.iter();
        let readings = readings.map(|place| (place, sight.at(place)));
        let mut there = readings.filter(|(_, reading)| *reading != PlaceValue::Absent);
        there.next()
    }

    /// Every value that there is: more than one only of numbered headers.
    pub(super) fn read_each<'a>(
        &self,
        sight: &impl ValueReader<'a>,
        each: impl FnMut(PlaceValue<'a>),
    ) {
        if self.numbered {
            let readings = self.places.iter().map(|place| sight.at(place));
            readings
                .take_while(|reading| *reading != PlaceValue::Absent)
                .for_each(each);
        } else {
            self.found(sight)
                .into_iter()
                .map(|(_, reading)| reading)
                .for_each(each);
        }
    }

    /// The place whose value is read and that holds none in one way only, if there is one.
    pub(super) fn unreadable_place<'a>(&self, sight: &impl ValueReader<'a>) -> Option<&Place> {
        let readings = self.places.iter().map(|place| (place, sight.at(place)));
        let mut there = readings.filter(|(_, reading)| *reading != PlaceValue::Absent);
        let is_unreadable = |(_, reading): &(&Place, PlaceValue<'_>)| {
            matches!(reading, PlaceValue::Ambiguous | PlaceValue::Unreadable)
        };
        let found = if self.numbered {
            there.find(is_unreadable)
        } else {
            there.next().filter(is_unreadable)
        };
        found.map(|(place, _)| place)
    }

    /// Every place that may be looked at.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Where a sender puts the value: the first place that is looked at.
    pub fn preferred(&self) -> Option<&Place> {
        self.places.first()
    }

    /// Whether this is the header that carries HTTP authentication.
    pub fn is_authorization(&self) -> bool {
        matches!(&*self.places, [Place::Header(name)] if name == http::header::AUTHORIZATION)
    }

    /// Whether that header is one of the places.
    pub(super) fn may_be_authorization(&self) -> bool {
        let is_it = |place: &Place| matches!(place, Place::Header(name) if name == http::header::AUTHORIZATION);
        self.places.iter().any(is_it)
    }

    /// Whether the body itself is one of the places.
    pub(super) fn may_be_whole_body(&self) -> bool {
        self.places.contains(&Place::Body)
    }

    /// Whether this is the body itself.
    pub(super) fn is_whole_body(&self) -> bool {
        matches!(&*self.places, [Place::Body])
    }

    /// Whether this is one member of a JSON body.
    pub(super) fn is_member(&self, name: &str) -> bool {
        matches!(&*self.places, [Place::Json(pointer)] if pointer.is_member(name))
    }

    /// Whether it is read, or may be, in one element of an array, whatever the others say.
    pub fn picks_element(&self) -> bool {
        let picks =
            |place: &Place| matches!(place, Place::Json(pointer) if pointer.picks_element());
        self.places.iter().any(picks)
    }

    /// Whether it is never read anywhere else than in the body.
    pub fn is_wholly_in_body(&self) -> bool {
        self.places.iter().all(Place::is_in_body)
    }

    /// Whether a value of a JSON body is one of the places.
    pub(super) fn is_in_json(&self) -> bool {
        let is_it = |place: &Place| matches!(place, Place::Json(_));
        self.places.iter().any(is_it)
    }

    /// Whether it can be read only when the body is there.
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
        Some(("json", pointer)) => pointer
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

/// Text that names no source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a source is written `header:NAME`, `headers:PREFIX*`, `query:NAME`, `form:NAME`, \
     `json:/POINTER` or `body`; several are separated by `|`"
)]
pub struct ParseSourceError;

/// As many as `DocuSign` numbers.
const MAX_NUMBER: u8 = 100;
