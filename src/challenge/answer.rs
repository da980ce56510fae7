//! The response to a challenge, and the template that a declaration gives for it.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::auth::{Encoding, Key};

/// The response that the gate sends to a provider's challenge.
#[derive(Clone)]
pub struct ChallengeAnswer {
    /// A success status; declarations allow no other.
    pub status: StatusCode,
    /// The value of `Content-Type`; `None` for an empty body.
    pub content_type: Option<&'static str>,
    /// Headers beside `Content-Type`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Literal text, the echoed value, or a MAC of it.
    pub body: Bytes,
}

impl ChallengeAnswer {
    /// `200` with an empty body, for a probe that only checks that the URL exists.
    pub fn empty() -> Self {
        Self {
            status: StatusCode::OK,
            content_type: None,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

/// Hides body and headers: they may hold a MAC or a secret.
impl fmt::Debug for ChallengeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The response as its declaration describes it.
#[derive(Clone, Debug)]
pub(super) struct ResponseTemplate {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) body: BodyTemplate,
}

#[derive(Clone, Debug)]
pub(super) enum BodyTemplate {
    Empty,
    Plain(Template),
    /// The members of the object, in the order of the declaration.
    Json(Vec<(Box<str>, MemberRule)>),
}

#[derive(Clone, Debug)]
pub(super) enum MemberRule {
    Number(i64),
    Text(Template),
}

/// Text with placeholders such as `{value}`.
#[derive(Clone, Debug)]
pub(super) struct Template(pub(super) Box<[TextPart]>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum TextPart {
    Literal(Box<str>),
    /// The HMAC-SHA256 of the value, in this encoding.
    Mac(Encoding),
    Value,
}

impl ResponseTemplate {
    /// Whether rendering needs the endpoint's key.
    pub(super) fn signs(&self) -> bool {
        self.parts().any(|part| matches!(part, TextPart::Mac(_)))
    }

    /// Whether the response contains the value or a MAC of it.
    pub(super) fn echoes(&self) -> bool {
        self.parts()
            .any(|part| !matches!(part, TextPart::Literal(_)))
    }

    /// Renders the response; `None` if a placeholder has no value or no usable key.
    pub(super) fn render(&self, value: Option<&str>, key: Option<&Key>) -> Option<ChallengeAnswer> {
        let (content_type, body) = match &self.body {
            BodyTemplate::Empty => (None, Vec::new()),
            BodyTemplate::Plain(text) => {
                (Some("text/plain"), text.render(value, key)?.into_bytes())
            }
            BodyTemplate::Json(members) => (Some("application/json"), json(members, value, key)?),
        };
        let headers = self.headers.iter().map(|(name, text)| {
            let rendered = HeaderValue::try_from(text.render(value, key)?).ok()?;
            Some((name.clone(), rendered))
        });
        Some(ChallengeAnswer {
            status: self.status,
            content_type,
            headers: headers.collect::<Option<_>>()?,
            body: body.into(),
        })
    }

    fn parts(&self) -> impl Iterator<Item = &TextPart> {
        let body_templates: Vec<&Template> = match &self.body {
            BodyTemplate::Empty => Vec::new(),
            BodyTemplate::Plain(text) => vec![text],
            BodyTemplate::Json(members) => members
                .iter()
                .filter_map(|(_, member)| match member {
                    MemberRule::Number(_) => None,
                    MemberRule::Text(text) => Some(text),
                })
                .collect(),
        };
        let header_templates = self.headers.iter().map(|(_, text)| text);
        body_templates
            .into_iter()
            .chain(header_templates)
            .flat_map(|text| &text.0)
    }
}

fn json(
    members: &[(Box<str>, MemberRule)],
    value: Option<&str>,
    key: Option<&Key>,
) -> Option<Vec<u8>> {
    let mut body = vec![b'{'];
    let mut separator: &[u8] = b"";
    for (name, member) in members {
        body.extend_from_slice(separator);
        serde_json::to_writer(&mut body, name).ok()?;
        body.push(b':');
        match member {
            MemberRule::Number(number) => serde_json::to_writer(&mut body, number),
            MemberRule::Text(text) => serde_json::to_writer(&mut body, &text.render(value, key)?),
        }
        .ok()?;
        separator = b",";
    }
    body.push(b'}');
    Some(body)
}

impl Template {
    fn render(&self, value: Option<&str>, key: Option<&Key>) -> Option<String> {
        let mut rendered = String::new();
        for part in &self.0 {
            match part {
                TextPart::Literal(text) => rendered.push_str(text),
                TextPart::Mac(encoding) => {
                    let mut code = key?.begin()?;
                    code.update(value?.as_bytes());
                    rendered.push_str(&encoding.encode(&code.sign()));
                }
                TextPart::Value => rendered.push_str(value?),
            }
        }
        Some(rendered)
    }
}

impl FromStr for Template {
    type Err = ParseTemplateError;

    fn from_str(text: &str) -> Result<Self, ParseTemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, placeholder)) = rest.split_once('{') {
            parts.push(TextPart::Literal(literal.into()));
            let (name, after) = placeholder.split_once('}').ok_or(ParseTemplateError)?;
            parts.push(match name {
                "value" => TextPart::Value,
                "hmac-sha256:base64:value" => TextPart::Mac(Encoding::Base64),
                "hmac-sha256:hex:value" => TextPart::Mac(Encoding::Hex),
                _ => return Err(ParseTemplateError),
            });
            rest = after;
        }
        parts.push(TextPart::Literal(rest.into()));
        parts.retain(|part| *part != TextPart::Literal("".into()));
        Ok(Self(parts.into()))
    }
}

/// A template has a placeholder that does not exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "unknown placeholder: use `{{value}}`, `{{hmac-sha256:base64:value}}` or `{{hmac-sha256:hex:value}}`"
)]
pub(super) struct ParseTemplateError;
