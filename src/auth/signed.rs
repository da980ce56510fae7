//! The messages that a delivery's signature may cover: the templates of the scheme, filled with the delivery's values.

use std::borrow::Cow;

use jiff::Timestamp;

use super::candidates::{Signatures, first_part, tagged_text};
use super::placeholder::Placeholder;
use super::template::SignedFrame;
use super::view::View;
use super::{
    Defect, PlaceValue, ProofError, Scheme, Source, Template, TimestampRule, TimestampSource,
    TimestampUnit, UrlRule,
};

/// The candidate messages of a delivery. A signature over any one of them is accepted.
pub(super) struct SignedMessages {
    /// The message that the gate hashes while the body arrives.
    pub(super) first: SignedFrame,
    /// Other templates and other spellings of the URL.
    pub(super) others: Vec<SignedFrame>,
    /// The signed time; `None` without one, or if it is in a body that has not arrived.
    pub(super) at: Option<Timestamp>,
}

impl SignedMessages {
    /// The signatures of a delivery and the messages that they may cover.
    pub(super) fn with_signatures(
        scheme: &Scheme,
        received: &View<'_>,
    ) -> Result<(Signatures, Self), ProofError> {
        let signatures = Signatures::read(&scheme.signatures, scheme.algorithm(), received)?;
        Ok((signatures, Self::read(scheme, received)?))
    }

    fn read(scheme: &Scheme, received: &View<'_>) -> Result<Self, ProofError> {
        let time = Time::read(scheme, received)?;
        let digested = scheme.digest.as_ref();
        let digested =
            digested.filter(|digest| digest.from.read_in(received) != PlaceValue::Absent);
        let templates = match digested {
            Some(digest) => {
                digest.check(&received.received)?;
                std::slice::from_ref(&digest.signed)
            }
            None => scheme.signed.as_slice(),
        };
        let mut messages = templates
            .iter()
            .flat_map(|template| with_spellings(template, scheme.url, received.head().url))
            .map(|(template, url)| fill(template, url.as_deref(), time.as_ref(), received));
        let first = messages.next().ok_or(ProofError::SignatureMalformed)??;
        Ok(Self {
            first,
            others: messages.collect::<Result<_, _>>()?,
            at: time.map(|time| time.at),
        })
    }

    /// Every message, starting with `first`.
    pub(super) fn all(&self) -> impl Iterator<Item = &SignedFrame> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// The signed time of a delivery: the text that is signed, and its value.
pub(super) struct Time<'a> {
    pub(super) text: Cow<'a, [u8]>,
    pub(super) unit: TimestampUnit,
    pub(super) at: Timestamp,
}

impl<'a> Time<'a> {
    fn read(scheme: &Scheme, received: &View<'a>) -> Result<Option<Self>, ProofError> {
        let Some(rule) = &scheme.timestamp else {
            return Ok(None);
        };
        if received.body().is_none() && rule.is_in_body() {
            return Ok(None);
        }
        let text = time_text(scheme, rule, received)?;
        let at = rule.read(&text).ok_or(ProofError::SignatureMalformed)?;
        let unit = rule.unit;
        Ok(Some(Self { text, unit, at }))
    }
}

/// The text of the signed time.
fn time_text<'a>(
    scheme: &Scheme,
    rule: &TimestampRule,
    received: &View<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    match &rule.from {
        TimestampSource::Source(source) => read_signed_value(source, received),
        TimestampSource::First => first_part(&scheme.signatures, received),
        TimestampSource::Tag(tag) => tagged_text(&scheme.signatures, tag, received),
    }
}

/// Reads a signed value. It is malformed if another part of the request contradicts it.
fn read_signed_value<'a>(
    source: &Source,
    received: &View<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    let value = source.required(received)?;
    if received.is_uncontradicted(source) {
        Ok(value)
    } else {
        Err(ProofError::SignatureMalformed)
    }
}

/// The signed time of a delivery whose body has arrived.
pub(super) fn time_of(
    scheme: &Scheme,
    received: &View<'_>,
) -> Result<Option<Timestamp>, ProofError> {
    Time::read(scheme, received).map(|time| time.map(|time| time.at))
}

