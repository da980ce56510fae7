//! Canonical forms of a request that one provider signs and that no template can express.

mod contentful;
mod hook0;
mod plivo;

use http::{HeaderMap, HeaderName};

use super::view::View;
use super::{Defect, PartialRequest, Place, Source};

/// A canonical form, which a template contains as a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Canonical {
    /// The headers that the request lists as signed.
    ContentfulHeaders,
    /// The path and the query, percent-encoded again.
    ContentfulPath,
    /// The headers that Hook0 signs between the timestamp and the body.
    Hook0Headers,
    /// The URL, the query, the form and a nonce.
    PlivoV3,
    /// The signed members of a message of Amazon SNS.
    Sns,
}

impl Canonical {
    /// The canonical form of the token `{name}`.
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

    /// The signed text of a request; `None` if a value is missing, repeated or ambiguous.
    pub(super) fn text(self, received: &View<'_>, url: Option<&str>) -> Option<Vec<u8>> {
        match self {
            Self::ContentfulHeaders => contentful::headers(received.head().headers),
            Self::ContentfulPath => contentful::path(url?),
            Self::Hook0Headers => hook0::headers(received.head().headers),
            Self::PlivoV3 => plivo::text(received, url?),
            Self::Sns => received.sns_message()?.signed_text(),
        }
    }

    /// The value because of which the request has no signed text, for `explain`.
    pub(super) fn defect(self, received: &View<'_>, url: Option<&str>) -> Option<Defect> {
        match self {
            Self::ContentfulHeaders => contentful::headers_defect(received.head().headers),
            Self::ContentfulPath => contentful::path_defect(url?),
            Self::Hook0Headers => hook0::defect(received.head().headers),
            Self::PlivoV3 => plivo::defect(received, url?),
            Self::Sns => None,
        }
    }

    /// Whether the text determines its own end, whatever follows it.
    pub(super) fn ends_by_itself(self) -> bool {
        matches!(self, Self::Hook0Headers)
    }

    /// Whether the signed message determines where the body after the text begins.
    pub(super) fn may_precede(self, received: &PartialRequest<'_>) -> bool {
        let body = received.body.unwrap_or_default();
        match self {
            Self::Hook0Headers => hook0::may_precede(received.head.headers, body),
            Self::ContentfulHeaders | Self::ContentfulPath | Self::PlivoV3 | Self::Sns => true,
        }
    }

    /// The header that a sender adds so that the text is complete. `id` is unique to the delivery.
    pub(super) fn added(self, id: &str) -> Option<(HeaderName, String)> {
        match self {
            Self::ContentfulHeaders => Some((contentful::LIST, contentful::shortest_list())),
            Self::ContentfulPath | Self::Sns => None,
            Self::Hook0Headers => Some((hook0::EVENT_ID, id.to_owned())),
            Self::PlivoV3 => Some((plivo::NONCE, id.to_owned())),
        }
    }

    /// The list of signed headers for a sender that adds `added`, and the signature header that contains the list.
    pub(super) fn list(self, added: &[(Place, String)]) -> Option<(HeaderName, String)> {
        matches!(self, Self::Hook0Headers).then(|| hook0::list(added))
    }

    /// Whether the text contains the value at `source`.
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

    /// Whether the text contains the URL with its host.
    pub(super) fn has_whole_url(self) -> bool {
        matches!(self, Self::PlivoV3)
    }

    /// Whether the text contains the URL, or its path and query.
    pub(super) fn has_url(self) -> bool {
        matches!(self, Self::ContentfulPath | Self::PlivoV3)
    }

    /// The header of the timestamp that the text always contains.
    pub(super) fn own_time(self) -> Option<HeaderName> {
        matches!(self, Self::ContentfulHeaders).then_some(contentful::TIMESTAMP)
    }

    /// Whether the text contains the timestamp.
    pub(super) fn has_timestamp(self) -> bool {
        self.own_time().is_some()
    }

    /// Whether the text depends on the body.
    pub(super) fn is_in_body(self) -> bool {
        matches!(self, Self::PlivoV3 | Self::Sns)
    }

    /// Whether the text contains every field of a form.
    pub(super) fn has_form(self) -> bool {
        matches!(self, Self::PlivoV3)
    }
}

/// Parses a list of signed headers. An invalid or repeated name is a defect of the header `list`.
fn parse_list<'l>(
    list: &HeaderName,
    texts: impl Iterator<Item = &'l [u8]>,
    parse_name: impl Fn(&[u8]) -> Option<HeaderName>,
) -> Result<Vec<HeaderName>, Defect> {
    let mut names = Vec::new();
    for text in texts {
        match parse_name(text).filter(|name| !names.contains(name)) {
            Some(name) => names.push(name),
            None => {
                return Err(Defect::HeaderList {
                    place: place_of(list),
                    name: Some(String::from_utf8_lossy(text).into_owned()),
                });
            }
        }
    }
    Ok(names)
}

/// The only value of a header, without surrounding white space.
fn single_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes().trim_ascii();
    values.next().is_none().then_some(value)
}

/// Why [`single_value`] finds no value.
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

/// The limit for a list of signed headers. No request has more headers.
const MAX_HEADERS: usize = 100;
