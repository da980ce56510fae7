//! The headers that are not passed on: hop-by-hop headers, spoofed headers of the gate, and credentials.

use http::HeaderMap;
use http::header::{self, HeaderName};
use pingora_http::ResponseHeader;

use super::HeaderNames;
use super::head::RequestHead;
use super::names::{ALWAYS_RESERVED, begins_like, reads_like};
use crate::auth::{Place, Scheme};

/// Decides which headers of a sender the backend gets.
pub(super) struct Filter<'a> {
    names: &'a HeaderNames,
    credentials: &'a [Place],
    trusted: bool,
    /// Whether the trace of the sender is continued. Without it, its `tracestate` has no meaning.
    continues_trace: bool,
    /// The headers that the scheme of the endpoint reads.
    read: Vec<&'a [u8]>,
    nominated: Vec<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// A filter for `head`. `trusted` is whether a trusted proxy has sent it. `credentials` are the places of the secret
    /// itself, and `scheme` is that of the endpoint.
    pub(super) fn new(
        head: &'a RequestHead,
        names: &'a HeaderNames,
        trusted: bool,
        continues_trace: bool,
        credentials: &'a [Place],
        scheme: Option<&'a Scheme>,
    ) -> Self {
        let headers = scheme.into_iter().flat_map(Scheme::headers);
        let read: Vec<&[u8]> = headers.map(|name| name.as_str().as_bytes()).collect();
        // The backend gets every header that a signature may cover, because it may verify the signature itself.
        let nominated = if scheme.is_some_and(Scheme::has_chosen_headers) {
            Vec::new()
        } else {
            let is_read = |name: &[u8]| read.iter().any(|known| reads_like(name, known));
            let mut nominated = nominated(&head.headers);
            nominated.retain(|name| !is_read(name));
            nominated
        };
        Self {
            names,
            credentials,
            trusted,
            continues_trace,
            read,
            nominated,
        }
    }

    /// Whether a header of this name is passed on.
    pub(super) fn passes(&self, name: &[u8]) -> bool {
        let is = |other: &[u8]| reads_like(name, other);
        !(is_replaced(name)
            || is_hop_by_hop(name)
            || self.nominated.iter().any(|other| is(other))
            || self.names.is_reserved(name)
            || self.names.is_withheld(name)
            || self.is_disguised(name)
            || !self.continues_trace && is(b"tracestate")
            || is_forwarding_header(name) && !(self.trusted && is_spelt_plainly(name))
            || self.credentials.iter().any(
                |source| matches!(source, Place::Header(other) if is(other.as_str().as_bytes())),
            ))
    }

    /// Whether a reader could take a header of this name for one that the gate has read under its usual name. CGI and
    /// similar servers read `Content_Type` and `Content-Type` as one variable.
    fn is_disguised(&self, name: &[u8]) -> bool {
        if self.read.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return false;
        }
        self.read.iter().any(|own| reads_like(name, own))
            || !is_spelt_plainly(name)
                && (describes_body(name) || OF_OTHERS.iter().any(|other| reads_like(name, other)))
    }
}

/// Whether a name has a meaning in HTTP or for providers, so that no header of the gate may have it.
pub fn belongs_to_others(name: &[u8]) -> bool {
    is_replaced(name)
        || is_hop_by_hop(name)
        || is_forwarding_header(name)
        || ALWAYS_RESERVED
            .iter()
            .any(|own| reads_like(name, own.as_bytes()))
        || OF_OTHERS.iter().any(|other| reads_like(name, other))
}

/// Whether a namespace would cover names with such a meaning.
pub fn covers_others(namespace: &[u8]) -> bool {
    let covered = |name: &&[u8]| begins_like(name, namespace);
    let reserved = ALWAYS_RESERVED.iter().map(|name| name.as_bytes());
    let mut all = REPLACED
        .into_iter()
        .chain(HOP_BY_HOP)
        .chain(OF_OTHERS)
        .chain(reserved);
    all.any(|name| covered(&name))
}

/// Removes the hop-by-hop headers of a backend's answer.
pub(super) fn strip_hop_by_hop(head: &mut ResponseHeader) {
    let nominated: Vec<HeaderName> = nominated(&head.headers)
        .into_iter()
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    for name in &nominated {
        head.remove_header(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "trailer",
        "upgrade",
    ] {
        head.remove_header(name);
    }
}

/// The headers that `Connection` nominates as hop-by-hop (RFC 9110 §7.6.1). Headers that describe the body are meant for
/// its reader and cannot be nominated.
fn nominated(headers: &HeaderMap) -> Vec<&[u8]> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty() && !describes_body(name))
        .collect()
}

/// Whether a header of this name says how the body is read.
pub fn describes_body(name: &[u8]) -> bool {
    begins_like(name, b"content-")
        || [&b"digest"[..], b"repr-digest", b"mime-version"]
            .iter()
            .any(|known| reads_like(name, known))
}

/// Whether the gate writes a header of this name in place of the sender's.
fn is_replaced(name: &[u8]) -> bool {
    REPLACED.iter().any(|other| reads_like(name, other))
}

fn is_hop_by_hop(name: &[u8]) -> bool {
    HOP_BY_HOP.iter().any(|other| reads_like(name, other))
}

/// Whether a proxy uses a header of this name to describe its own peer.
fn is_forwarding_header(name: &[u8]) -> bool {
    begins_like(name, b"x-forwarded-")
        || reads_like(name, b"x-real-ip")
        || reads_like(name, b"forwarded")
}

