//! Templates of signed messages: text, values of the request, and the body.
//!
//! A template is split at `{body}` when the scheme is loaded. The text before the body is hashed first, so the gate can
//! hash the body as it arrives. Only a template with fields of the body has to wait for the whole body.

use std::borrow::Cow;
use std::str::FromStr;

use http::Method;

use super::borders::Borders;
use super::canonical::Canonical;
use super::placeholder::{ParseTemplateError, Placeholder};
use super::{Covers, Place, ProofError, Scheme, Source, TimestampSource, TimestampUnit};

/// A compiled template with at most one `{body}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    /// Whether the template starts with `{secret}`.
    keyed: bool,
    before_body: Box<[Part]>,
    /// `None` if the template has no `{body}`.
    after_body: Option<Box<[Part]>>,
    /// The free value (see `borders.rs`) of a template without a body, if it is not the last value.
    free: Option<Source>,
    borders: Borders,
}

/// The signed bytes before and after the body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct SignedFrame {
    pub(super) before_body: Vec<u8>,
    /// `None` if the raw body is not signed.
    pub(super) after_body: Option<Vec<u8>>,
}

impl SignedFrame {
    /// The whole signed message. It copies the body only if bytes are signed around it.
    pub(super) fn message<'m>(&'m self, body: &'m [u8]) -> Cow<'m, [u8]> {
        match self.after_body.as_deref() {
            None => Cow::Borrowed(&self.before_body),
            Some([]) if self.before_body.is_empty() => Cow::Borrowed(body),
            Some(after) => Cow::Owned([&self.before_body, body, after].concat()),
        }
    }
}

/// A part of a template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Literal(Box<[u8]>),
    Token(Placeholder),
}

impl Template {
    /// The signed bytes, with `value` for each token. Fails if a value breaks the rule of its border.
    pub(super) fn fill<'v>(
        &'v self,
        unit: Option<TimestampUnit>,
        mut value: impl FnMut(&'v Placeholder) -> Result<Cow<'v, [u8]>, ProofError>,
    ) -> Result<SignedFrame, ProofError> {
        let values = self.values(&mut value)?;
        let parts = self.parts().zip(values.iter().map(|value| &**value));
        if self.borders.breach(parts, unit).is_some() {
            return Err(ProofError::SignatureMalformed);
        }
        let (before, after) = values
            .split_at_checked(self.before_body.len())
            .unwrap_or_default();
        Ok(SignedFrame {
            before_body: before.concat(),
            after_body: self.after_body.as_ref().map(|_| after.concat()),
        })
    }

    /// The first token whose value breaks the rule of its border, and the literal of that rule, if it has one.
    pub(super) fn breach<'v>(
        &'v self,
        unit: Option<TimestampUnit>,
        mut value: impl FnMut(&'v Placeholder) -> Result<Cow<'v, [u8]>, ProofError>,
    ) -> Option<(String, Option<String>)> {
        let values = self.values(&mut value).ok()?;
        let parts = self.parts().zip(values.iter().map(|value| &**value));
        let (at, text) = self.borders.breach(parts, unit)?;
        let Part::Token(token) = self.parts().nth(at)? else {
            return None;
        };
        let text = text.map(|text| String::from_utf8_lossy(text).into_owned());
        Some((token.to_string(), text))
    }

    fn parts(&self) -> impl Iterator<Item = &Part> + Clone {
        let after = self.after_body.as_deref().unwrap_or_default();
        self.before_body.iter().chain(after)
    }

