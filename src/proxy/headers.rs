//! The head that the backend gets: what the sender wrote, without what is not the sender's to say, and
//! with what the gate knows.

use std::net::IpAddr;

use http::header::{self, HeaderName};
use http::{HeaderValue, Version};
use pingora_http::RequestHeader;

use super::{HeaderNames, TrustedProxies};
use crate::auth::{Claim, Head, Mode, Source};
use crate::directory::{Auth, Endpoint};
use crate::gate::Admitted;

/// What goes into a head beside the sender's own words.
pub(super) struct Additions<'a> {
    pub(super) admitted: &'a Admitted,
    pub(super) names: &'a HeaderNames,
    pub(super) trusted: &'a TrustedProxies,
    pub(super) request_id: &'a HeaderValue,
    pub(super) peer: Option<IpAddr>,
    pub(super) over_tls: bool,
    /// The `Host` that the upstream wants, if it is not the sender's.
    pub(super) host: Option<&'a HeaderValue>,
}

/// Turns the sender's head into the backend's.
///
/// The order is the point: everything is taken away first and added last, exactly once.
pub(super) fn prepare(
    mut head: RequestHeader,
    add: &Additions<'_>,
) -> Result<RequestHeader, Box<pingora_error::Error>> {
    let endpoint = add.admitted.endpoint();
    let hints = Hints::read(&head, endpoint);
    let host = host_of(&head);
    let trusted = add.peer.is_some_and(|peer| add.trusted.trusts(peer));

    strip_hop_by_hop(&mut head);
    strip_reserved(&mut head, add.names, trusted);
    let target = target(&head, endpoint, add.admitted.verified().credentials());
    if !endpoint.forward_credentials {
        strip_credentials(&mut head, add.admitted.verified().credentials());
    }

    head.set_raw_path(target.as_bytes())?;
    head.set_version(Version::HTTP_11);
    head.insert_header(
        header::CONTENT_LENGTH,
        HeaderValue::from(add.admitted.body().len()),
    )?;
    if let Some(value) = add.host.or(host.as_ref()) {
        head.insert_header(header::HOST, value.clone())?;
    }
    add_forwarded(&mut head, add, host, trusted)?;
    add_portal(&mut head, add, hints)?;
    Ok(head)
}

/// What the sender says about its delivery, unproven, read before anything is stripped.
struct Hints {
    delivery: Option<HeaderValue>,
}

impl Hints {
    fn read(head: &RequestHeader, endpoint: &Endpoint) -> Self {
        let Auth::Proof(proof) = &endpoint.auth else {
            return Self { delivery: None };
        };
        let auth_head = Head {
            method: &head.method,
            headers: &head.headers,
            query: head.uri.query(),
        };
        Self {
            delivery: proof
                .scheme
                .id()
                .and_then(|source| Claim::hint(source, &auth_head))
                .and_then(|id| HeaderValue::from_str(&id).ok()),
        }
    }
}

/// The host that the sender spoke to; HTTP/2 has it in the target.
fn host_of(head: &RequestHeader) -> Option<HeaderValue> {
    match head.headers.get(header::HOST) {
        Some(host) => Some(host.clone()),
        None => HeaderValue::from_str(head.uri.authority()?.as_str()).ok(),
    }
}

/// Removes what is between the sender and the gate only (RFC 9110 §7.6.1).
fn strip_hop_by_hop(head: &mut RequestHeader) {
    let nominated: Vec<HeaderName> = head
        .headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    for name in &nominated {
        head.remove_header(name);
    }
    for name in HOP_BY_HOP {
        head.remove_header(name);
    }
}

/// Removes every header that speaks for the gate, however it is spelt.
fn strip_reserved(head: &mut RequestHeader, names: &HeaderNames, trusted: bool) {
    let reserved: Vec<HeaderName> = head
        .headers
        .keys()
        .filter(|name| names.is_reserved(name) || (!trusted && speaks_for_a_proxy(name)))
        .cloned()
        .collect();
    for name in &reserved {
        head.remove_header(name);
    }
}

fn speaks_for_a_proxy(name: &HeaderName) -> bool {
    // Underscores are spelt out too: some servers do not tell `X_Forwarded_For` from the real one.
    let name = name.as_str().as_bytes();
    let starts_with = |prefix: &[u8]| {
        name.len() >= prefix.len()
            && name
                .iter()
                .zip(prefix)
                .all(|(a, b)| a == b || (!a.is_ascii_alphanumeric() && *b == b'-'))
    };
    starts_with(b"x-forwarded-")
        || (starts_with(b"x-real-ip") && name.len() == b"x-real-ip".len())
        || name == b"forwarded"
}

fn strip_credentials(head: &mut RequestHeader, credentials: &[Source]) {
    for source in credentials {
        if let Source::Header(name) = source {
            head.remove_header(name);
        }
    }
}

