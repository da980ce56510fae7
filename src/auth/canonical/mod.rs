//! Canonical forms of a request that single providers sign, where no general template can say it.

mod contentful;
mod hook0;
mod plivo;

use http::{HeaderMap, HeaderName};

use super::view::View;
use super::{Defect, PartialRequest, Place, Source};

/// A form that has a name in templates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Canonical {
    /// The headers that the request itself names as signed.
    ContentfulHeaders,
    /// The path and the query, encoded once more.
    ContentfulPath,
    /// The headers that Hook0 signs between the time and the body.
    Hook0Headers,
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
            "hook0:headers" => Some(Self::Hook0Headers),
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
            Self::Hook0Headers => hook0::headers(received.head().headers),
            Self::PlivoV3 => plivo::text(received, url?),
            Self::Sns => received.message()?.signed(),
        }
    }

    /// The value that keeps the text from being put together; `None` if nothing does.
    pub(super) fn defect(self, received: &View<'_>, url: Option<&str>) -> Option<Defect> {
        match self {
            Self::ContentfulHeaders => contentful::headers_defect(received.head().headers),
            Self::ContentfulPath => contentful::path_defect(url?),
            Self::Hook0Headers => hook0::defect(received.head().headers),
            Self::PlivoV3 => plivo::defect(received, url?),
            Self::Sns => None,
        }
    }

    /// Whether its end is certain, whatever stands behind it.
    pub(super) fn ends_by_itself(self) -> bool {
        matches!(self, Self::Hook0Headers)
    }

    /// Whether it is certain where the body begins that follows it.
    pub(super) fn may_precede(self, received: &PartialRequest<'_>) -> bool {
        let body = received.body.unwrap_or_default();
        match self {
            Self::Hook0Headers => hook0::may_precede(received.head.headers, body),
            Self::ContentfulHeaders | Self::ContentfulPath | Self::PlivoV3 | Self::Sns => true,
        }
    }

    /// What a sender adds to the head for it; `id` is what no other delivery has.
    pub(super) fn added(self, id: &str) -> Option<(HeaderName, String)> {
        match self {
            Self::ContentfulHeaders => Some((contentful::LIST, contentful::least_list())),
            Self::ContentfulPath | Self::Sns => None,
            Self::Hook0Headers => Some((hook0::ADDED, id.to_owned())),
            Self::PlivoV3 => Some((plivo::NONCE, id.to_owned())),
        }
    }

    /// What a sender that adds `added` to the head puts into the header of the signature, beside the
    /// signature.
    pub(super) fn list(self, added: &[(Place, String)]) -> Option<(HeaderName, String)> {
        matches!(self, Self::Hook0Headers).then(|| hook0::list(added))
    }

    /// Whether the value at `source` is a part of it.
    pub(super) fn covers(self, source: &Source) -> bool {
        match self {
            Self::ContentfulHeaders | Self::ContentfulPath | Self::Hook0Headers => false,
            Self::PlivoV3 => *source == Place::Header(plivo::NONCE).into(),
            Self::Sns => source.is_member("MessageId"),
        }
    }

    /// Whether the delivery names the headers that are a part of it.
    pub(super) fn has_chosen_headers(self) -> bool {
        matches!(self, Self::ContentfulHeaders | Self::Hook0Headers)
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

/// The names of a list of signed headers, or what is wrong with one of them.
fn listed<'l>(
    list: &HeaderName,
    names: impl Iterator<Item = &'l [u8]>,
    name: impl Fn(&[u8]) -> Option<HeaderName>,
) -> Result<Vec<HeaderName>, Defect> {
    let mut listed = Vec::new();
    for text in names {
        match name(text).filter(|name| !listed.contains(name)) {
            Some(name) => listed.push(name),
            None => {
                return Err(Defect::HeaderList {
                    place: place_of(list),
                    name: Some(String::from_utf8_lossy(text).into_owned()),
                });
            }
        }
    }
    Ok(listed)
}

/// Why a signed header has no value, or several.
fn single_defect(headers: &HeaderMap, name: &HeaderName) -> Option<Defect> {
    match headers.get_all(name).iter().count() {
        0 => Some(Defect::Missing(place_of(name))),
        1 => None,
        _ => Some(Defect::Repeated(place_of(name))),
    }
}

fn place_of(header: &HeaderName) -> String {
    Place::Header(header.clone()).to_string()
}
