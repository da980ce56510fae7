//! What is not passed on: headers between two neighbours, headers in the gate's own name, credentials.

use http::HeaderMap;
use http::header::{self, HeaderName};
use pingora_http::ResponseHeader;

use super::HeaderNames;
use super::head::RequestHead;
use super::names::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, TRACEPARENT};
use crate::auth::Source;

/// Which headers of the sender's are passed on.
pub(super) struct Filter<'a> {
    names: &'a HeaderNames,
    credentials: &'a [Source],
    trusted: bool,
    nominated: Vec<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// A filter for `head`. `trusted` is whether a trusted proxy has sent it; `credentials` is where
    /// the secret itself was sent.
    pub(super) fn new(
        head: &'a RequestHead,
        names: &'a HeaderNames,
        trusted: bool,
        credentials: &'a [Source],
    ) -> Self {
        Self {
            names,
            credentials,
            trusted,
            nominated: nominated(&head.headers),
        }
    }

    /// Whether a header of this name is the sender's to send.
    pub(super) fn passes(&self, name: &[u8]) -> bool {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        !(REPLACED
            .iter()
            .chain(&HOP_BY_HOP)
            .any(|other| is(other.as_bytes()))
            || self.nominated.iter().any(|other| is(other))
            || self.names.is_reserved(name)
            || speaks_for_a_proxy(name) && !(self.trusted && is_kept_from_proxies(name))
            || self.credentials.iter().any(
                |source| matches!(source, Source::Header(other) if is(other.as_str().as_bytes())),
            ))
    }
}

/// Removes from the backend's answer what is between it and the gate only. The transfer coding stays:
/// it says how Pingora has to frame the answer.
pub(super) fn strip_hop_by_hop(head: &mut ResponseHeader) {
    let nominated: Vec<HeaderName> = nominated(&head.headers)
        .into_iter()
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| name != header::TRANSFER_ENCODING && name != header::CONTENT_LENGTH)
        .collect();
    for name in &nominated {
        head.remove_header(name);
    }
    for name in ["connection", "keep-alive", "proxy-connection", "upgrade"] {
        head.remove_header(name);
    }
}

/// The headers that are between two neighbours only because `Connection` says so (RFC 9110 §7.6.1).
fn nominated(headers: &HeaderMap) -> Vec<&[u8]> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether a header says what a proxy would say about its own peer, however it is spelt.
fn speaks_for_a_proxy(name: &[u8]) -> bool {
    let is_dash = |byte: u8| !byte.is_ascii_alphanumeric();
    let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (*b == b'-' && is_dash(*a));
    let begins_with =
        |prefix: &[u8]| name.len() >= prefix.len() && name.iter().zip(prefix).all(same);
    begins_with(b"x-forwarded-")
        || (begins_with(b"x-real-ip") && name.len() == b"x-real-ip".len())
        || name.eq_ignore_ascii_case(b"forwarded")
}

/// What a trusted proxy said and the gate does not say itself.
fn is_kept_from_proxies(name: &[u8]) -> bool {
    ![FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// Written by the gate in every case.
const REPLACED: [&str; 3] = ["host", "content-length", TRACEPARENT];
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
