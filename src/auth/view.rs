//! A delivery while it is proven: its body is taken apart once, however many values are asked for.
//!
//! Where the signature covers values and not the body, the view is strict: a name that folds onto one of
//! them, or stands twice, makes the value unreadable. See [`fold`](super::fold).

use std::borrow::Cow;
use std::cell::OnceCell;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::form::{self, Field};
use super::json::{Pointer, read_all};
use super::sns::SnsMessage;
use super::{
    Covers, Head, PartialRequest, Place, PlaceValue, Scheme, Source, TimestampSource, fold, query,
};

/// What a scheme looks at.
pub(super) struct View<'a> {
    pub(super) received: PartialRequest<'a>,
    scheme: &'a Scheme,
    is_strict: bool,
    json: OnceCell<Vec<(&'a Pointer, PlaceValue<'a>)>>,
    form: OnceCell<Option<Vec<Field<'a>>>>,
    /// How the form uses the names of fields that the scheme reads.
    field_uses: OnceCell<Vec<NameUse<'a>>>,
    /// How the query uses those names and the members at the root of a JSON body.
    parameter_uses: OnceCell<Vec<NameUse<'a>>>,
    sorted: OnceCell<Option<Vec<u8>>>,
    message: OnceCell<Option<SnsMessage>>,
}

/// How the names of a form or of a query use one name that the scheme reads.
struct NameUse<'a> {
    known: &'a str,
    /// How often it stands there as it is.
    count: usize,
    /// Whether another name folds onto it.
    is_folded: bool,
}

impl<'a> NameUse<'a> {
    /// Goes through all `names` once, and folds each of them once.
    fn all<N: AsRef<str>>(known: Vec<&'a str>, names: impl Iterator<Item = N>) -> Vec<Self> {
        let known = known.into_iter().map(|known| Self {
            known,
            count: 0,
            is_folded: false,
        });
        let mut uses: Vec<Self> = known.collect();
        for name in names {
            let name = name.as_ref();
            let folded = fold::FormName::of(name);
            for it in &mut uses {
                it.count += usize::from(name == it.known);
                it.is_folded |= folded.folds_onto(it.known);
            }
        }
        uses
    }
}

/// Whoever gives the values of places.
pub(super) trait ValueReader<'a> {
    /// What stands there.
    fn at(&self, place: &Place) -> PlaceValue<'a>;
}

impl<'a> ValueReader<'a> for PartialRequest<'a> {
    fn at(&self, place: &Place) -> PlaceValue<'a> {
        place.read(self)
    }
}

