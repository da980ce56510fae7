//! Finds the value of a rejected delivery that made its proof fail, for `explain`.
//!
//! One rejection reason covers many defects. This module reads the delivery again, in the order of the verification,
//! and names the first value that stops it. It decides nothing.

use http::header::CONTENT_ENCODING;

use super::candidates::{Signatures, Tokens};
use super::claim::overlong_proof;
use super::json::Obstacle;
use super::sns::{self, SnsMessage};
use super::view::View;
use super::{
    AccountPlace, Covers, Envelope, PartialRequest, Place, PlaceValue, Pointer, ProofError, Scheme,
    SnsRule, Source, TimestampUnit, fold, form, query, signed,
};

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
    /// This claim of the token is no time.
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
    /// A list of signed headers is missing, is there twice, or names a header that it cannot name.
    HeaderList {
        /// The place of the list.
        place: String,
        /// The name as it is listed, if it is one name.
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
    /// A signed value is an object or an array.
    NotScalar(String),
    /// The signature header at this place exceeds the length limit.
    ProofTooLong(String),
    /// The query cannot be read in one way only.
    QueryMalformed,
    /// A place holds several values that differ, or a name twice.
    Repeated(String),
    /// A query parameter could be read instead of a signed value of the body.
    ShadowedByQuery(String),
    /// This tag does not occur exactly once in the signature header.
    Tag(String),
    /// The tag of the message signature is not this one.
    TagUnexpected(String),
    /// The time of the signature is written in another form than the scheme expects.
    Timestamp {
        /// The text of the timestamp.
        text: String,
        /// The expected format.
        expected: TimestampUnit,
    },
    /// The body is larger than the gate reads values from, or has more names.
    TooLargeToRead,
    /// The query exceeds the limit of parameters.
    TooManyParameters,
    /// The message belongs to a topic that is not the endpoint's.
    Topic,
}

impl Defect {
    /// Whether this defect is the cause for certain. Otherwise the delivery may follow another scheme, or may have been
    /// changed on the way.
    pub fn is_certain(&self) -> bool {
        !matches!(
            self,
            Self::JsonMalformed | Self::Missing(_) | Self::NotForm | Self::Timestamp { .. }
        )
    }
}

impl Scheme {
    /// The value that made a delivery fail with `error`; `None` if nothing more is known.
    pub fn defect(&self, error: ProofError, received: PartialRequest<'_>) -> Option<Defect> {
        let view = View::of(self, received);
        match error {
            ProofError::AccountMismatch => self.account_defect(&view),
            ProofError::HeaderUnexpected => self.unexpected_header(&view),
            ProofError::SignatureMalformed => self.malformed(&view),
            ProofError::SignatureMismatch => self.disagreement(&view),
            ProofError::SignatureMissing => self.missing(&view),
            ProofError::TokenMismatch => self.unreadable_token(&view),
            ProofError::BodyDigestMismatch
            | ProofError::TimestampFuture
            | ProofError::TimestampStale
            | ProofError::TokenMissing => None,
        }
    }

    fn unexpected_header(&self, view: &View<'_>) -> Option<Defect> {
        let Some((name, expected)) = self.unmet_header(view.head()) else {
            return self.has_envelope().then_some(Defect::Algorithm);
        };
        Some(Defect::HeaderValue {
            name: name.to_string(),
            expected: String::from_utf8_lossy(expected.as_bytes()).into_owned(),
        })
    }

