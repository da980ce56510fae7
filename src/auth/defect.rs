//! Finds the value of a rejected delivery that made its proof fail, for `explain`.
//!
//! One rejection reason covers many defects. This module reads the delivery again, in the order of the verification,
//! and names the first value that stops it. It decides nothing.

use http::header::CONTENT_ENCODING;

use super::candidates::{Signatures, Tokens};
use super::claim::overlong_proof;
use super::content_type::may_be_json;
use super::json::Obstacle;
use super::sns::{self, SnsMessage};
use super::view::{View, root_member};
use super::{
    AccountPlace, Covers, Envelope, PartialRequest, Place, PlaceValue, ProofError, Scheme, SnsRule,
    Source, TimestampUnit, fold, form, query, signed,
};
use crate::json_pointer::JsonPointer;

/// The value of a delivery that made its proof fail.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "`explain` has a sentence for each")]
pub enum Defect {
    /// The signature names an algorithm that the scheme does not use.
    Algorithm,
    /// The body begins or ends with a byte that the adjacent signed value could contain.
    BodyEdge,
    /// The body is not text, and a plain digest accepts text only.
    BodyNotText,
    /// A signed value contains its separator, so that its end is ambiguous.
    Border {
        /// The token of the value.
        value: String,
        /// The separator, if there is one.
        text: Option<String>,
    },
    /// The `Content-Type` names a charset other than UTF-8.
    Charset,
    /// A claim of the token is missing or has an unexpected value.
    Claim {
        /// The name of the claim.
        name: String,
        /// Whether it is missing.
        is_missing: bool,
    },
    /// This claim of the token is not a time.
    ClaimNotTime(String),
    /// The signature does not cover this component of the request.
    Component(String),
    /// The URL of the certificate is not one of Amazon SNS in the topic's region.
    CertificateUrl,
    /// The body has a `Content-Encoding`.
    ContentEncoding,
    /// The places of one signed value contain different values.
    Contradiction(String),
    /// Some parsers treat this name as the name of a signed value.
    FoldedName {
        /// The name in the delivery.
        name: String,
        /// The place of the signed value.
        place: String,
    },
    /// The body is not a form, or not an unambiguous one.
    FormMalformed,
    /// A list of signed headers is missing, occurs twice, or has an invalid or repeated name.
    HeaderList {
        /// The place of the list.
        place: String,
        /// The text of the rejected name, if one name is the cause.
        name: Option<String>,
    },
    /// A header has another value than the scheme expects, or is missing.
    HeaderValue {
        /// The name of the header.
        name: String,
        /// The value that the scheme expects.
        expected: String,
    },
    /// The body is not valid JSON.
    JsonMalformed,
    /// A signed value is missing.
    Missing(String),
    /// The URL is signed, but the public URL is unknown.
    NoUrl,
    /// The scheme needs a form, but the `Content-Type` says otherwise.
    NotForm,
    /// The scheme reads JSON, but the `Content-Type` names another format, or two types.
    NotJson,
    /// A signed value is an object or an array.
    NotScalar(String),
    /// The signature header at this place exceeds the length limit.
    ProofTooLong(String),
    /// The query is ambiguous: parsers disagree about its parameters.
    QueryMalformed,
    /// A place has several different values, or a name occurs twice.
    Repeated(String),
    /// A query parameter could be read instead of a signed value of the body.
    ShadowedByQuery(String),
    /// This tag does not occur exactly once in the signature header.
    Tag(String),
    /// The tag of the message signature is not this one.
    TagUnexpected(String),
    /// The timestamp does not have the format that the scheme expects.
    Timestamp {
        /// The text of the timestamp.
        text: String,
        /// The format that the scheme expects.
        expected: TimestampUnit,
    },
    /// The body exceeds the limit of bytes or of names for reading single values.
    TooLargeToRead,
    /// The query exceeds the limit of parameters.
    TooManyParameters,
    /// The message belongs to a topic that is not the endpoint's.
    Topic,
    /// A value on the path to this place is not the array or object that the scheme reads.
    WrongType(String),
}

