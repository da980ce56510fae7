//! What a signature covers: text, values of the head and the body.
//!
//! A template is cut at the body once, when the scheme is loaded. What stands before the body goes
//! into the hash before its first byte arrives, what stands after it at the end, so the body itself
//! can be hashed as it comes in.

use std::borrow::Cow;
use std::str::FromStr;

use super::Source;

/// A compiled template with exactly one `{body}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    before_body: Box<[Part]>,
    after_body: Box<[Part]>,
}

/// The bytes that are signed around a body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Around {
    pub(super) before_body: Vec<u8>,
    pub(super) after_body: Vec<u8>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Literal(Box<[u8]>),
    Token(Token),
}

/// What a delivery fills in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// A value of the head.
    Source(Source),
    /// The time, as it was sent.
    Timestamp,
}

impl Template {
    /// Fills it in, with what `value` gives for a token.
    pub(super) fn fill<'v, E>(
        &self,
        mut value: impl FnMut(&Token) -> Result<Cow<'v, [u8]>, E>,
    ) -> Result<Around, E> {
        let mut side = |parts: &[Part]| {
            let mut bytes = Vec::new();
            for part in parts {
                match part {
                    Part::Literal(text) => bytes.extend_from_slice(text),
                    Part::Token(token) => bytes.extend_from_slice(&value(token)?),
                }
            }
            Ok(bytes)
        };
        Ok(Around {
            before_body: side(&self.before_body)?,
            after_body: side(&self.after_body)?,
        })
    }

    /// Whether it covers the value at `source`.
    pub(super) fn has_source(&self, source: &Source) -> bool {
        let mut parts = self.before_body.iter().chain(&self.after_body);
        parts.any(|part| matches!(part, Part::Token(Token::Source(it)) if it == source))
    }

    /// Whether it covers the time.
    pub(super) fn has_timestamp(&self) -> bool {
        let mut parts = self.before_body.iter().chain(&self.after_body);
        parts.any(|part| *part == Part::Token(Token::Timestamp))
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let (before, after) = text.split_once(BODY).ok_or(TemplateError::WithoutBody)?;
        Ok(Self {
            before_body: parts(before)?,
            after_body: parts(after)?,
        })
    }
}

fn parts(text: &str) -> Result<Box<[Part]>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let unknown = |rest: &str| TemplateError::UnknownToken(rest.to_owned());
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
        let Some(token) = token else { break };
        let inner = token
            .strip_prefix('{')
            .and_then(|text| text.split_once('}'));
        let (name, after) = inner.ok_or_else(|| unknown(token))?;
        parts.push(Part::Token(match name {
            "ts" => Token::Timestamp,
            name => Token::Source(name.parse().map_err(|_| unknown(token))?),
        }));
        rest = after;
    }
    Ok(parts.into())
}

/// A template that cannot be compiled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A token that the language does not have, from its brace on.
    #[error(
        "unknown token at `{0}`: there is `{{body}}`, once, `{{ts}}`, and sources such as `{{header:NAME}}`"
    )]
    UnknownToken(String),

    /// A signature that would not cover the body.
    #[error("a signed message must contain `{{body}}`")]
    WithoutBody,
}

const BODY: &str = "{body}";
