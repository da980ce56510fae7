//! The head for the backend: the sender's headers without those that it may not send, then those of the gate.
//!
//! It is written to bytes in one pass. Each header of the sender is copied as it was spelt, or left out. The gate's
//! headers come last, once, and no header of a sender can remove or follow them.

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::BufMut;
use http::HeaderValue;

use super::filter::Filter;
use super::head::RequestHead;
use super::names::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, REQUEST_ID, TRACEPARENT};
use super::{HeaderNames, TrustedProxies};
use crate::auth::Place;
use crate::directory::{Auth, Endpoint};
use crate::gate::{Admitted, event_id};

/// The facts that the gate adds to a head.
pub(super) struct Additions<'a> {
    pub(super) admitted: &'a Admitted,
    pub(super) names: &'a HeaderNames,
    pub(super) trusted: &'a TrustedProxies,
    pub(super) request_id: &'a HeaderValue,
    pub(super) peer: Option<IpAddr>,
    pub(super) over_tls: bool,
    /// The `Host` of the upstream's settings, in place of the sender's.
    pub(super) host: Option<&'a HeaderValue>,
}

/// Writes the backend's head, from the request line to the empty line.
pub(super) fn write_head(head: &RequestHead, add: &Additions<'_>) -> Vec<u8> {
    let endpoint = add.admitted.endpoint();
    let forwards_own = endpoint.forward_credentials;
    let credentials = add.admitted.verified().withheld(forwards_own);
    let mut wire = Vec::with_capacity(WIRE_CAPACITY);
    wire.put_slice(head.method.as_str().as_bytes());
    wire.put_u8(b' ');
    put_target(&mut wire, head, endpoint, credentials);
    wire.put_slice(b" HTTP/1.1\r\n");

    let host = add.host.map_or(head.host(), HeaderValue::as_bytes);
    put_field(&mut wire, b"Host", host);
    let trace = trace_of(head);
    let trusted = add.is_from_trusted();
    let scheme = match &endpoint.auth {
        Auth::Proof(proof) => Some(&*proof.scheme),
        _ => None,
    };
    let filter = Filter::new(
        head,
        add.names,
        trusted,
        trace.is_some(),
        credentials,
        scheme,
    );
    head.for_each_field(|name, value| {
        if filter.passes(name) {
            put_field(&mut wire, name, value);
        }
    });
    put_number(&mut wire, b"Content-Length", add.admitted.body().len());
    put_forwarded(&mut wire, head, add);
    let trace = trace.unwrap_or_else(new_trace);
    put_field(&mut wire, TRACEPARENT.as_bytes(), trace.as_bytes());
    put_gate_headers(&mut wire, head, add);
    wire.put_slice(b"\r\n");
    wire
}

impl Additions<'_> {
    fn is_from_trusted(&self) -> bool {
        self.peer.is_some_and(|peer| self.trusted.trusts(peer))
    }
}

/// Writes the path and query for the backend, without the token that proved the delivery.
fn put_target(wire: &mut Vec<u8>, head: &RequestHead, endpoint: &Endpoint, credentials: &[Place]) {
    let path = head.path();
    let rewritten = endpoint
        .path
        .as_ref()
        .and_then(|template| template.expand(|name| (name == "path").then_some(path)));
    wire.put_slice(rewritten.as_deref().unwrap_or(path).as_bytes());
    let Some(query) = head.query() else {
        return;
    };
    let is_credential = |name: &str| {
        credentials
            .iter()
            .any(|source| matches!(source, Place::Query(known) if **known == *name))
    };
    let mut separator = b'?';
    // The other parameters keep their bytes and their order.
    for pair in query.split('&') {
        let name = form_urlencoded::parse(pair.as_bytes()).next();
        if !credentials.is_empty() && name.is_some_and(|(name, _)| is_credential(&name)) {
            continue;
        }
        wire.put_u8(separator);
        wire.put_slice(pair.as_bytes());
        separator = b'&';
    }
}

fn put_forwarded(wire: &mut Vec<u8>, head: &RequestHead, add: &Additions<'_>) {
    let trusted = add.is_from_trusted();
    let forwarded = |name: &str| head.headers.get(name).filter(|_| trusted);
    if let Some(peer) = add.peer {
        let mut chain = Vec::with_capacity(64);
        let hops = head.headers.get_all(FORWARDED_FOR);
        for hop in hops.iter().filter(|_| trusted) {
            chain.put_slice(hop.as_bytes());
            chain.put_slice(b", ");
        }
        chain.put_slice(peer.to_canonical().to_string().as_bytes());
        put_field(wire, FORWARDED_FOR.as_bytes(), &chain);
    }
    let scheme: &[u8] = if add.over_tls { b"https" } else { b"http" };
    let proto = forwarded(FORWARDED_PROTO).map_or(scheme, HeaderValue::as_bytes);
    put_field(wire, FORWARDED_PROTO.as_bytes(), proto);
    // An HTTP/1.0 request may have no host.
    let host = forwarded(FORWARDED_HOST).map_or(head.host(), HeaderValue::as_bytes);
    if !host.is_empty() {
        put_field(wire, FORWARDED_HOST.as_bytes(), host);
    }
}