impl Defect {
    /// The value that made a delivery fail with `error`; `None` if nothing more is known.
    pub fn find(scheme: &Scheme, error: ProofError, received: PartialRequest<'_>) -> Option<Self> {
        let view = View::of(scheme, received);
        match error {
            ProofError::AccountMismatch => ambiguous_account(&view),
            ProofError::HeaderUnexpected => unexpected_header(&view),
            ProofError::SignatureMalformed => malformed_signature(&view),
            ProofError::SignatureMismatch => foreign_value(&view),
            ProofError::SignatureMissing => missing_signed_value(&view),
            ProofError::TokenMismatch => unreadable_token(&view),
            ProofError::BodyDigestMismatch
            | ProofError::TimestampFuture
            | ProofError::TimestampStale
            | ProofError::TokenMissing => None,
        }
    }

    /// Whether this defect is certainly the cause. Otherwise the delivery may follow another scheme, or may have been
    /// changed on the way.
    pub fn is_certain(&self) -> bool {
        !matches!(
            self,
            Self::JsonMalformed | Self::Missing(_) | Self::NotForm | Self::Timestamp { .. }
        )
    }

    /// Why the value at `source` cannot be read.
    pub(super) fn of_source(view: &View<'_>, source: &Source) -> Option<Self> {
        let place = source.unreadable_place(view)?;
        Some(unreadable_value(view, place))
    }

    /// Why the signed value at `source` cannot be read, or what contradicts it.
    pub(super) fn of_signed_value(view: &View<'_>, source: &Source) -> Option<Self> {
        let folded = |place: &Place| {
            let name = match place {
                Place::Header(name) => {
                    let mut names = view.head().headers.keys();
                    names
                        .find(|other| fold::header_folds_onto(other, name))
                        .map(ToString::to_string)
                }
                Place::Query(name) => {
                    view.find_query_name(|other, _| fold::form_folds_onto(other, name))
                }
                Place::Body | Place::Form(_) | Place::Json(_) => None,
            };
            name.map(|name| Self::FoldedName {
                name,
                place: place.to_string(),
            })
        };
        Self::of_source(view, source)
            .or_else(|| source.places().iter().find_map(folded))
            .or_else(|| {
                let is_contradicted = !view.is_uncontradicted(source);
                is_contradicted.then(|| Self::Contradiction(source.to_string()))
            })
    }

    /// Why the body cannot be read as a form.
    pub(super) fn of_form(view: &View<'_>) -> Option<Self> {
        if view.fields().is_some() {
            return None;
        }
        let body = view.body()?;
        Some(body_encoding_defect(view).unwrap_or_else(|| {
            if form::sent_fields(&view.received, body).is_none() && form::fields(body).is_some() {
                Self::NotForm
            } else {
                Self::FormMalformed
            }
        }))
    }
}

fn unexpected_header(view: &View<'_>) -> Option<Defect> {
    let scheme = view.scheme();
    let Some((name, expected)) = scheme.unmet_header(view.head()) else {
        return scheme.has_envelope().then_some(Defect::Algorithm);
    };
    Some(Defect::HeaderValue {
        name: name.to_string(),
        expected: String::from_utf8_lossy(expected.as_bytes()).into_owned(),
    })
}