/// The template with each spelling of the URL that senders may sign.
fn with_spellings<'t, 'a>(
    template: &'t Template,
    rule: UrlRule,
    url: Option<&'a str>,
) -> impl Iterator<Item = (&'t Template, Option<Cow<'a, str>>)> {
    let url = url.filter(|_| template.has_url());
    let spellings = url.map(|url| rule.spellings(url));
    let without = spellings.is_none().then_some(None);
    let spellings = spellings.into_iter().flatten().map(Some);
    without
        .into_iter()
        .chain(spellings)
        .map(move |url| (template, url))
}

/// Fills `template` with the values of `received`.
pub(super) fn fill<'v, 'r: 'v>(
    template: &'v Template,
    url: Option<&'v str>,
    time: Option<&'v Time<'_>>,
    received: &'v View<'r>,
) -> Result<SignedFrame, ProofError> {
    let unit = time.map(|time| time.unit);
    template.fill(unit, |token| value(token, url, time, received))
}

/// The value of a delivery for one token.
fn value<'v, 'r: 'v>(
    token: &'v Placeholder,
    url: Option<&'v str>,
    time: Option<&'v Time<'_>>,
    received: &'v View<'r>,
) -> Result<Cow<'v, [u8]>, ProofError> {
    match token {
        Placeholder::Canonical(canonical) => {
            let text = canonical.text(received, url);
            text.map(Cow::Owned).ok_or(ProofError::SignatureMalformed)
        }
        Placeholder::Crc32 => {
            let body = received.body().ok_or(ProofError::SignatureMalformed)?;
            Ok(Cow::Owned(crc32fast::hash(body).to_string().into_bytes()))
        }
        Placeholder::Form => {
            let fields = received.sorted_form();
            fields
                .map(Cow::Borrowed)
                .ok_or(ProofError::SignatureMalformed)
        }
        Placeholder::Method => Ok(Cow::Borrowed(received.head().method.as_str().as_bytes())),
        // `Template::set` replaced every setting when the endpoint was compiled, so none is left.
        Placeholder::Setting(_) => Err(ProofError::SignatureMalformed),
        Placeholder::Source { source, optional } => match read_signed_value(source, received) {
            Err(ProofError::SignatureMissing) if *optional => Ok(Cow::Borrowed(b"")),
            reading => reading,
        },
        // The sender signed the text of the timestamp, not its value.
        Placeholder::Timestamp => {
            let text = time.map(|time| Cow::Borrowed(&*time.text));
            text.ok_or(ProofError::SignatureMissing)
        }
        Placeholder::Url => {
            let url = url.map(|url| Cow::Borrowed(url.as_bytes()));
            url.ok_or(ProofError::SignatureMalformed)
        }
    }
}

/// The first value because of which the signed message cannot be built, for `explain`.
pub(super) fn defect(scheme: &Scheme, received: &View<'_>) -> Option<Defect> {
    let rule = scheme.timestamp.as_ref();
    let source = rule.and_then(|rule| rule.from.source());
    if let Some(defect) = source.and_then(|source| Defect::of_signed_value(received, source)) {
        return Some(defect);
    }
    if let Some(TimestampSource::Tag(tag)) = rule.map(|rule| &rule.from)
        && tagged_text(&scheme.signatures, tag, received).is_err()
    {
        return Some(Defect::Tag(tag.to_string()));
    }
    let Ok(time) = Time::read(scheme, received) else {
        let rule = rule?;
        let text = time_text(scheme, rule, received).ok()?;
        return Some(Defect::Timestamp {
            text: String::from_utf8_lossy(&text).into_owned(),
            expected: rule.unit,
        });
    };
    scheme.signed.iter().find_map(|template| {
        let mut sources = template.sources();
        let unreadable = sources.find_map(|source| Defect::of_signed_value(received, source));
        let form_defect = || Defect::of_form(received).filter(|_| template.has_form());
        let url = received.head().url;
        let mut forms = template.canonicals();
        let canonical_defect = || forms.find_map(|form| form.defect(received, url));
        unreadable
            .or_else(form_defect)
            .or_else(canonical_defect)
            .or_else(|| {
                let mut spellings = with_spellings(template, scheme.url, url);
                spellings.find_map(|(template, url)| {
                    let unit = time.as_ref().map(|time| time.unit);
                    let (url, time) = (url.as_deref(), time.as_ref());
                    let breach = template.breach(unit, |token| value(token, url, time, received));
                    breach.map(|(value, text)| Defect::Border { value, text })
                })
            })
    })
}