/// Whether a name is spelt as proxies spell it. A proxy passes unknown headers on, so its own sender could choose a
/// spelling that only the backend takes for the proxy's header.
fn is_spelt_plainly(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// In the form for comparisons: lower case, with `-` for every other character.
const REPLACED: [&[u8]; 6] = [
    b"host",
    b"content-length",
    b"traceparent",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
];
const HOP_BY_HOP: [&[u8]; 11] = [
    b"connection",
    b"expect",
    b"http2-settings",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
];
/// Headers with a meaning for senders, providers and proxies (RFC 9110 and others).
const OF_OTHERS: [&[u8]; 31] = [
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"authorization",
    b"cache-control",
    b"content-disposition",
    b"content-encoding",
    b"content-language",
    b"content-location",
    b"content-range",
    b"content-type",
    b"cookie",
    b"date",
    b"forwarded",
    b"from",
    b"if-match",
    b"origin",
    b"pragma",
    b"range",
    b"referer",
    b"sec-fetch-site",
    b"signature",
    b"tracestate",
    b"user-agent",
    b"via",
    b"x-api-key",
    b"x-github-delivery",
    b"x-github-event",
    b"x-hub-signature",
    b"x-hub-signature-256",
    b"x-real-ip",
];

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::proxy::{HeadLimits, WITHHELD};

    fn head(lines: &str) -> RequestHead {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let limits = HeadLimits {
            bytes: 4096,
            headers: 50,
        };
        RequestHead::parse(&Bytes::from(head), limits).unwrap()
    }

    #[test]
    fn a_header_is_withheld_if_the_gate_or_a_proxy_gives_it_its_meaning() {
        let names = HeaderNames::new("X-Portal-", |_| None).unwrap();
        let names = names.withholding(WITHHELD);
        let head = head("Connection: close, X-Hop ,content-type, x_token\r\n");
        let credentials = [Place::Header(HeaderName::from_static("x-api-key"))];
        // Whether it passes from a stranger, and from a trusted proxy.
        for (name, from_stranger, from_proxy) in [
            ("Content-Type", true, true),
            ("Digest", true, true),
            ("Authorization", true, true),
            ("X-GitHub-Event", true, true),
            ("Cookie", true, true),
            // Written by the gate.
            ("Host", false, false),
            ("Content-Length", false, false),
            ("content_length", false, false),
            ("Traceparent", false, false),
            // Hop-by-hop.
            ("Transfer-Encoding", false, false),
            ("transfer_encoding", false, false),
            ("TE", false, false),
            ("Expect", false, false),
            ("Connection", false, false),
            ("X-Hop", false, false),
            ("x_hop", false, false),
            ("X-Token", false, false),
            ("X-Hops", true, true),
            // Facts of the gate.
            ("X-Portal-Org-Id", false, false),
            ("x_portal_new", false, false),
            ("X-Request-Id", false, false),
            ("Portcullis-Reason", false, false),
            // Overrides and credentials.
            ("X-HTTP-Method-Override", false, false),
            ("x_original_url", false, false),
            ("X-Api-Key", false, false),
            ("x_api_key", false, false),
            // Forwarding headers that the gate does not write itself.
            ("X-Forwarded-For", false, false),
            ("X-Forwarded-Port", false, true),
            ("x-real-ip", false, true),
            ("Forwarded", false, true),
            ("X_Forwarded_Port", false, false),
            ("x-real_ip", false, false),
            ("X-Forwarded", true, true),
        ] {
            for (trusted, passes) in [(false, from_stranger), (true, from_proxy)] {
                let filter = Filter::new(&head, &names, trusted, true, &credentials, None);
                assert_eq!(filter.passes(name.as_bytes()), passes, "{name} {trusted}");
            }
        }
    }

    #[test]
    fn a_trace_state_passes_only_with_its_trace() {
        let names = HeaderNames::new("X-Portal-", |_| None).unwrap();
        let head = head("");
        for continues_trace in [true, false] {
            let filter = Filter::new(&head, &names, true, continues_trace, &[], None);
            assert_eq!(filter.passes(b"tracestate"), continues_trace);
            assert!(filter.passes(b"Trace_State"));
        }
    }

    #[test]
    fn no_header_of_the_gate_has_the_name_of_another_header() {
        for (name, belongs, namespace_covers) in [
            ("Content-Length", true, true),
            ("content_type", true, true),
            ("User-Agent", true, true),
            ("X-Forwarded-Port", true, false),
            ("X-GitHub-Event", true, true),
            ("Portcullis-Reason", true, true),
            ("X-Portal-", false, false),
            ("X-", false, true),
            ("Content-", false, true),
            ("X-Hub-", false, true),
            ("X-Hub-S", false, true),
            ("X-Hubs-", false, false),
            ("Acme-", false, false),
        ] {
            assert_eq!(belongs_to_others(name.as_bytes()), belongs, "{name}");
            assert_eq!(covers_others(name.as_bytes()), namespace_covers, "{name}");
        }
    }

    #[test]
    fn an_answer_loses_its_hop_by_hop_headers_and_keeps_what_describes_its_body() {
        let mut head = ResponseHeader::build(200, None).unwrap();
        for (name, value) in [
            ("Connection", "keep-alive, X-Hop, Content-Encoding, a b"),
            ("Connection", "x-other"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "close"),
            ("Trailer", "X-Sum"),
            ("Upgrade", "h2c"),
            ("X-Hop", "1"),
            ("X-Other", "1"),
            ("X-Kept", "1"),
            ("Content-Encoding", "gzip"),
            ("Set-Cookie", "a=b"),
        ] {
            head.append_header(name, value).unwrap();
        }
        strip_hop_by_hop(&mut head);
        let mut kept: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["content-encoding", "set-cookie", "x-kept"]);
    }
}