fn malformed_signature(view: &View<'_>) -> Option<Defect> {
    let scheme = view.scheme();
    if let Some(name) = overlong_proof(scheme, view.head()) {
        return Some(Defect::ProofTooLong(format!("header:{name}")));
    }
    if scheme.has_certificate() {
        let Some(message) = view.sns_message() else {
            return json_type_defect(view).or_else(|| sns_defect(view.body()?));
        };
        if !SnsRule::has_version_of(scheme.algorithm(), message) {
            return Some(Defect::Algorithm);
        }
        if scheme.certificate_of(message).is_err() {
            return Some(Defect::CertificateUrl);
        }
    }
    if let Some(Envelope::Message(rule)) = &scheme.envelope {
        return rule.find_malformed(scheme, &view.received);
    }
    let mut sources = scheme.signatures.iter().map(|rule| &rule.from);
    if let Some(defect) = sources.find_map(|source| Defect::of_source(view, source)) {
        return Some(defect);
    }
    if scheme.covers_url() && view.head().url.is_none() {
        return Some(Defect::NoUrl);
    }
    if let Some(Envelope::Jws(jws)) = &scheme.envelope {
        return jws.find_malformed_claim(scheme, &view.received);
    }
    let signatures = Signatures::read(&scheme.signatures, scheme.algorithm(), view);
    if signatures.is_err() || scheme.signatures.iter().any(|rule| rule.groups.is_some()) {
        return None;
    }
    let is_ambiguous = view.body().is_some() && !scheme.may_sign(&view.received);
    signed::defect(scheme, view)
        .or_else(|| is_ambiguous.then_some(Defect::BodyEdge))
        .or_else(|| rejected_body(scheme, view.body()?))
}

fn rejected_body(scheme: &Scheme, body: &[u8]) -> Option<Defect> {
    scheme.check_body(body).err()?;
    let is_delimited = scheme.signed.iter().all(|one| one.is_body_delimited(body));
    Some(if is_delimited {
        Defect::BodyNotText
    } else {
        Defect::BodyEdge
    })
}

/// A mismatch that no key would resolve: a claim about another request, or a foreign topic.
fn foreign_value(view: &View<'_>) -> Option<Defect> {
    let scheme = view.scheme();
    if let Some(Envelope::Jws(jws)) = &scheme.envelope {
        return jws.find_mismatched_claim(scheme, &view.received);
    }
    let is_foreign =
        |message: &SnsMessage| scheme.certificate_of(message) == Err(ProofError::SignatureMismatch);
    let is_foreign = scheme.has_certificate() && view.sns_message().is_some_and(is_foreign);
    is_foreign.then_some(Defect::Topic)
}

/// The signed value that is missing, if a signature is present.
fn missing_signed_value(view: &View<'_>) -> Option<Defect> {
    let scheme = view.scheme();
    let is_present = |source: &Source| source.read_in(view) != PlaceValue::Absent;
    if !scheme.signatures.iter().any(|rule| is_present(&rule.from)) {
        return None;
    }
    let time = scheme
        .timestamp
        .iter()
        .filter_map(|rule| rule.from.source());
    let signed = scheme.signed.iter().flat_map(super::Template::required);
    let missing = time.chain(signed).find(|source| !is_present(source));
    missing.map(|source| Defect::Missing(source.to_string()))
}

fn unreadable_token(view: &View<'_>) -> Option<Defect> {
    let rules = &view.scheme().signatures;
    Tokens::read(rules, view).err()?;
    let mut sources = rules.iter().map(|rule| &rule.from);
    sources.find_map(|source| Defect::of_source(view, source))
}

/// Why the accounts of a delivery are ambiguous.
fn ambiguous_account(view: &View<'_>) -> Option<Defect> {
    let (rule, body) = (view.scheme().account()?, view.body()?);
    if !view.is_utf8() {
        return Some(Defect::Charset);
    }
    let fields = form::sent_fields(&view.received, body);
    let reads_json = |place: &AccountPlace| matches!(place, AccountPlace::Json(_));
    if fields.is_none() && rule.places().iter().any(reads_json) && !may_be_json(view.head().headers)
    {
        return Some(Defect::NotJson);
    }
    rule.places().iter().find_map(|place| match place {
        AccountPlace::Json(pointer) if fields.is_none() => json_defect(pointer, body),
        AccountPlace::Claim(_) | AccountPlace::Json(_) => None,
        AccountPlace::Form(name, _) => {
            let fields = fields.as_deref()?;
            folded_field(fields, name).or_else(|| repeated_field(fields, name))
        }
    })
}

