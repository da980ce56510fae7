//! The components of a request that an HTTP message signature covers (RFC 9421 §2).
//!
//! The components of the URL come from the public URL of the endpoint, which the sender signed. A proxy in between may
//! have changed the host. The URL and the digests are parsed once for all signatures.

use std::borrow::Cow;
use std::cell::OnceCell;

use http::HeaderName;
use http::uri::Uri;
use percent_encoding::percent_decode_str;
use sfv::Item;

use super::DigestAlgorithm;
use super::fields::{combined, content_digests, text};
use crate::auth::form::Field;
use crate::auth::place::into_bytes;
use crate::auth::{Head, ProofError, percent};

/// A digest of the body, with its algorithm.
pub(super) type SentDigest = (DigestAlgorithm, Vec<u8>);

/// The components of one request.
pub(super) struct Components<'h> {
    head: Head<'h>,
    url: Option<Url<'h>>,
    authority: OnceCell<Option<String>>,
    /// The decoded parameters of the query; `None` if there are too many.
    parameters: OnceCell<Option<Vec<Field<'h>>>>,
    digests: OnceCell<Result<Vec<SentDigest>, ProofError>>,
}

/// The parts of the public URL.
#[derive(Clone, Copy)]
struct Url<'h> {
    whole: &'h str,
    scheme: &'h str,
    authority: &'h str,
    target: &'h str,
    path: &'h str,
    query: Option<&'h str>,
}

impl<'h> Url<'h> {
    fn of(whole: &'h str) -> Option<Self> {
        let (scheme, below) = whole.split_once("://")?;
        let path_at = below.find(['/', '?']).unwrap_or(below.len());
        let (authority, target) = below.split_at_checked(path_at)?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        Some(Self {
            whole,
            scheme,
            authority,
            target,
            path,
            query,
        })
    }
}

impl<'h> Components<'h> {
    pub(super) fn of(head: &Head<'h>) -> Self {
        Self {
            head: *head,
            url: head.url.and_then(Url::of),
            authority: OnceCell::new(),
            parameters: OnceCell::new(),
            digests: OnceCell::new(),
        }
    }

    /// The value of a component.
    ///
    /// Parameters change the meaning of a component, so an unknown parameter is an error. Only `name` of a query
    /// parameter is supported; `sf`, `key`, `bs`, `req` and `tr` are not.
    pub(super) fn value(&self, item: &Item) -> Result<Cow<'h, [u8]>, ProofError> {
        let name = text(&item.bare_item).ok_or(ProofError::SignatureMalformed)?;
        let found = match (name.strip_prefix('@'), item.params.len()) {
            (Some("query-param"), 1) => {
                let parameter = item.params.get("name").and_then(text);
                parameter.and_then(|name| self.query_parameter(name))
            }
            (Some(derived), 0) => self.derived_value(derived),
            (None, 0) => self.field(name),
            _ => None,
        };
        found.ok_or(ProofError::SignatureMalformed)
    }

    /// The digests of the body in `Content-Digest`.
    pub(super) fn digests(&self) -> Result<Vec<SentDigest>, ProofError> {
        let digests = self
            .digests
            .get_or_init(|| content_digests(self.head.headers));
        digests.clone()
    }

    fn field(&self, name: &str) -> Option<Cow<'h, [u8]>> {
        // Names are in lower case (RFC 9421 §2.1), so that each name has one spelling.
        let header: HeaderName = name.parse().ok()?;
        let combined = combined(self.head.headers, &header).filter(|_| header.as_str() == name);
        combined.map(Cow::Owned)
    }

    fn derived_value(&self, name: &str) -> Option<Cow<'h, [u8]>> {
        if name == "method" {
            return Some(Cow::Borrowed(self.head.method.as_str().as_bytes()));
        }
        let url = self.url?;
        let path = url.path;
        let text = match name {
            "authority" => Cow::Owned(self.authority()?.to_owned()),
            "path" => Cow::Borrowed(path),
            "query" => Cow::Owned(format!("?{}", url.query.unwrap_or_default())),
            "request-target" => match url.query {
                Some(query) => Cow::Owned(format!("{path}?{query}")),
                None => Cow::Borrowed(path),
            },
            "scheme" => Cow::Owned(url.scheme.to_ascii_lowercase()),
            "target-uri" if url.target.is_empty() => {
                Cow::Owned(format!("{}://{}/", url.scheme, url.authority))
            }
            "target-uri" => Cow::Borrowed(url.whole),
            _ => return None,
        };
        Some(into_bytes(text))
    }

    fn authority(&self) -> Option<&str> {
        let read = || {
            let url = self.url?;
            let default = if url.scheme == "http" { ":80" } else { ":443" };
            // Only scheme and host are parsed: the path and the query are not needed here.
            let host: Uri = format!("{}://{}/", url.scheme, url.authority)
                .parse()
                .ok()?;
            // `http` keeps user information in the authority, and RFC 9421 §2.2.3 signs it without.
            let host = host.authority()?.as_str().rsplit('@').next()?;
            let host = host.strip_suffix(default).unwrap_or(host);
            Some(host.to_ascii_lowercase())
        };
        self.authority.get_or_init(read).as_deref()
    }

    /// The value of one query parameter, decoded and encoded again (RFC 9421 §2.2.8). A repeated parameter has no value.
    fn query_parameter(&self, name: &str) -> Option<Cow<'h, [u8]>> {
        let read = || {
            let query = self.url?.query?;
            let is_short = query.len() <= MAX_QUERY_LEN
                && memchr::memchr_iter(b'&', query.as_bytes()).count() < MAX_PARAMETERS;
            is_short.then(|| form_urlencoded::parse(query.as_bytes()).collect())
        };
        let parameters = self.parameters.get_or_init(read).as_ref()?;
        let wanted = percent_decode_str(name).decode_utf8().ok()?;
        if encode(&wanted) != name {
            return None;
        }
        let mut named = parameters.iter().filter(|(known, _)| *known == wanted);
        let (_, value) = named.next()?;
        let only = named.next().is_none();
        only.then(|| Cow::Owned(encode(value).into_bytes()))
    }
}

/// Percent-encodes like `application/x-www-form-urlencoded`, but a space as `%20` (WHATWG URL §1.3).
fn encode(text: &str) -> String {
    percent::encode(text.as_bytes(), b"*-._", "%")
}

/// Senders sign far fewer parameters one by one.
const MAX_PARAMETERS: usize = 64;
/// The queries that senders sign by parameter are shorter.
const MAX_QUERY_LEN: usize = 8 * 1024;
