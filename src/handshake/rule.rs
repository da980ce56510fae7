//! One rule: what is asked, and what is answered.

use std::borrow::Cow;

use http::Method;

use super::answer::Respond;
use super::source::Source;
use super::{Asked, Field, Form, Pointer, field};
use crate::auth::{Head, Place, Reading};

#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Whether the delivery's own signature has to be verified first.
    pub(super) signed: bool,
    /// Where the token is that the endpoint's owner and the provider agreed on.
    pub(super) verify_token: Option<Source>,
    /// Whether the value becomes the endpoint's secret.
    pub(super) binds_secret: bool,
    /// Whether the value is an URL that the gate asks for, as the provider wants it to.
    pub(super) visits: bool,
    pub(super) when: When,
    pub(super) value: Option<ValueRule>,
    pub(super) respond: Respond,
}

/// What a request has to look like.
#[derive(Clone, Debug)]
pub(super) struct When {
    pub(super) method: Method,
    /// What stands in the head.
    pub(super) head: Vec<(Place, Box<str>)>,
    /// What stands in the body.
    pub(super) json: Vec<(Pointer, Expected)>,
    /// What the body must not have.
    pub(super) absent: Vec<Pointer>,
    /// Whether what is read in the body has to be all that there is.
    pub(super) alone: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Expected {
    Number(i64),
    Text(Box<str>),
}

#[derive(Clone, Debug)]
pub(super) struct ValueRule {
    pub(super) from: Source,
    pub(super) form: Form,
}

impl Rule {
    /// Whether it cannot be told from the head alone.
    pub(super) fn reads_body(&self) -> bool {
        let of_value = self.value.as_ref().map(|value| &value.from);
        let mut sources = of_value.into_iter().chain(&self.verify_token);
        !self.when.json.is_empty()
            || !self.when.absent.is_empty()
            || sources.any(|source| matches!(source, Source::Body(_)))
    }

    /// Whether the head is as it has to be.
    pub(super) fn fits_head(&self, head: &Head<'_>) -> bool {
        let stands = |(place, expected): &(Place, Box<str>)| matches!(place.read(&(*head).into()), Reading::Value(value) if *value == *expected.as_bytes());
        *head.method == self.when.method && self.when.head.iter().all(stands)
    }

    /// What `head` and `body` ask by this rule, if they do.
    pub(super) fn asked<'r>(&'r self, head: &Head<'_>, body: &[u8]) -> Option<Asked<'r>> {
        if !self.fits_head(head) || self.reads_body() && !self.fits_body(body) {
            return None;
        }
        let alone = self.when.alone;
        let value = match &self.value {
            None => None,
            Some(rule) => {
                let value = rule.from.read(head, body, alone)?;
                if !rule.form.accepts(&value) {
                    return None;
                }
                Some(String::from_utf8(value.into_owned()).ok()?)
            }
        };
        let token = match &self.verify_token {
            None => None,
            Some(source) => Some(source.read(head, body, alone)?.into_owned()),
        };
        Some(Asked::new(self, value, token))
    }

    fn fits_body(&self, body: &[u8]) -> bool {
        if body.len() as u64 > MAX_BODY_BYTES {
            return false;
        }
        let when = &self.when;
        let stands =
            |(pointer, expected): &(Pointer, Expected)| match field(body, pointer, when.alone) {
                Field::Text(text) => *expected == Expected::Text(Cow::into_owned(text).into()),
                Field::Number(number) => *expected == Expected::Number(number),
                _ => false,
            };
        when.json.iter().all(stands)
            && when
                .absent
                .iter()
                .all(|pointer| field(body, pointer, false) == Field::Absent)
    }
}

/// No provider's handshake is longer; longer bodies are not looked at.
pub const MAX_BODY_BYTES: u64 = 64 * 1024;