/// The header that makes a backend read other bytes or characters than those that were signed.
fn body_encoding_defect(view: &View<'_>) -> Option<Defect> {
    if view.is_read_as_sent() {
        return None;
    }
    let is_packed = view.is_utf8() && view.head().headers.contains_key(CONTENT_ENCODING);
    Some(if is_packed {
        Defect::ContentEncoding
    } else {
        Defect::Charset
    })
}

/// The header that makes a backend read the body in another way than as the JSON text that was signed.
fn json_type_defect(view: &View<'_>) -> Option<Defect> {
    body_encoding_defect(view).or_else(|| (!view.is_read_as_json()).then_some(Defect::NotJson))
}

/// Why the value at `place`, which is ambiguous or unreadable, cannot be read.
fn unreadable_value(view: &View<'_>, place: &Place) -> Defect {
    let repeated = || Defect::Repeated(place.to_string());
    let is_strict = view.scheme().covers() == Covers::Fields;
    let shadowed = |name: &str| is_strict.then(|| shadowing_parameter(view, name)).flatten();
    match place {
        Place::Body | Place::Header(_) => repeated(),
        Place::Query(_) => {
            let query = view.head().query.unwrap_or_default();
            if query::parameters(query).is_none() {
                Defect::TooManyParameters
            } else {
                repeated()
            }
        }
        Place::Form(name) => {
            let folded = || folded_field(view.fields()?, name);
            let defect = Defect::of_form(view);
            let defect = defect.or_else(|| is_strict.then(folded).flatten());
            let defect = defect.or_else(|| shadowed(name));
            defect.unwrap_or_else(repeated)
        }
        Place::Json(pointer) => {
            let encoded = || is_strict.then(|| json_type_defect(view)).flatten();
            let unreadable = || json_defect(pointer, view.body()?);
            let defect = root_member(pointer).and_then(shadowed);
            let defect = defect.or_else(encoded).or_else(unreadable);
            // The value alone can be read, so the objects around it have too many names.
            defect.unwrap_or(Defect::TooLargeToRead)
        }
    }
}

/// The query parameter that a backend could read instead of the body's value with this name.
fn shadowing_parameter(view: &View<'_>, name: &str) -> Option<Defect> {
    let shadows = |other: &str, _| other == name || fold::form_folds_onto(other, name);
    view.find_query_name(shadows).map(Defect::ShadowedByQuery)
}

fn sns_defect(body: &[u8]) -> Option<Defect> {
    let mut members = sns::NAMES.iter().filter_map(|name| {
        let pointer: JsonPointer = format!("/{name}").parse().ok()?;
        json_defect(&pointer, body)
    });
    members.next().or_else(|| {
        let document: serde_json::Value = serde_json::from_slice(body).ok()?;
        let count = document.as_object()?.len();
        (count > sns::MAX_MEMBERS).then_some(Defect::TooLargeToRead)
    })
}

fn json_defect(pointer: &JsonPointer, body: &[u8]) -> Option<Defect> {
    let place = || Place::Json(pointer.clone()).to_string();
    Some(match Obstacle::at(pointer, body)? {
        Obstacle::FoldedName(name) => Defect::FoldedName {
            name,
            place: place(),
        },
        Obstacle::Malformed => Defect::JsonMalformed,
        Obstacle::NotScalar => Defect::NotScalar(place()),
        Obstacle::Repeated => Defect::Repeated(place()),
        Obstacle::TooLarge => Defect::TooLargeToRead,
        Obstacle::WrongType => Defect::WrongType(place()),
    })
}

fn folded_field(fields: &[form::Field<'_>], name: &str) -> Option<Defect> {
    let mut names = fields.iter().map(|(name, _)| name);
    let folded = names.find(|other| fold::form_folds_onto(other, name));
    folded.map(|folded| Defect::FoldedName {
        name: folded.to_string(),
        place: Place::Form(name.into()).to_string(),
    })
}

fn repeated_field(fields: &[form::Field<'_>], name: &str) -> Option<Defect> {
    let count = fields.iter().filter(|(other, _)| other == name).count();
    (count > 1).then(|| Defect::Repeated(Place::Form(name.into()).to_string()))
}