    fn values<'v>(
        &'v self,
        value: &mut impl FnMut(&'v Placeholder) -> Result<Cow<'v, [u8]>, ProofError>,
    ) -> Result<Vec<Cow<'v, [u8]>>, ProofError> {
        let values = self.parts().map(|part| match part {
            Part::Literal(text) => Ok(Cow::Borrowed(&**text)),
            Part::Token(token) => value(token),
        });
        values.collect()
    }

    /// Declares the free value of a template without a body; `false` if the template does not contain it.
    pub(super) fn set_free(&mut self, free: &Source) -> bool {
        self.free = Some(free.clone());
        self.compile();
        self.sources().any(|source| source == free)
    }

    fn compile(&mut self) {
        let after = self.after_body.as_deref();
        self.borders = Borders::of(&self.before_body, after, self.free.as_ref());
    }

    /// Whether the bytes of a message determine where each value ends.
    pub(super) fn is_unambiguous(&self, without_query: bool) -> bool {
        self.borders.are_unambiguous(without_query)
    }

    /// Whether a literal delimits a value that always contains it, so that no delivery could be accepted.
    pub(super) fn rejects_everything(&self, methods: &[Method]) -> bool {
        self.borders.reject_everything(self.parts(), methods)
    }

    /// Whether the first and the last byte of `body` delimit the values next to it.
    pub(super) fn is_body_delimited(&self, body: &[u8]) -> bool {
        self.borders.body_delimits(body)
    }

    /// Replaces the settings with the endpoint's text. The error is the name of the first one that is missing.
    pub(super) fn set(
        &mut self,
        setting: impl Fn(&str) -> Option<Box<[u8]>>,
    ) -> Result<(), Box<str>> {
        let after = self.after_body.iter_mut().flatten();
        for part in self.before_body.iter_mut().chain(after) {
            if let Part::Token(Placeholder::Setting(name)) = part {
                *part = Part::Literal(setting(name).ok_or_else(|| name.clone())?);
            }
        }
        self.compile();
        Ok(())
    }

    /// The names of the settings that the endpoint must supply.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.tokens().filter_map(|token| match token {
            Placeholder::Setting(name) => Some(&**name),
            _ => None,
        })
    }

    /// How much of a delivery a signature over the message covers.
    pub fn covers(&self) -> Covers {
        if self.after_body.is_some() {
            Covers::Body
        } else if self.waits_for_body() {
            Covers::Fields
        } else {
            Covers::Head
        }
    }

    /// A weakness that [`Covers`] does not express, as text for operators.
    pub(super) fn weakness(&self) -> Option<&'static str> {
        if self.tokens().any(|token| *token == Placeholder::Form) {
            return Some(
                "the signature does not cover the ends of the query and of the form fields, the order of the fields, or repetitions",
            );
        }
        if self.has_form() {
            return Some(
                "the signature does not cover the ends of the query and of the form fields, or the order of the fields",
            );
        }
        if self.covers() == Covers::Fields && self.sources().any(Source::is_in_json) {
            return Some(
                "JSON values are signed as text: 1 and \"1\" have the same signature, and so do an absent value, null \
                 and \"\" where the value is optional",
            );
        }
        let is_crc32 = self.tokens().any(|token| *token == Placeholder::Crc32);
        is_crc32.then_some(
            "only the CRC-32 of the body is signed: anybody can make a body with the same one",
        )
    }

    /// Whether it contains only values of the head and settings.
    pub(super) fn is_of_head(&self) -> bool {
        self.covers() == Covers::Head && !self.keyed && !self.has_timestamp()
    }

    /// Whether filling it requires the whole body.
    pub(super) fn waits_for_body(&self) -> bool {
        self.tokens().any(Placeholder::is_in_body)
    }

    /// Whether it contains the raw body.
    pub(super) fn has_body(&self) -> bool {
        self.after_body.is_some()
    }

    /// Whether it contains every field of a form.
    pub(super) fn has_form(&self) -> bool {
        self.tokens().any(Placeholder::has_form)
    }

    /// Whether it contains a field of a form.
    pub(super) fn reads_form(&self) -> bool {
        let is_field = |source: &Source| matches!(source.preferred(), Some(Place::Form(_)));
        self.has_form() || self.sources().any(is_field)
    }

    /// Whether it contains the timestamp.
    pub(super) fn has_timestamp(&self) -> bool {
        self.tokens().any(Placeholder::has_timestamp)
    }

    /// Whether `scheme` declares the same timestamp as the template's canonical form, if that has one.
    pub(super) fn has_time_of(&self, scheme: &Scheme) -> bool {
        let own = self.tokens().find_map(Placeholder::own_time);
        let from = scheme.timestamp.as_ref().map(|rule| &rule.from);
        own.is_none_or(|own| from == Some(&TimestampSource::Source(Place::Header(own).into())))
    }

    /// Whether it contains the public URL, or its path and query.
    pub(super) fn has_url(&self) -> bool {
        self.tokens().any(Placeholder::has_url)
    }

    /// Whether it contains the public URL with its host.
    pub(super) fn has_whole_url(&self) -> bool {
        self.tokens().any(Placeholder::has_whole_url)
    }

    /// The values of the request in the message.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.tokens().filter_map(|token| match token {
            Placeholder::Source { source, .. } => Some(source),
            _ => None,
        })
    }

    /// The values of the request that must be present.
    pub(super) fn required(&self) -> impl Iterator<Item = &Source> {
        self.tokens().filter_map(|token| match token {
            Placeholder::Source {
                source,
                optional: false,
            } => Some(source),
            _ => None,
        })
    }

    /// Whether it contains the value at `source`.
    pub(super) fn covers_source(&self, source: &Source) -> bool {
        self.sources().any(|known| known == source)
            || self.canonicals().any(|form| form.covers(source))
    }

    /// The canonical forms of single providers in the message.
    pub(super) fn canonicals(&self) -> impl Iterator<Item = Canonical> {
        self.tokens().filter_map(|token| match token {
            Placeholder::Canonical(canonical) => Some(*canonical),
            _ => None,
        })
    }

    /// Whether the secret is part of the message.
    pub(super) fn is_keyed(&self) -> bool {
        self.keyed
    }

    fn tokens(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Token(token) => Some(token),
        })
    }
}

impl FromStr for Template {
    type Err = ParseTemplateError;

    fn from_str(text: &str) -> Result<Self, ParseTemplateError> {
        let (keyed, text) = match text.strip_prefix(SECRET) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (before, after) = match text.split_once(BODY) {
            Some((before, after)) => (before, Some(after)),
            None => (text, None),
        };
        let mut template = Self {
            keyed,
            before_body: parts(before)?,
            after_body: after.map(parts).transpose()?,
            free: None,
            borders: Borders::default(),
        };
        template.compile();
        Ok(template)
    }
}

fn parts(text: &str) -> Result<Box<[Part]>, ParseTemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (literal, token) = match rest.find(['{', '}']) {
            None => (rest, None),
            Some(at) => {
                let (literal, token) = rest.split_at_checked(at).unwrap_or((rest, ""));
                (literal, Some(token))
            }
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.as_bytes().into()));
        }
        let Some(from_brace) = token else { break };
        let inner = from_brace
            .strip_prefix('{')
            .and_then(|text| text.split_once('}'));
        let known = inner.and_then(|(name, after)| Some((Placeholder::named(name)?, after)));
        let (token, after) = known.ok_or_else(|| ParseTemplateError(from_brace.to_owned()))?;
        parts.push(Part::Token(token));
        rest = after;
    }
    Ok(parts.into())
}

const BODY: &str = "{body}";
const SECRET: &str = "{secret}";
