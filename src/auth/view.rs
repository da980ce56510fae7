//! A delivery during its verification: the body is parsed once, however many of its values the scheme reads.
//!
//! If the signature covers values instead of the body, the view is strict. A name that occurs twice, or that folds onto
//! the name of a covered value, makes this value unreadable. See [`fold`](super::fold).

use std::borrow::Cow;
use std::cell::OnceCell;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::content_type::may_be_json;
use super::form::{self, Field};
use super::json::{read, read_all};
use super::sns::SnsMessage;
use super::{
    Covers, Head, PartialRequest, Place, PlaceValue, Scheme, Source, TimestampSource, fold, query,
};
use crate::json_pointer::JsonPointer;

/// A delivery with lazily parsed parts, each parsed at most once.
pub(super) struct View<'a> {
    pub(super) received: PartialRequest<'a>,
    scheme: &'a Scheme,
    is_strict: bool,
    json: OnceCell<Vec<(&'a JsonPointer, PlaceValue<'a>)>>,
    form: OnceCell<Option<Vec<Field<'a>>>>,
    /// How the form uses the names of the fields that the scheme reads.
    field_uses: OnceCell<Vec<NameUse<'a>>>,
    /// How the query uses these names, and the names of root members of a JSON body.
    parameter_uses: OnceCell<Vec<NameUse<'a>>>,
    sorted_form: OnceCell<Option<Vec<u8>>>,
    sns_message: OnceCell<Option<SnsMessage>>,
}

/// How a form or a query uses one name that the scheme reads.
struct NameUse<'a> {
    name: &'a str,
    /// The number of exact occurrences.
    count: usize,
    /// Whether another name folds onto it.
    is_folded: bool,
}

impl<'a> NameUse<'a> {
    /// Counts the uses of each `known` name in one pass over `names`, which folds each of them once.
    fn count<N: AsRef<str>>(known: Vec<&'a str>, names: impl Iterator<Item = N>) -> Vec<Self> {
        let known = known.into_iter().map(|name| Self {
            name,
            count: 0,
            is_folded: false,
        });
        let mut uses: Vec<Self> = known.collect();
        for name in names {
            let name = name.as_ref();
            let folded = fold::FormName::of(name);
            for it in &mut uses {
                it.count += usize::from(name == it.name);
                it.is_folded |= folded.folds_onto(it.name);
            }
        }
        uses
    }
}

