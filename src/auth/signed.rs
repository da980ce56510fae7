//! What a delivery's signature is said to cover, beside the body.

use std::borrow::Cow;

use jiff::Timestamp;

use super::candidates::{Signatures, first, tagged};
use super::template::Around;
use super::token::Token;
use super::{ProofError, Reading, Received, Scheme, Template, TimestampSource, form};

/// Everything that the signature covers, filled in.
pub(super) struct Signed {
    /// What is signed around the body.
    pub(super) first: Around,
    /// What else may be signed: other templates, other spellings of the URL.
    pub(super) others: Vec<Around>,
    /// When, if the scheme has a time and it is there already.
    pub(super) at: Option<Timestamp>,
}

impl Signed {
    /// The signatures, and what they are said to cover.
    pub(super) fn claimed(
        scheme: &Scheme,
        received: &Received<'_>,
    ) -> Result<(Signatures, Self), ProofError> {
        let signatures = Signatures::read(&scheme.signatures, scheme.algorithm(), received)?;
        Ok((signatures, Self::read(scheme, received)?))
    }

    fn read(scheme: &Scheme, received: &Received<'_>) -> Result<Self, ProofError> {
        let time = Time::read(scheme, received)?;
        let digested = scheme.digest.as_ref();
        let digested = digested.filter(|digest| digest.from.read(received) != Reading::Absent);
        let templates = match digested {
            Some(digest) => {
                digest.check(received)?;
                std::slice::from_ref(&digest.signed)
            }
            None => scheme.signed.as_slice(),
        };
        let mut messages = templates
            .iter()
            .flat_map(|template| spelled(template, scheme, received))
            .map(|(template, url)| fill(template, url.as_deref(), time.as_ref(), received));
        let first = messages.next().ok_or(ProofError::SignatureMalformed)??;
        Ok(Self {
            first,
            others: messages.collect::<Result<_, _>>()?,
            at: time.map(|time| time.at),
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Around> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// A time as it was sent, and what it means.
pub(super) struct Time<'a> {
    pub(super) text: Cow<'a, [u8]>,
    pub(super) at: Timestamp,
}

impl<'a> Time<'a> {
    fn read(scheme: &Scheme, received: &Received<'a>) -> Result<Option<Self>, ProofError> {
        let Some(rule) = &scheme.timestamp else {
            return Ok(None);
        };
        if received.body.is_none() && rule.is_in_body() {
            return Ok(None);
        }
        let text = match &rule.from {
            TimestampSource::Source(source) => source.required(received)?,
            TimestampSource::First => first(&scheme.signatures, received)?,
            TimestampSource::Tag(tag) => tagged(&scheme.signatures, tag, received)?,
        };
        let at = rule.read(&text).ok_or(ProofError::SignatureMalformed)?;
        Ok(Some(Self { text, at }))
    }
}

/// The time of a delivery that has arrived.
pub(super) fn time_of(
    scheme: &Scheme,
    received: &Received<'_>,
) -> Result<Option<Timestamp>, ProofError> {
    Time::read(scheme, received).map(|time| time.map(|time| time.at))
}

/// The template with every spelling of the URL that it may be filled with.
fn spelled<'t, 'a>(
    template: &'t Template,
    scheme: &Scheme,
    received: &Received<'a>,
) -> impl Iterator<Item = (&'t Template, Option<Cow<'a, str>>)> {
    let url = received.head.url.filter(|_| template.has_url());
    let spellings = url.map(|url| scheme.url.spellings(url));
    let without = spellings.is_none().then_some(None);
    let spellings = spellings.into_iter().flatten().map(Some);
    without
        .into_iter()
        .chain(spellings)
        .map(move |url| (template, url))
}

pub(super) fn fill<'v>(
    template: &Template,
    url: Option<&'v str>,
    time: Option<&'v Time<'_>>,
    received: &Received<'v>,
) -> Result<Around, ProofError> {
    template.fill(|token| match token {
        Token::Canonical(canonical) => {
            let text = canonical.text(received, url);
            text.map(Cow::Owned).ok_or(ProofError::SignatureMalformed)
        }
        Token::Crc32 => {
            let body = received.body.ok_or(ProofError::SignatureMalformed)?;
            Ok(Cow::Owned(crc32fast::hash(body).to_string().into_bytes()))
        }
        Token::Form => {
            let fields = form::sorted(received);
            fields.map(Cow::Owned).ok_or(ProofError::SignatureMalformed)
        }
        Token::Method => Ok(Cow::Borrowed(received.head.method.as_str().as_bytes())),
        // An endpoint that does not say what it has to say is not compiled.
        Token::Setting(_) => Err(ProofError::SignatureMalformed),
        Token::Source { source, optional } => match source.required(received) {
            Err(ProofError::SignatureMissing) if *optional => Ok(Cow::Borrowed(b"")),
            reading => reading,
        },
        // The text as it was sent: that is what was signed.
        Token::Timestamp => {
            let text = time.map(|time| Cow::Borrowed(&*time.text));
            text.ok_or(ProofError::SignatureMissing)
        }
        Token::Url => {
            let url = url.map(|url| Cow::Borrowed(url.as_bytes()));
            url.ok_or(ProofError::SignatureMalformed)
        }
    })
}