impl<'a> ValueReader<'a> for View<'a> {
    fn at(&self, place: &Place) -> PlaceValue<'a> {
        match (place, self.received.body) {
            (Place::Json(pointer), Some(body)) => self.value(pointer, body),
            (Place::Form(name), Some(_)) => self.field(name),
            _ => place.read(&self.received),
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn of(scheme: &'a Scheme, received: PartialRequest<'a>) -> Self {
        let is_strict = received.body.is_some() && scheme.covers() == Covers::Fields;
        Self {
            received,
            scheme,
            is_strict,
            json: OnceCell::new(),
            form: OnceCell::new(),
            field_uses: OnceCell::new(),
            parameter_uses: OnceCell::new(),
            sorted: OnceCell::new(),
            message: OnceCell::new(),
        }
    }

    /// The view of a body that was parsed as a message of Amazon SNS before.
    pub(super) fn with_message(
        scheme: &'a Scheme,
        received: PartialRequest<'a>,
        message: Option<SnsMessage>,
    ) -> Self {
        let view = Self::of(scheme, received);
        let known = message.filter(|_| view.is_read_as_sent());
        Self {
            message: known.map_or_else(OnceCell::new, |message| OnceCell::from(Some(message))),
            ..view
        }
    }

    pub(super) fn head(&self) -> &Head<'a> {
        &self.received.head
    }

    pub(super) fn scheme(&self) -> &'a Scheme {
        self.scheme
    }

    pub(super) fn body(&self) -> Option<&'a [u8]> {
        self.received.body
    }

    /// Every field of the form that the body is, if it was sent as one.
    pub(super) fn fields(&self) -> Option<&[Field<'a>]> {
        let read = || {
            let body = self.received.body?;
            // Some readers end a field at a semicolon, too.
            let is_split_once = || self.is_read_as_sent() && !body.contains(&b';');
            let is_known = !self.is_strict || is_split_once();
            let fields = is_known.then(|| form::sent(&self.received, body));
            fields.flatten()
        };
        self.form.get_or_init(read).as_deref()
    }

    /// The same as Twilio signs them, however many spellings of the URL stand before them.
    pub(super) fn sorted_form(&self) -> Option<&[u8]> {
        let read = || self.fields().map(form::sorted);
        self.sorted.get_or_init(read).as_deref()
    }

    /// The message of Amazon SNS that the body is.
    pub(super) fn message(&self) -> Option<&SnsMessage> {
        let read = || SnsMessage::read(self.received.body.filter(|_| self.is_read_as_sent())?);
        self.message.get_or_init(read).as_ref()
    }

    /// Whether no other name and no other place says something else than a signed value: a header that
    /// folds onto the one of the value, a parameter of the query, or another place where it could stand.
    pub(super) fn is_alone(&self, source: &Source) -> bool {
        let mut found = None;
        source.places().iter().all(|place| {
            let folds = match place {
                Place::Header(name) => {
                    let mut names = self.received.head.headers.keys();
                    names.any(|other| fold::header_folds_onto(other, name))
                }
                Place::Query(name) => self.query_says(|other, at| {
                    fold::form_folds_onto(other, name) || (other == &**name && at > 0)
                }),
                Place::Body | Place::Form(_) | Place::Json(_) => false,
            };
            let agrees = match self.at(place) {
                PlaceValue::Absent => true,
                reading => *found.get_or_insert_with(|| reading.clone()) == reading,
            };
            agrees && !folds
        })
    }

    fn field(&self, name: &str) -> PlaceValue<'a> {
        let Some(fields) = self.fields() else {
            return PlaceValue::Unreadable;
        };
        if self.is_strict && (self.is_form_unclear(name, fields) || self.query_shadows(name)) {
            return PlaceValue::Ambiguous;
        }
        form::only(name, fields)
    }

    /// Whether a field stands twice, or another one could be read in its place.
    fn is_form_unclear(&self, name: &str, fields: &[Field<'a>]) -> bool {
        let names = || fields.iter().map(|(name, _)| name);
        let all = || NameUse::all(self.known_names(), names());
        let is_unclear = |it: &NameUse<'_>| it.count > 1 || it.is_folded;
        let mut uses = self.field_uses.get_or_init(all).iter();
        match uses.find(|it| it.known == name) {
            Some(known) => is_unclear(known),
            None => NameUse::all(vec![name], names()).iter().any(is_unclear),
        }
    }

    /// Whether a parameter of the query could be read in place of a value of the body: many readers look into
    /// both, and some into the query first (Servlet, Rails). So could one of more parameters than anybody reads.
    fn query_shadows(&self, name: &str) -> bool {
        let query = self.received.head.query.unwrap_or_default();
        if query::parameters(query).is_none() {
            return true;
        }
        let names = || query_names(query).map(|(name, _)| name);
        let all = || NameUse::all(self.known_names(), names());
        let is_there = |it: &NameUse<'_>| it.count > 0 || it.is_folded;
        let mut uses = self.parameter_uses.get_or_init(all).iter();
        match uses.find(|it| it.known == name) {
            Some(known) => is_there(known),
            None => NameUse::all(vec![name], names()).iter().any(is_there),
        }
    }

    /// The names of fields that the proof looks at, and of members at the root of a JSON body.
    fn known_names(&self) -> Vec<&'a str> {
        let mut known: Vec<&str> = Vec::new();
        for place in self.places() {
            let name = match place {
                Place::Form(name) => Some(&**name),
                Place::Json(pointer) => pointer.root(),
                Place::Body | Place::Header(_) | Place::Query(_) => None,
            };
            known.extend(name.filter(|name| !known.contains(name)));
        }
        known
    }

    /// Whether the name of a parameter of the query, with the number of its part between semicolons, is such a
    /// one; or whether the query has more parameters than anybody reads.
    fn query_says(&self, is_such: impl Fn(&str, usize) -> bool) -> bool {
        let query = self.received.head.query.unwrap_or_default();
        query::parameters(query).is_none() || self.query_name(is_such).is_some()
    }

    /// The first such name of a parameter of the query.
    pub(super) fn query_name(&self, is_such: impl Fn(&str, usize) -> bool) -> Option<String> {
        let query = self.received.head.query.unwrap_or_default();
        let mut names = query_names(query);
        let found = names.find(|(name, at)| is_such(name, *at));
        found.map(|(name, _)| name.into_owned())
    }

    fn value(&self, pointer: &Pointer, body: &'a [u8]) -> PlaceValue<'a> {
        let shadows = || pointer.root().is_some_and(|name| self.query_shadows(name));
        if self.is_strict && shadows() {
            return PlaceValue::Ambiguous;
        }
        let all = self.json.get_or_init(|| {
            let pointers = self.pointers();
            if self.is_strict && !self.is_read_as_sent() {
                let unreadable = pointers.into_iter().map(|it| (it, PlaceValue::Unreadable));
                return unreadable.collect();
            }
            let readings = read_all(&pointers, body, self.is_strict);
            pointers.into_iter().zip(readings).collect()
        });
        let mut known = all.iter().filter(|(known, _)| *known == pointer);
        match known.next() {
            Some((_, reading)) => reading.clone(),
            None => pointer.read(body),
        }
    }

    /// Every value of a JSON body that the proof looks at.
    fn pointers(&self) -> Vec<&'a Pointer> {
        let mut pointers: Vec<&Pointer> = Vec::new();
        for place in self.places() {
            if let Place::Json(pointer) = place
                && !pointers.contains(&pointer)
            {
                pointers.push(pointer);
            }
        }
        pointers
    }

    /// Every place that the proof looks at.
    fn places(&self) -> impl Iterator<Item = &'a Place> {
        let scheme = self.scheme;
        let time = scheme.timestamp.as_ref().map(|rule| &rule.from);
        let time = time.and_then(TimestampSource::source);
        let proofs = scheme.signatures.iter().map(|rule| &rule.from);
        let signed = scheme.signed.iter().flat_map(super::Template::sources);
        proofs.chain(signed).chain(time).flat_map(Source::places)
    }

    /// Whether whoever goes by the head reads the same bytes in the same encoding: a body that has to be unpacked
    /// first can be a form of its own.
    pub(super) fn is_read_as_sent(&self) -> bool {
        let mut encodings = self.received.head.headers.get_all(CONTENT_ENCODING).iter();
        let is_unpacked = encodings.all(|value| {
            value
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"identity")
        });
        is_unpacked && self.is_utf8()
    }

    /// Whether whoever goes by the type of the body reads it in the same encoding.
    pub(super) fn is_utf8(&self) -> bool {
        let mut types = self.received.head.headers.get_all(CONTENT_TYPE).iter();
        types.all(|value| {
            let mut parameters = value.as_bytes().split(|byte| *byte == b';').skip(1);
            parameters.all(|parameter| {
                let end = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
                let (name, value) = parameter.split_at_checked(end).unwrap_or_default();
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                let value = value.strip_suffix(b"\"").unwrap_or(value);
                !name.trim_ascii().eq_ignore_ascii_case(b"charset")
                    || [&b"utf-8"[..], b"utf8", b"us-ascii"]
                        .iter()
                        .any(|known| value.eq_ignore_ascii_case(known))
            })
        })
    }
}

/// The decoded names of the parameters of a query, each with the number of its part between semicolons.
fn query_names(query: &str) -> impl Iterator<Item = (Cow<'_, str>, usize)> {
    // Some readers end a parameter at a semicolon, too.
    query.split('&').flat_map(|parameter| {
        let parts = parameter.split(';').enumerate();
        parts.flat_map(|(at, part)| {
            // Only the name: nobody has proven anything yet, and a value may be long.
            let name = part.split('=').next().unwrap_or_default();
            form_urlencoded::parse(name.as_bytes()).map(move |(name, _)| (name, at))
        })
    })
}