    fn malformed(&self, view: &View<'_>) -> Option<Defect> {
        if let Some(name) = overlong_proof(self, view.head()) {
            return Some(Defect::ProofTooLong(format!("header:{name}")));
        }
        if self.has_certificate() {
            let Some(message) = view.message() else {
                return view.packing_defect().or_else(|| sns_defect(view.body()?));
            };
            if !SnsRule::is_of_version(self.algorithm(), message) {
                return Some(Defect::Algorithm);
            }
            if self.certificate_of(message).is_err() {
                return Some(Defect::CertificateUrl);
            }
        }
        if let Some(Envelope::Message(rule)) = &self.envelope {
            return rule.malformed(self, &view.received);
        }
        let mut sources = self.signatures.iter().map(|rule| &rule.from);
        if let Some(defect) = sources.find_map(|source| view.source_defect(source)) {
            return Some(defect);
        }
        if self.covers_url() && view.head().url.is_none() {
            return Some(Defect::NoUrl);
        }
        if let Some(Envelope::Jws(jws)) = &self.envelope {
            return jws.malformed(self, &view.received);
        }
        let offered = Signatures::read(&self.signatures, self.algorithm(), view);
        if offered.is_err() || self.signatures.iter().any(|rule| rule.groups.is_some()) {
            return None;
        }
        let ambiguous = view.body().is_some() && !self.may_sign(&view.received);
        signed::defect(self, view)
            .or_else(|| ambiguous.then_some(Defect::BodyEdge))
            .or_else(|| self.body_defect(view.body()?))
    }

    fn body_defect(&self, body: &[u8]) -> Option<Defect> {
        self.check_body(body).err()?;
        let is_apart = self.signed.iter().all(|one| one.keeps_apart(body));
        Some(if is_apart {
            Defect::BodyNotText
        } else {
            Defect::BodyEdge
        })
    }

    /// A mismatch that no key would resolve, such as a foreign topic.
    fn disagreement(&self, view: &View<'_>) -> Option<Defect> {
        if let Some(Envelope::Jws(jws)) = &self.envelope {
            return jws.disagreement(self, &view.received);
        }
        let of_other_topic = |message: &SnsMessage| {
            self.certificate_of(message) == Err(ProofError::SignatureMismatch)
        };
        let other = self.has_certificate() && view.message().is_some_and(of_other_topic);
        other.then_some(Defect::Topic)
    }

    /// The signed value that is missing, if a signature is present.
    fn missing(&self, view: &View<'_>) -> Option<Defect> {
        let is_there = |source: &Source| source.read_in(view) != PlaceValue::Absent;
        if !self.signatures.iter().any(|rule| is_there(&rule.from)) {
            return None;
        }
        let time = self.timestamp.iter().filter_map(|rule| rule.from.source());
        let signed = self.signed.iter().flat_map(super::Template::required);
        let missing = time.chain(signed).find(|source| !is_there(source));
        missing.map(|source| Defect::Missing(source.to_string()))
    }

    fn unreadable_token<'a>(&'a self, view: &View<'a>) -> Option<Defect> {
        Tokens::read(&self.signatures, view).err()?;
        let mut sources = self.signatures.iter().map(|rule| &rule.from);
        sources.find_map(|source| view.source_defect(source))
    }

    /// Why the accounts of a delivery are ambiguous.
    fn account_defect(&self, view: &View<'_>) -> Option<Defect> {
        let (rule, body) = (self.account()?, view.body()?);
        if !view.is_utf8() {
            return Some(Defect::Charset);
        }
        let fields = form::sent(&view.received, body);
        rule.places().iter().find_map(|place| match place {
            AccountPlace::Json(pointer) if fields.is_none() => json_defect(pointer, body),
            AccountPlace::Claim(_) | AccountPlace::Json(_) => None,
            AccountPlace::Form(name, _) => {
                let fields = fields.as_deref()?;
                folded_field(fields, name).or_else(|| repeated_field(fields, name))
            }
        })
    }
}

