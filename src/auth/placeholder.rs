//! The tokens of a template, such as `{ts}` or `{header:NAME}`: placeholders for values of the delivery.

use std::fmt;

use http::HeaderName;

use super::Source;
use super::canonical::Canonical;

/// A value of the delivery, or of the endpoint's settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Placeholder {
    /// A canonical form of the request that one provider defines.
    Canonical(Canonical),
    /// The CRC-32 of the body, as a decimal number.
    Crc32,
    /// Every field of a form, sorted.
    Form,
    /// The method of the request.
    Method,
    /// The endpoint's setting with this name.
    Setting(Box<str>),
    /// A value of the request.
    Source {
        source: Source,
        /// Whether the value may be absent; it is empty then.
        optional: bool,
    },
    /// The text of the timestamp, as it was sent.
    Timestamp,
    /// The public URL of the endpoint.
    Url,
}

impl Placeholder {
    /// The token `{name}`.
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
                    // `{body}` splits the template instead, so that the body is not copied.
                    (!source.may_be_whole_body()).then_some(Self::Source { source, optional })?
                }
            },
        })
    }

    /// Whether the value requires the body.
    pub(super) fn is_in_body(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.is_in_body(),
            Self::Crc32 | Self::Form => true,
            Self::Source { source, .. } => source.is_in_body(),
            Self::Method | Self::Setting(_) | Self::Timestamp | Self::Url => false,
        }
    }

    /// Whether the value contains every field of a form.
    pub(super) fn has_form(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_form(),
            token => *token == Self::Form,
        }
    }

    /// The header of the timestamp that the value always contains, if it contains one.
    pub(super) fn own_time(&self) -> Option<HeaderName> {
        match self {
            Self::Canonical(canonical) => canonical.own_time(),
            _ => None,
        }
    }

    /// Whether the value contains the timestamp.
    pub(super) fn has_timestamp(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_timestamp(),
            token => *token == Self::Timestamp,
        }
    }

    /// Whether the value contains the URL with its host.
    pub(super) fn has_whole_url(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_whole_url(),
            token => *token == Self::Url,
        }
    }

    /// Whether the value contains the URL, or its path and query.
    pub(super) fn has_url(&self) -> bool {
        match self {
            Self::Canonical(canonical) => canonical.has_url(),
            token => *token == Self::Url,
        }
    }
}

/// For messages. The result is not template syntax.
impl fmt::Display for Placeholder {
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

/// The text of a template from an unknown token on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "unknown token at `{0}`; the tokens are `{{body}}` (once), `{{ts}}`, `{{url}}`, `{{method}}`, `{{form}}`, \
     `{{crc32:body}}`, `{{secret}}` (only at the start), `{{config:NAME}}`, `{{contentful:path}}`, \
     `{{contentful:headers}}`, `{{hook0:headers}}`, `{{plivo-v3}}`, `{{aws-sns}}`, and sources such as \
     `{{header:NAME}}`, or `{{header:NAME?}}` if the value may be absent"
)]
pub struct ParseTemplateError(pub(super) String);
