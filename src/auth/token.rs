//! The parts of a template that a delivery fills in.

use std::fmt;

use http::HeaderName;

use super::Source;
use super::canonical::Canonical;

/// What a delivery fills in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// A form of the request that one provider signs.
    Canonical(Canonical),
    /// The CRC-32 of the body, as a decimal number.
    Crc32,
    /// Every field of a form.
    Form,
    /// The method.
    Method,
    /// What the endpoint says under this name.
    Setting(Box<str>),
    /// A value of the request.
    Source {
        source: Source,
        /// Whether it may be missing, and is empty then.
        optional: bool,
    },
    /// The time, as it was sent.
    Timestamp,
    /// The public URL.
    Url,
}

impl Token {
    /// The token that is written `{name}`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "crc32:body" => Self::Crc32,
            "form" => Self::Form,
            "method" => Self::Method,
            "ts" => Self::Timestamp,
            "url" => Self::Url,
            _ if Canonical::named(name).is_some() => Self::Canonical(Canonical::named(name)?),
            _ => match name.strip_prefix("config:") {
                Some(setting) if !setting.is_empty() => Self::Setting(setting.into()),
                _ => {
                    let (source, optional) = match name.strip_suffix('?') {
                        Some(source) => (source, true),
                        None => (name, false),
                    };
                    let source: Source = source.parse().ok()?;
                    // The body has a token of its own, which is not copied.
                    (!source.may_be_whole_body()).then_some(Self::Source { source, optional })?
                }
            },
        })
    }

    /// Whether the body has to be there for it.
    pub(super) fn is_in_body(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.is_in_body(),
            Self::Crc32 | Self::Form => true,
            Self::Source { source, .. } => source.is_in_body(),
            Self::Method | Self::Setting(_) | Self::Timestamp | Self::Url => false,
        }
    }

    /// Whether all of a form is in it.
    pub(super) fn has_form(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_form(),
            token => *token == Self::Form,
        }
    }

    /// The header of the time, if only that one is in it.
    pub(super) fn own_time(&self) -> Option<HeaderName> {
        match self {
            Self::Canonical(canonical) => canonical.own_time(),
            _ => None,
        }
    }

    /// Whether the time is in it.
    pub(super) fn has_timestamp(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_timestamp(),
            token => *token == Self::Timestamp,
        }
    }

    /// Whether the URL is in it with its host.
    pub(super) fn has_whole_url(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_whole_url(),
            token => *token == Self::Url,
        }
    }

    /// Whether the URL is in it.
    pub(super) fn has_url(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_url(),
            token => *token == Self::Url,
        }
    }
}

/// For people; it is not the language of templates.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canonical(_) => f.write_str("the canonical form of the request"),
            Self::Crc32 => f.write_str("the CRC-32 of the body"),
            Self::Form => f.write_str("the form"),
            Self::Method => f.write_str("the method"),
            Self::Setting(name) => write!(f, "the setting {name}"),
            Self::Source { source, .. } => source.fmt(f),
            Self::Timestamp => f.write_str("the timestamp"),
            Self::Url => f.write_str("the URL"),
        }
    }
}

/// A token that the language does not have, from its brace on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "unknown token at `{0}`: there is `{{body}}`, once, `{{ts}}`, `{{url}}`, `{{method}}`, `{{form}}`, \
     `{{crc32:body}}`, `{{secret}}` at the very beginning, `{{config:NAME}}`, \
     `{{contentful:path}}`, `{{contentful:headers}}`, `{{hook0:headers}}`, `{{plivo-v3}}`, `{{aws-sns}}`, and sources such as \
     `{{header:NAME}}`, with a `?` behind them if they may be missing"
)]
pub struct UnknownToken(pub(super) String);