impl View<'_> {
    /// Why the value at `source` cannot be read.
    pub(super) fn source_defect(&self, source: &Source) -> Option<Defect> {
        let place = source.unreadable_place(self)?;
        Some(self.place_defect(place))
    }

    /// Why the signed value at `source` cannot be read, or what contradicts it.
    pub(super) fn signed_defect(&self, source: &Source) -> Option<Defect> {
        let folded = |place: &Place| {
            let name = match place {
                Place::Header(name) => {
                    let mut names = self.received.head.headers.keys();
                    names
                        .find(|other| fold::header_folds_onto(other, name))
                        .map(ToString::to_string)
                }
                Place::Query(name) => {
                    self.query_name(|other, _| fold::form_folds_onto(other, name))
                }
                Place::Body | Place::Form(_) | Place::Json(_) => None,
            };
            name.map(|name| Defect::FoldedName {
                name,
                place: place.to_string(),
            })
        };
        self.source_defect(source)
            .or_else(|| source.places().iter().find_map(folded))
            .or_else(|| {
                let contradicted = !self.is_alone(source);
                contradicted.then(|| Defect::Contradiction(source.to_string()))
            })
    }

    /// Why the body cannot be read as a form.
    pub(super) fn form_defect(&self) -> Option<Defect> {
        if self.fields().is_some() {
            return None;
        }
        let body = self.body()?;
        let unpacked = self.packing_defect();
        Some(unpacked.unwrap_or_else(|| {
            if form::sent(&self.received, body).is_none() && form::fields(body).is_some() {
                Defect::NotForm
            } else {
                Defect::FormMalformed
            }
        }))
    }

    /// The header that makes a backend read other bytes or characters than those that were signed.
    pub(super) fn packing_defect(&self) -> Option<Defect> {
        if self.is_read_as_sent() {
            return None;
        }
        let headers = self.received.head.headers;
        let is_packed = self.is_utf8() && headers.contains_key(CONTENT_ENCODING);
        Some(if is_packed {
            Defect::ContentEncoding
        } else {
            Defect::Charset
        })
    }

    /// Why the value at `place` cannot be read.
    fn place_defect(&self, place: &Place) -> Defect {
        let repeated = || Defect::Repeated(place.to_string());
        let is_strict = self.covers_fields();
        match place {
            Place::Body | Place::Header(_) => repeated(),
            Place::Query(_) => {
                let query = self.received.head.query.unwrap_or_default();
                if query::parameters(query).is_none() {
                    Defect::TooManyParameters
                } else {
                    repeated()
                }
            }
            Place::Form(name) => {
                let folded = || folded_field(self.fields()?, name);
                let defect = self.form_defect();
                let defect = defect.or_else(|| is_strict.then(folded).flatten());
                let defect = defect.or_else(|| self.shadowed(is_strict, name));
                defect.unwrap_or_else(repeated)
            }
            Place::Json(pointer) => {
                let packed = || is_strict.then(|| self.packing_defect()).flatten();
                let read = || json_defect(pointer, self.body()?);
                let shadowed = pointer
                    .root()
                    .and_then(|name| self.shadowed(is_strict, name));
                let defect = shadowed.or_else(packed).or_else(read);
                // What stands there can be read, and the names around it are too many.
                defect.unwrap_or(Defect::TooLargeToRead)
            }
        }
    }

    fn shadowed(&self, is_strict: bool, name: &str) -> Option<Defect> {
        let is_such = |other: &str, _| other == name || fold::form_folds_onto(other, name);
        let shadow = self.query_name(is_such).filter(|_| is_strict);
        shadow.map(Defect::ShadowedByQuery)
    }

    fn covers_fields(&self) -> bool {
        self.scheme().covers() == Covers::Fields
    }
}

fn sns_defect(body: &[u8]) -> Option<Defect> {
    let mut members = sns::NAMES.iter().filter_map(|name| {
        let pointer: Pointer = format!("/{name}").parse().ok()?;
        json_defect(&pointer, body)
    });
    members.next().or_else(|| {
        let document: serde_json::Value = serde_json::from_slice(body).ok()?;
        let count = document.as_object()?.len();
        (count > sns::MAX_MEMBERS).then_some(Defect::TooLargeToRead)
    })
}

fn json_defect(pointer: &Pointer, body: &[u8]) -> Option<Defect> {
    let place = || Place::Json(pointer.clone()).to_string();
    Some(match pointer.obstacle(body)? {
        Obstacle::FoldedName(name) => Defect::FoldedName {
            name,
            place: place(),
        },
        Obstacle::Malformed => Defect::JsonMalformed,
        Obstacle::NotScalar => Defect::NotScalar(place()),
        Obstacle::Repeated => Defect::Repeated(place()),
        Obstacle::TooLarge => Defect::TooLargeToRead,
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