/// The path and query for the backend.
fn target(head: &RequestHeader, endpoint: &Endpoint, credentials: &[Source]) -> String {
    let path = head.uri.path();
    let mut target = endpoint
        .path
        .as_ref()
        .and_then(|template| template.expand(|name| (name == "path").then_some(path)))
        .unwrap_or_else(|| path.to_owned());
    let Some(query) = head.uri.query() else {
        return target;
    };
    let spent: Vec<&str> = credentials
        .iter()
        .filter_map(|source| match source {
            Source::Query(name) if !endpoint.forward_credentials => Some(&**name),
            _ => None,
        })
        .collect();
    if spent.is_empty() {
        target.push('?');
        target.push_str(query);
        return target;
    }
    // The other parameters keep their bytes and their order.
    let mut separator = '?';
    for pair in query.split('&') {
        let is_spent = form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(name, _)| spent.contains(&&*name));
        if !is_spent {
            target.push(separator);
            target.push_str(pair);
            separator = '&';
        }
    }
    target
}

fn add_forwarded(
    head: &mut RequestHeader,
    add: &Additions<'_>,
    host: Option<HeaderValue>,
    trusted: bool,
) -> Result<(), Box<pingora_error::Error>> {
    if let Some(peer) = add.peer {
        let peer = peer.to_canonical();
        // Only a trusted proxy's own header is still there.
        let hops: Vec<&[u8]> = head
            .headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        let mut chain = hops.join(&b", "[..]);
        if !chain.is_empty() {
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(peer.to_string().as_bytes());
        head.insert_header(FORWARDED_FOR, chain)?;
    }
    if !(trusted && head.headers.contains_key(FORWARDED_PROTO)) {
        let proto = if add.over_tls { "https" } else { "http" };
        head.insert_header(FORWARDED_PROTO, HeaderValue::from_static(proto))?;
    }
    if let Some(host) = host
        && !(trusted && head.headers.contains_key(FORWARDED_HOST))
    {
        head.insert_header(FORWARDED_HOST, host)?;
    }
    let trace = traceparent(head.headers.get(TRACEPARENT));
    head.insert_header(TRACEPARENT, trace)
}

fn add_portal(
    head: &mut RequestHeader,
    add: &Additions<'_>,
    hints: Hints,
) -> Result<(), Box<pingora_error::Error>> {
    let names = add.names;
    let endpoint = add.admitted.endpoint();
    let mode = endpoint.auth.mode().map_or("none", Mode::word);
    head.insert_header(
        names.organisation.clone(),
        endpoint.organisation.header_value(),
    )?;
    head.insert_header(names.workspace.clone(), endpoint.workspace.header_value())?;
    head.insert_header(names.endpoint.clone(), endpoint.id_value.clone())?;
    head.insert_header(names.target.clone(), endpoint.target.header_value())?;
    head.insert_header(names.mode.clone(), HeaderValue::from_static(mode))?;
    if let Some(installation) = &endpoint.installation {
        head.insert_header(names.installation.clone(), installation.header_value())?;
    }
    if let Some(event) = &endpoint.event_name {
        head.insert_header(names.event.clone(), event.header_value())?;
    }
    if let Some(version) = add.admitted.verified().version() {
        head.insert_header(names.secret_version.clone(), HeaderValue::from(version))?;
    }
    if let Some(delivery) = hints.delivery {
        head.insert_header(names.delivery.clone(), delivery)?;
    }
    head.insert_header(REQUEST_ID, add.request_id.clone())
}

/// The trace that this delivery belongs to: the sender's, with a span of ours, or a new one
/// (W3C Trace Context §3.2). A new trace is marked as sampled, so that the backend may record it.
fn traceparent(sent: Option<&HeaderValue>) -> String {
    let span = uuid::Uuid::new_v4().simple().to_string();
    let span = span.get(..16).unwrap_or_default();
    let sent = sent
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match sent.split('-').collect::<Vec<_>>().as_slice() {
        ["00", trace, parent, flags]
            if is_id(trace, 32) && is_id(parent, 16) && is_lower_hex(flags, 2) =>
        {
            format!("00-{trace}-{span}-{flags}")
        }
        _ => format!("00-{}-{span}-01", uuid::Uuid::new_v4().simple()),
    }
}

fn is_id(text: &str, len: usize) -> bool {
    is_lower_hex(text, len) && text.bytes().any(|byte| byte != b'0')
}

fn is_lower_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) const REQUEST_ID: &str = "X-Request-Id";
const FORWARDED_FOR: &str = "X-Forwarded-For";
const FORWARDED_HOST: &str = "X-Forwarded-Host";
const FORWARDED_PROTO: &str = "X-Forwarded-Proto";
const TRACEPARENT: &str = "traceparent";
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
