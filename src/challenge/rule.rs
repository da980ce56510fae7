//! One rule of a challenge: the request that it matches, and the response.

use std::borrow::Cow;

use http::Method;

use super::answer::ResponseTemplate;
use super::source::ValueSource;
use super::{JsonField, ReceivedChallenge, ValueForm, field};
use crate::auth::{Head, Place, PlaceValue};
use crate::json_pointer::JsonPointer;

#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Whether the delivery's own signature must be verified first.
    pub(super) signed: bool,
    /// Where the request carries the token that the operator and the provider agreed on.
    pub(super) verify_token: Option<ValueSource>,
    /// Whether the value becomes the endpoint's secret.
    pub(super) binds_secret: bool,
    /// Whether the value is a URL that the gate has to request.
    pub(super) visits: bool,
    pub(super) when: Condition,
    pub(super) value: Option<ValueRule>,
    pub(super) respond: ResponseTemplate,
}

/// The requests that a rule matches.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) method: Method,
    /// Headers and query parameters with their exact values.
    pub(super) head: Vec<(Place, Box<str>)>,
    /// Fields of the body with their exact values.
    pub(super) json: Vec<(JsonPointer, ExpectedValue)>,
    /// Fields that the body must not have.
    pub(super) absent: Vec<JsonPointer>,
    /// Whether the objects on the way to a field may have no other member.
    pub(super) alone: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ExpectedValue {
    Number(i64),
    Text(Box<str>),
}

#[derive(Clone, Debug)]
pub(super) struct ValueRule {
    pub(super) from: ValueSource,
    pub(super) form: ValueForm,
}

impl Rule {
    /// Whether the rule needs the body, to match or for its value.
    pub(super) fn reads_body(&self) -> bool {
        let value_source = self.value.as_ref().map(|value| &value.from);
        let mut sources = value_source.into_iter().chain(&self.verify_token);
        !self.when.json.is_empty()
            || !self.when.absent.is_empty()
            || sources.any(|source| matches!(source, ValueSource::Body(_)))
    }

    /// Whether the method, the headers and the query match.
    pub(super) fn fits_head(&self, head: &Head<'_>) -> bool {
        let matches = |(place, expected): &(Place, Box<str>)| matches!(place.read(&(*head).into()), PlaceValue::Value(value) if *value == *expected.as_bytes());
        *head.method == self.when.method && self.when.head.iter().all(matches)
    }

    /// The challenge in `head` and `body`, if they match.
    pub(super) fn match_request<'r>(
        &'r self,
        head: &Head<'_>,
        body: &[u8],
    ) -> Option<ReceivedChallenge<'r>> {
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
        Some(ReceivedChallenge::new(self, value, token))
    }

    fn fits_body(&self, body: &[u8]) -> bool {
        if body.len() as u64 > MAX_BODY_BYTES {
            return false;
        }
        let when = &self.when;
        let matches = |(pointer, expected): &(JsonPointer, ExpectedValue)| match field(
            body, pointer, when.alone,
        ) {
            JsonField::Text(text) => *expected == ExpectedValue::Text(Cow::into_owned(text).into()),
            JsonField::Number(number) => *expected == ExpectedValue::Number(number),
            _ => false,
        };
        when.json.iter().all(matches)
            && when
                .absent
                .iter()
                .all(|pointer| field(body, pointer, false) == JsonField::Absent)
    }
}

/// Longer bodies are never challenges: no provider's is longer than this.
pub const MAX_BODY_BYTES: u64 = 64 * 1024;
