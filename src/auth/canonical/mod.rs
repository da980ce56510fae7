//! Canonical forms of a request that single providers sign, where no general template can say it.

mod contentful;
mod plivo;

use http::HeaderName;

use super::view::View;
use super::{Place, Source};

/// A form that has a name in templates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Canonical {
    /// The headers that the request itself names as signed.
    ContentfulHeaders,
    /// The path and the query, encoded once more.
    ContentfulPath,
    /// URL, query, form and nonce.
    PlivoV3,
    /// The members of a message of Amazon SNS.
    Sns,
}

impl Canonical {
    /// The one that is written `{name}`.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "contentful:headers" => Some(Self::ContentfulHeaders),
            "contentful:path" => Some(Self::ContentfulPath),
            "plivo-v3" => Some(Self::PlivoV3),
            "aws-sns" => Some(Self::Sns),
            _ => None,
        }
    }

    /// The text for a request; `None` if it has not got what is signed.
    pub(super) fn text(self, received: &View<'_>, url: Option<&str>) -> Option<Vec<u8>> {
        match self {
            Self::ContentfulHeaders => contentful::headers(received.head().headers),
            Self::ContentfulPath => contentful::path(url?),
            Self::PlivoV3 => plivo::text(received, url?),
            Self::Sns => received.message()?.signed(),
        }
    }

    /// What a sender adds to the head for it; `id` is what no other delivery has.
    pub(super) fn added(self, id: &str) -> Option<(HeaderName, String)> {
        match self {
            Self::ContentfulHeaders => Some((contentful::LIST, contentful::least_list())),
            Self::ContentfulPath | Self::Sns => None,
            Self::PlivoV3 => Some((plivo::NONCE, id.to_owned())),
        }
    }

    /// Whether the value at `source` is a part of it.
    pub(super) fn covers(self, source: &Source) -> bool {
        match self {
            Self::ContentfulHeaders | Self::ContentfulPath => false,
            Self::PlivoV3 => *source == Place::Header(plivo::NONCE).into(),
            Self::Sns => source.is_member("MessageId"),
        }
    }

    /// Whether the URL is a part of it, with its host.
    pub(super) fn has_whole_url(self) -> bool {
        matches!(self, Self::PlivoV3)
    }

    pub(super) fn has_url(self) -> bool {
        matches!(self, Self::ContentfulPath | Self::PlivoV3)
    }

    /// The header of the time that is a part of it.
    pub(super) fn own_time(self) -> Option<HeaderName> {
        matches!(self, Self::ContentfulHeaders).then_some(contentful::TIMESTAMP)
    }

    /// Whether the time is a part of it.
    pub(super) fn has_timestamp(self) -> bool {
        self.own_time().is_some()
    }

    /// Whether the body has to be there for it.
    pub(super) fn is_in_body(self) -> bool {
        matches!(self, Self::PlivoV3 | Self::Sns)
    }

    /// Whether it has every field of a form in it.
    pub(super) fn has_form(self) -> bool {
        matches!(self, Self::PlivoV3)
    }
}