fn put_gate_headers(wire: &mut Vec<u8>, head: &RequestHead, add: &Additions<'_>) {
    let names = add.names;
    let endpoint = add.admitted.endpoint();
    let mode = endpoint.mode_word().unwrap_or("none");
    put_field(wire, REQUEST_ID.as_bytes(), add.request_id.as_bytes());
    put_field(
        wire,
        &names.organisation,
        endpoint.organisation.as_str().as_bytes(),
    );
    put_field(
        wire,
        &names.workspace,
        endpoint.workspace.as_str().as_bytes(),
    );
    put_field(wire, &names.endpoint, endpoint.id.as_str().as_bytes());
    put_field(wire, &names.target, endpoint.target.word().as_bytes());
    put_field(wire, &names.mode, mode.as_bytes());
    if let Some(installation) = &endpoint.installation {
        put_field(wire, &names.installation, installation.as_str().as_bytes());
    }
    if let Some(event) = &endpoint.event_name {
        put_field(wire, &names.event, event.as_str().as_bytes());
    }
    if let Some(version) = add.admitted.verified().version() {
        put_number(wire, &names.secret_version, version);
    }
    if let Some(delivery) = delivery_id(head, add.admitted) {
        put_field(wire, &names.delivery, delivery.as_bytes());
    }
    if let Some(key) = add.admitted.key() {
        put_field(wire, &names.key, key.as_str().as_bytes());
    }
}

/// The sender's id of the delivery, proven or not.
fn delivery_id<'h>(head: &'h RequestHead, admitted: &'h Admitted) -> Option<Cow<'h, str>> {
    let Auth::Proof(proof) = &admitted.endpoint().auth else {
        return None;
    };
    event_id(&proof.scheme, &head.received(admitted.body().bytes()))
}

fn put_field(wire: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    wire.put_slice(name);
    wire.put_slice(b": ");
    wire.put_slice(value);
    wire.put_slice(b"\r\n");
}

fn put_number(wire: &mut Vec<u8>, name: &[u8], number: impl std::fmt::Display) {
    put_field(wire, name, number.to_string().as_bytes());
}

/// The sender's trace with a new span (W3C Trace Context §3.2); `None` unless it sends exactly one valid trace.
fn trace_of(head: &RequestHead) -> Option<String> {
    let mut sent = head.headers.get_all(TRACEPARENT).iter();
    let (only, None) = (sent.next()?.to_str().ok()?, sent.next()) else {
        return None;
    };
    match only.split('-').collect::<Vec<_>>().as_slice() {
        ["00", trace, parent, flags]
            if is_id(trace, 32) && is_id(parent, 16) && is_lower_hex(flags, 2) =>
        {
            Some(format!("00-{trace}-{}-{flags}", new_span()))
        }
        _ => None,
    }
}

/// A new trace, marked as sampled so that the backend may record it.
fn new_trace() -> String {
    format!("00-{}-{}-01", uuid::Uuid::new_v4().simple(), new_span())
}

fn new_span() -> String {
    let mut span = uuid::Uuid::new_v4().simple().to_string();
    span.truncate(16);
    span
}

fn is_id(text: &str, len: usize) -> bool {
    is_lower_hex(text, len) && text.bytes().any(|byte| byte != b'0')
}

fn is_lower_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Enough for the heads of providers with the headers of the gate.
const WIRE_CAPACITY: usize = 2048;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::proxy::HeadLimits;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn head(traces: &[String]) -> RequestHead {
        let lines = traces
            .iter()
            .map(|trace| format!("Traceparent: {trace}\r\n"));
        let lines: String = lines.collect();
        let limits = HeadLimits {
            bytes: 4096,
            headers: 8,
        };
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        RequestHead::parse(&Bytes::from(head), limits).unwrap()
    }

    #[test]
    fn only_one_valid_trace_is_continued_and_with_a_new_span() {
        let zeros = "0".repeat(32);
        let valid = format!("00-{TRACE}-{PARENT}-01");
        for (traces, is_continued) in [
            (vec![valid.clone()], true),
            (vec![format!("00-{TRACE}-{PARENT}-00")], true),
            (vec![], false),
            (vec![valid.clone(), valid.clone()], false),
            (vec![format!("01-{TRACE}-{PARENT}-01")], false),
            (vec![format!("ff-{TRACE}-{PARENT}-01")], false),
            (vec![format!("00-{zeros}-{PARENT}-01")], false),
            (vec![format!("00-{TRACE}-{}-01", "0".repeat(16))], false),
            (vec![valid.to_uppercase()], false),
            (vec![format!("00-{TRACE}-{PARENT}-1")], false),
            (vec![format!("00-{TRACE}-{PARENT}-0g")], false),
            (vec![format!("00-{}-{PARENT}-01", &TRACE[1..])], false),
            (vec![format!("{valid}-00")], false),
            (vec![format!("00{TRACE}-{PARENT}-01")], false),
            (vec![String::new()], false),
        ] {
            let trace = trace_of(&head(&traces));
            assert_eq!(trace.is_some(), is_continued, "{traces:?}");
            let Some(trace) = trace else { continue };
            assert!(trace.starts_with(&format!("00-{TRACE}-")), "{trace}");
            assert!(!trace.contains(PARENT), "{trace}");
            assert_eq!(trace[52..], traces[0][52..]);
            // A backend of the same kind continues it.
            assert!(trace_of(&head(&[trace])).is_some());
        }
        assert!(trace_of(&head(&[new_trace()])).is_some());
    }
}