/// Reads the values of places: a request directly, or a view with its cached parts.
pub(super) trait ValueReader<'a> {
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
            (Place::Json(pointer), Some(body)) => self.json_value(pointer, body),
            (Place::Form(name), Some(_)) => self.form_value(name),
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
            sorted_form: OnceCell::new(),
            sns_message: OnceCell::new(),
        }
    }

    /// The view of a body that is already parsed as a message of Amazon SNS.
    pub(super) fn with_sns_message(
        scheme: &'a Scheme,
        received: PartialRequest<'a>,
        message: Option<SnsMessage>,
    ) -> Self {
        let view = Self::of(scheme, received);
        let known = message.filter(|_| view.is_read_as_json());
        Self {
            sns_message: known.map_or_else(OnceCell::new, |message| OnceCell::from(Some(message))),
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

    /// The fields of a form body; `None` if the body was not sent as a form, or not as an unambiguous one.
    pub(super) fn fields(&self) -> Option<&[Field<'a>]> {
        let read = || {
            let body = self.received.body?;
            // Some parsers also end a field at a semicolon.
            let is_unambiguous = || self.is_read_as_sent() && !body.contains(&b';');
            let is_readable = !self.is_strict || is_unambiguous();
            let fields = is_readable.then(|| form::sent_fields(&self.received, body));
            fields.flatten()
        };
        self.form.get_or_init(read).as_deref()
    }

    /// The fields as Twilio signs them. Cached, because the message is built for each spelling of the URL.
    pub(super) fn sorted_form(&self) -> Option<&[u8]> {
        let read = || self.fields().map(form::sorted);
        self.sorted_form.get_or_init(read).as_deref()
    }

    /// The body as a message of Amazon SNS.
    pub(super) fn sns_message(&self) -> Option<&SnsMessage> {
        let read = || SnsMessage::read(self.received.body.filter(|_| self.is_read_as_json())?);
        self.sns_message.get_or_init(read).as_ref()
    }

    /// Whether nothing in the request contradicts the signed value at `source`.
    ///
    /// A header or a query parameter contradicts it if its name folds onto that of the value. So does a different value at
    /// another place of the source.
    pub(super) fn is_uncontradicted(&self, source: &Source) -> bool {
        let mut found = None;
        source.places().iter().all(|place| {
            let folds = match place {
                Place::Header(name) => {
                    let mut names = self.received.head.headers.keys();
                    names.any(|other| fold::header_folds_onto(other, name))
                }
                Place::Query(name) => self.may_query_contain(|other, at| {
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

    fn form_value(&self, name: &str) -> PlaceValue<'a> {
        let Some(fields) = self.fields() else {
            return PlaceValue::Unreadable;
        };
        if self.is_strict && (self.is_ambiguous_field(name, fields) || self.query_shadows(name)) {
            return PlaceValue::Ambiguous;
        }
        form::only_value(name, fields)
    }

    /// Whether a field occurs twice, or a parser could take another field for it.
    fn is_ambiguous_field(&self, name: &str, fields: &[Field<'a>]) -> bool {
        let names = || fields.iter().map(|(name, _)| name);
        let all = || NameUse::count(self.covered_names(), names());
        let is_ambiguous = |it: &NameUse<'_>| it.count > 1 || it.is_folded;
        let mut uses = self.field_uses.get_or_init(all).iter();
        match uses.find(|it| it.name == name) {
            Some(known) => is_ambiguous(known),
            None => NameUse::count(vec![name], names()).iter().any(is_ambiguous),
        }
    }

    /// Whether a backend could read a query parameter instead of the body's value with this name.
    ///
    /// Many frameworks merge both, and some prefer the query (Servlet, Rails). A query with too many parameters is not
    /// searched, so it may contain the name.
    fn query_shadows(&self, name: &str) -> bool {
        let query = self.received.head.query.unwrap_or_default();
        if query::parameters(query).is_none() {
            return true;
        }
        let names = || query_names(query).map(|(name, _)| name);
        let all = || NameUse::count(self.covered_names(), names());
        let is_present = |it: &NameUse<'_>| it.count > 0 || it.is_folded;
        let mut uses = self.parameter_uses.get_or_init(all).iter();
        match uses.find(|it| it.name == name) {
            Some(known) => is_present(known),
            None => NameUse::count(vec![name], names()).iter().any(is_present),
        }
    }

    /// The names of the form fields and of the root members of a JSON body that the verification reads.
    fn covered_names(&self) -> Vec<&'a str> {
        let mut known: Vec<&str> = Vec::new();
        for place in self.places() {
            let name = match place {
                Place::Form(name) => Some(&**name),
                Place::Json(pointer) => root_member(pointer),
                Place::Body | Place::Header(_) | Place::Query(_) => None,
            };
            known.extend(name.filter(|name| !known.contains(name)));
        }
        known
    }

    /// Whether `matches` accepts the name of a query parameter, or the query has too many parameters to search.
    fn may_query_contain(&self, matches: impl Fn(&str, usize) -> bool) -> bool {
        let query = self.received.head.query.unwrap_or_default();
        query::parameters(query).is_none() || self.find_query_name(matches).is_some()
    }

    /// The first name of a query parameter that `matches` accepts. The second argument of `matches` is the position of
    /// the name between semicolons.
    pub(super) fn find_query_name(&self, matches: impl Fn(&str, usize) -> bool) -> Option<String> {
        let query = self.received.head.query.unwrap_or_default();
        let mut names = query_names(query);
        let found = names.find(|(name, at)| matches(name, *at));
        found.map(|(name, _)| name.into_owned())
    }

    fn json_value(&self, pointer: &JsonPointer, body: &'a [u8]) -> PlaceValue<'a> {
        let shadows = || root_member(pointer).is_some_and(|name| self.query_shadows(name));
        if self.is_strict && shadows() {
            return PlaceValue::Ambiguous;
        }
        let all = self.json.get_or_init(|| {
            let pointers = self.pointers();
            if self.is_strict && !self.is_read_as_json() {
                let unreadable = pointers.into_iter().map(|it| (it, PlaceValue::Unreadable));
                return unreadable.collect();
            }
            let readings = read_all(&pointers, body, self.is_strict);
            pointers.into_iter().zip(readings).collect()
        });
        let mut known = all.iter().filter(|(known, _)| *known == pointer);
        match known.next() {
            Some((_, reading)) => reading.clone(),
            None => read(pointer, body),
        }
    }

    /// The pointers of all JSON values that the verification reads.
    fn pointers(&self) -> Vec<&'a JsonPointer> {
        let mut pointers: Vec<&JsonPointer> = Vec::new();
        for place in self.places() {
            if let Place::Json(pointer) = place
                && !pointers.contains(&pointer)
            {
                pointers.push(pointer);
            }
        }
        pointers
    }

    /// All places that the verification reads.
    fn places(&self) -> impl Iterator<Item = &'a Place> {
        let scheme = self.scheme;
        let time = scheme.timestamp.as_ref().map(|rule| &rule.from);
        let time = time.and_then(TimestampSource::source);
        let proofs = scheme.signatures.iter().map(|rule| &rule.from);
        let signed = scheme.signed.iter().flat_map(super::Template::sources);
        proofs.chain(signed).chain(time).flat_map(Source::places)
    }

    /// Whether the head lets every parser read the body's bytes as UTF-8 text, without unpacking them first.
    ///
    /// A packed body could be a form in its packed and in its unpacked bytes, with different fields.
    pub(super) fn is_read_as_sent(&self) -> bool {
        let mut encodings = self.received.head.headers.get_all(CONTENT_ENCODING).iter();
        let is_plain = encodings.all(|value| {
            value
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"identity")
        });
        is_plain && self.is_utf8()
    }

    /// Whether the head lets every parser read the body's bytes as JSON.
    pub(super) fn is_read_as_json(&self) -> bool {
        self.is_read_as_sent() && may_be_json(self.received.head.headers)
    }

    /// Whether the `Content-Type` declares no charset other than UTF-8 or its subset ASCII.
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

/// The first segment of a pointer: the name of a member of the root object.
pub(super) fn root_member(pointer: &JsonPointer) -> Option<&str> {
    pointer.segments().first().map(|name| &**name)
}

/// The decoded names of the parameters of a query, each with its position between semicolons.
fn query_names(query: &str) -> impl Iterator<Item = (Cow<'_, str>, usize)> {
    // Some parsers also end a parameter at a semicolon.
    query.split('&').flat_map(|parameter| {
        let parts = parameter.split(';').enumerate();
        parts.flat_map(|(at, part)| {
            // Only the name is decoded: the request is unauthenticated, and a value may be long.
            let name = part.split('=').next().unwrap_or_default();
            form_urlencoded::parse(name.as_bytes()).map(move |(name, _)| (name, at))
        })
    })
}
