//! What a signature covers: literal text around the body.
//!
//! A template is cut at the body once, when the scheme is loaded. What stands before the body goes
//! into the hash before its first byte arrives, what stands after it at the end, so the body itself
//! can be hashed as it comes in.

use std::str::FromStr;

/// A compiled template with exactly one `{body}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    before_body: Box<[u8]>,
    after_body: Box<[u8]>,
}

impl Template {
    /// The bytes that are signed before the body.
    pub fn before_body(&self) -> &[u8] {
        &self.before_body
    }

    /// The bytes that are signed after the body.
    pub fn after_body(&self) -> &[u8] {
        &self.after_body
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let (before, after) = text.split_once(BODY).ok_or(TemplateError::WithoutBody)?;
        for literal in [before, after] {
            if let Some(at) = literal.find(['{', '}']) {
                let token = literal.get(at..).unwrap_or_default();
                return Err(TemplateError::UnknownToken(token.to_owned()));
            }
        }
        Ok(Self {
            before_body: before.as_bytes().into(),
            after_body: after.as_bytes().into(),
        })
    }
}

/// A template that cannot be compiled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A token that the language does not have, from its brace on.
    #[error("unknown token at `{0}`: the one token is `{{body}}`, once")]
    UnknownToken(String),

    /// A signature that would not cover the body.
    #[error("a signed message must contain `{{body}}`")]
    WithoutBody,
}

const BODY: &str = "{body}";
