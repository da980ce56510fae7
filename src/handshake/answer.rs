//! An answer, and what it is made of.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::auth::{Encoding, Key};

/// What a provider gets to hear.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The type of the body, if there is one.
    pub content_type: Option<&'static str>,
    /// More headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// `200` and nothing else, for whoever asks whether an URL is there.
    pub fn empty() -> Self {
        Self {
            status: StatusCode::OK,
            content_type: None,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

/// It may hold a MAC or a secret, so it shows neither body nor headers.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// How an answer is made.
#[derive(Clone, Debug)]
pub(super) struct Respond {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, Text)>,
    pub(super) body: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Nothing,
    Plain(Text),
    /// Members in the order of the declaration.
    Json(Vec<(Box<str>, Member)>),
}

#[derive(Clone, Debug)]
pub(super) enum Member {
    Number(i64),
    Text(Text),
}

/// Text with places to be filled in.
#[derive(Clone, Debug)]
pub(super) struct Text(pub(super) Box<[Part]>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Literal(Box<str>),
    /// The HMAC-SHA256 of the value.
    Mac(Encoding),
    Value,
}

impl Respond {
    /// Whether it needs a key.
    pub(super) fn signs(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::Mac(_)))
    }

    /// Whether it needs a value.
    pub(super) fn echoes(&self) -> bool {
        self.parts().any(|part| !matches!(part, Part::Literal(_)))
    }

    /// Fills it in; `None` if it has places for which there is nothing.
    pub(super) fn fill(&self, value: Option<&str>, key: Option<&Key>) -> Option<Answer> {
        let (content_type, body) = match &self.body {
            Content::Nothing => (None, Vec::new()),
            Content::Plain(text) => (Some("text/plain"), text.fill(value, key)?.into_bytes()),
            Content::Json(members) => (Some("application/json"), json(members, value, key)?),
        };
        let headers = self.headers.iter().map(|(name, text)| {
            let filled = HeaderValue::try_from(text.fill(value, key)?).ok()?;
            Some((name.clone(), filled))
        });
        Some(Answer {
            status: self.status,
            content_type,
            headers: headers.collect::<Option<_>>()?,
            body: body.into(),
        })
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        let of_body: Vec<&Text> = match &self.body {
            Content::Nothing => Vec::new(),
            Content::Plain(text) => vec![text],
            Content::Json(members) => members
                .iter()
                .filter_map(|(_, member)| match member {
                    Member::Number(_) => None,
                    Member::Text(text) => Some(text),
                })
                .collect(),
        };
        let of_headers = self.headers.iter().map(|(_, text)| text);
        of_body
            .into_iter()
            .chain(of_headers)
            .flat_map(|text| &text.0)
    }
}

fn json(members: &[(Box<str>, Member)], value: Option<&str>, key: Option<&Key>) -> Option<Vec<u8>> {
    let mut body = vec![b'{'];
    let mut separator: &[u8] = b"";
    for (name, member) in members {
        body.extend_from_slice(separator);
        serde_json::to_writer(&mut body, name).ok()?;
        body.push(b':');
        match member {
            Member::Number(number) => serde_json::to_writer(&mut body, number),
            Member::Text(text) => serde_json::to_writer(&mut body, &text.fill(value, key)?),
        }
        .ok()?;
        separator = b",";
    }
    body.push(b'}');
    Some(body)
}

impl Text {
    fn fill(&self, value: Option<&str>, key: Option<&Key>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Mac(encoding) => {
                    let mut code = key?.begin()?;
                    code.update(value?.as_bytes());
                    filled.push_str(&encoding.encode(&code.sign()));
                }
                Part::Value => filled.push_str(value?),
            }
        }
        Some(filled)
    }
}

impl FromStr for Text {
    type Err = UnknownToken;

    fn from_str(text: &str) -> Result<Self, UnknownToken> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, token)) = rest.split_once('{') {
            parts.push(Part::Literal(literal.into()));
            let (token, after) = token.split_once('}').ok_or(UnknownToken)?;
            parts.push(match token {
                "value" => Part::Value,
                "hmac-sha256:base64:value" => Part::Mac(Encoding::Base64),
                "hmac-sha256:hex:value" => Part::Mac(Encoding::Hex),
                _ => return Err(UnknownToken),
            });
            rest = after;
        }
        parts.push(Part::Literal(rest.into()));
        parts.retain(|part| *part != Part::Literal("".into()));
        Ok(Self(parts.into()))
    }
}

/// Text with a token in it that there is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is `{{value}}`, `{{hmac-sha256:base64:value}}` and `{{hmac-sha256:hex:value}}`")]
pub(super) struct UnknownToken;
