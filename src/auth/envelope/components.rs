//! The components of a request that an HTTP message signature covers (RFC 9421 §2).
//!
//! Whatever stands in the URL is taken from the one that the sender was told to deliver to: what a
//! proxy in between has made of the host is not what was signed.

use std::borrow::Cow;

use http::HeaderName;
use http::uri::Uri;
use sfv::Item;

use super::fields::{combined, text};
use crate::auth::{Head, ProofError};

/// What the component is.
///
/// Parameters change what a component means: who does not know one must not pass over it. `name`
/// of a query parameter is known; `sf`, `key`, `bs`, `req` and `tr` are not.
pub(super) fn value<'h>(item: &Item, head: &Head<'h>) -> Result<Cow<'h, [u8]>, ProofError> {
    let name = text(&item.bare_item).ok_or(ProofError::SignatureMalformed)?;
    let found = match (name.strip_prefix('@'), item.params.len()) {
        (Some("query-param"), 1) => {
            let parameter = item.params.get("name").and_then(text);
            parameter.and_then(|name| query_parameter(name, head))
        }
        (Some(derived), 0) => derived_value(derived, head),
        (None, 0) => field(name, head),
        _ => None,
    };
    found.ok_or(ProofError::SignatureMalformed)
}

fn field<'h>(name: &str, head: &Head<'h>) -> Option<Cow<'h, [u8]>> {
    // Names are written in lower case (RFC 9421 §2.1), so that each has one spelling.
    let header: HeaderName = name.parse().ok()?;
    let combined = combined(head.headers, &header).filter(|_| header.as_str() == name);
    combined.map(Cow::Owned)
}

fn derived_value<'h>(name: &str, head: &Head<'h>) -> Option<Cow<'h, [u8]>> {
    if name == "method" {
        return Some(Cow::Borrowed(head.method.as_str().as_bytes()));
    }
    let url = head.url?;
    let (scheme, below) = url.split_once("://")?;
    let path_at = below.find(['/', '?']).unwrap_or(below.len());
    let (authority, target) = below.split_at_checked(path_at)?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    let text = match name {
        "authority" => {
            let default = if scheme == "http" { ":80" } else { ":443" };
            let host: Uri = url.parse().ok()?;
            // Without the name of a user, which `http` leaves in.
            let host = host.authority()?.as_str().rsplit('@').next()?;
            let host = host.strip_suffix(default).unwrap_or(host);
            Cow::Owned(host.to_ascii_lowercase())
        }
        "path" => Cow::Borrowed(path),
        "query" => Cow::Owned(format!("?{}", query.unwrap_or_default())),
        "request-target" => match query {
            Some(query) => Cow::Owned(format!("{path}?{query}")),
            None => Cow::Borrowed(path),
        },
        "scheme" => Cow::Owned(scheme.to_ascii_lowercase()),
        "target-uri" if target.is_empty() => Cow::Owned(format!("{scheme}://{authority}/")),
        "target-uri" => Cow::Borrowed(url),
        _ => return None,
    };
    Some(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

/// One parameter, decoded and encoded again; one that is there twice cannot be signed by its name
/// (RFC 9421 §2.2.8).
fn query_parameter<'h>(name: &str, head: &Head<'h>) -> Option<Cow<'h, [u8]>> {
    let query = head.url?.split_once('?')?.1;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let mut named = pairs.by_ref().filter(|(known, _)| encoded(known) == name);
    let (_, value) = named.next()?;
    let only = named.next().is_none();
    only.then(|| Cow::Owned(encoded(&value).into_bytes()))
}

/// The set of `application/x-www-form-urlencoded`, with a space as `%20` (WHATWG URL §1.3).
fn encoded(text: &str) -> String {
    let plus: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    plus.replace('+', "%20")
}
